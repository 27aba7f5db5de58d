#include "dlfs/data/idx.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <sstream>
#include <system_error>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t most_bytes = uint64_t{1} << 30;  // of one file, decoded
constexpr uint64_t step_bytes = uint64_t{1} << 20;

[[noreturn]] void fail(const std::string& path, const std::string& fact) {
  throw FileError("idx", path + ": " + fact);
}

struct Names {
  std::string images, labels;
};

Names names_of(Split split) {
  const std::string start = split == Split::train ? "train" : "t10k";
  return {.images = start + "-images-idx3-ubyte", .labels = start + "-labels-idx1-ubyte"};
}

// The plain file, or the one with .gz.
std::string find(const std::string& directory, const std::string& name, Split split) {
  for (const char* ending : {"", ".gz"}) {
    std::error_code ignored;
    std::string path = concat(directory, "/", name, ending);
    if (fs::is_regular_file(path, ignored)) return path;
  }
  const Names train = names_of(Split::train), test = names_of(Split::test);
  const std::string also = split == Split::train ? concat(train.images, ", ", train.labels, ", ") : "";
  fail(directory, concat("there is no ", name, " or ", name, ".gz; the folder must hold ", also, test.images,
                         " and ", test.labels, ", plain or as .gz"));
}

// One file of bytes with so many dimensions: its header is judged at once, its values are read when asked
// for.
class IdxFile {
 public:
  IdxFile(std::string path, int dimensions)
      : path_(std::move(path)), file_(gzopen(path_.c_str(), "rb"), gzclose) {
    if (!file_) fail(path_, "cannot read: " + std::generic_category().message(errno));
    std::array<uint8_t, 4> magic{};
    if (read(magic.data(), magic.size()) < magic.size() || magic[0] != 0 || magic[1] != 0)
      fail(path_, "is no idx file: it does not begin with two zero bytes, a type and a count of dimensions");
    if (magic[2] != 8) fail(path_, concat("holds values of idx type ", +magic[2], ", not bytes (type 8)"));
    if (magic[3] != dimensions) fail(path_, concat("has ", +magic[3], " dimensions, not ", dimensions));
    for (int i = 0; i < dimensions; ++i) read_size();
  }

  const std::string& path() const { return path_; }
  int size(size_t dimension) const { return static_cast<int>(sizes_[dimension]); }

  std::vector<uint8_t> values() {
    std::vector<uint8_t> values;
    while (values.size() < total_) {
      const size_t start = values.size();
      values.resize(std::min(total_, start + step_bytes));
      const size_t got = read(values.data() + start, values.size() - start);
      if (got < values.size() - start)
        fail(path_,
             concat("ends after ", start + got, " of the ", total_, " values that its header declares"));
    }
    uint8_t beyond = 0;
    if (read(&beyond, 1) != 0)
      fail(path_, concat("goes on after the ", total_, " values that its header declares"));
    return values;
  }

 private:
  void read_size() {
    std::array<uint8_t, 4> bytes{};
    if (read(bytes.data(), bytes.size()) < bytes.size()) fail(path_, "ends within its header");
    const uint32_t size = uint32_t{bytes[0]} << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
    if (size == 0) fail(path_, "declares a dimension of size 0");
    if (size > most_bytes / total_)
      fail(path_, concat("declares ", total_, " x ", size, " values or more, and at most ", most_bytes,
                         " are read"));
    sizes_.push_back(size);
    total_ *= size;
  }

  // The next bytes, decoded where the file is gzip; fewer than asked only where they end.
  size_t read(uint8_t* to, size_t size) {
    const int got = gzread(file_.get(), to, static_cast<unsigned>(size));
    int code = Z_OK;
    const std::string message = gzerror(file_.get(), &code);  // "path: what is wrong"
    if (got < 0 || (got == 0 && code != Z_OK)) throw FileError("idx", message);
    return static_cast<size_t>(got);
  }

  std::string path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
  std::vector<uint32_t> sizes_;
  uint64_t total_ = 1;  // the product of sizes_
};

}  // namespace

LabelledImages read_idx(const std::string& directory, Split split) {
  const Names names = names_of(split);
  IdxFile images(find(directory, names.images, split), 3), labels(find(directory, names.labels, split), 1);
  if (images.size(0) != labels.size(0))
    fail(labels.path(),
         concat("has ", labels.size(0), " labels, but ", images.path(), " has ", images.size(0), " images"));
  return {.count = images.size(0),
          .height = images.size(1),
          .width = images.size(2),
          .pixels = images.values(),
          .labels = labels.values()};
}

int max_label(const LabelledImages& images) {
  const auto largest = std::max_element(images.labels.begin(), images.labels.end());
  return largest == images.labels.end() ? -1 : *largest;
}

std::vector<std::string> class_names(const std::string& directory, int count) {
  const std::string listed = directory + "/classes.txt";
  std::vector<std::string> names;
  std::error_code unreadable;  // read_file says it better
  if (fs::exists(listed, unreadable) || unreadable) {
    const Bytes bytes = read_file(listed, {.max_bytes = 1 << 20});
    std::istringstream lines{std::string(text_of(bytes))};
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (!line.empty()) names.push_back(line);
    }
    if (static_cast<int>(names.size()) != count)
      fail(listed, concat("names ", names.size(), " classes, but there are ", count));
    return names;
  }
  std::string folder = fs::weakly_canonical(directory).filename().string();
  std::transform(folder.begin(), folder.end(), folder.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  if (count == 10 && folder.find("fashion") != std::string::npos) {
    return {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
            "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  }
  for (int i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

}  // namespace dlfs
