// YOLO's text files: a line "class centre_x centre_y width height" an object, in parts of the upright image's size.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/yolo_names.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

// A folder of images, and where their labels may be: the first that has a file of an image's name gives its labels.
struct LabelFolder {
  std::string path;
  std::optional<Split> split;  // of images that have their labels here
};
struct Part {
  std::string images;
  std::vector<LabelFolder> labels;
};

// The folders in a folder that are named like a split.
std::vector<std::pair<std::string, Split>> split_folders(const std::string& path) {
  std::vector<std::pair<std::string, Split>> found;
  if (!is_folder(path)) return found;
  for (const std::string& name : names_in(path))
    if (const std::optional<Split> split = split_of(name); split && is_folder(concat(path, "/", name)))
      found.emplace_back(name, *split);
  return found;
}

// images/train beside labels/train; train/images beside train/labels; images beside labels; or all in one folder. Where
// `images` is named, labels are looked for in the same places.
std::vector<Part> find_parts(const std::string& root, const std::string& images) {
  const std::string labels = is_folder(root + "/labels") ? root + "/labels" : root;
  if (!images.empty()) {
    Part part{.images = images, .labels = {{.path = labels, .split = {}}}};
    for (const auto& [name, split] : split_folders(labels))
      part.labels.push_back({concat(labels, "/", name), split});
    for (const auto& [name, split] : split_folders(root))
      part.labels.push_back({concat(root, "/", name, "/labels"), split});
    return {part};
  }
  std::vector<Part> parts;
  for (const auto& [name, split] : split_folders(root + "/images"))
    parts.push_back(
        {.images = concat(root, "/images/", name), .labels = {{concat(root, "/labels/", name), split}}});
  if (parts.empty())
    for (const auto& [name, split] : split_folders(root))
      if (is_folder(concat(root, "/", name, "/images")))
        parts.push_back({.images = concat(root, "/", name, "/images"),
                         .labels = {{concat(root, "/", name, "/labels"), split}}});
  if (parts.empty())
    parts.push_back(
        {.images = is_folder(root + "/images") ? root + "/images" : root, .labels = {{labels, {}}}});
  return parts;
}

// One label file.
class Lines {
 public:
  Lines(std::string source, std::string_view text, const std::vector<int64_t>& categories, Size size)
      : source_(std::move(source)), categories_(categories), size_(size) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      read(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  std::vector<Annotation> found;

 private:
  [[noreturn]] void fail(const std::string& fact) const {
    throw FileError("yolo", concat(source_, ":", line_, ": ", fact));
  }

  void read(std::string_view line) {
    std::vector<std::string_view> words;
    constexpr std::string_view space = " \t\r";
    while (true) {
      line.remove_prefix(std::min(line.find_first_not_of(space), line.size()));
      if (line.empty()) break;
      const size_t end = std::min(line.find_first_of(space), line.size());
      words.push_back(line.substr(0, end));
      line.remove_prefix(end);
    }
    if (words.empty()) return;
    if (words.size() != 5)
      fail(concat("has ", words.size(), " numbers, but a box has 5: class, centre x and y, width, height"));
    if (size_.width == 0) fail("is of an image whose size cannot be read");
    Annotation& to = found.emplace_back();
    to.category = category(words[0]);
    to.box = box({number(words[1]), number(words[2]), number(words[3]), number(words[4])});
    to.area = double{to.box->width} * double{to.box->height};
  }

  int64_t category(std::string_view word) const {
    size_t index = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), index);
    if (error != std::errc{} || stop != word.data() + word.size())
      fail(concat("has the class ", cut(std::string(word), 40), ", but must begin with a whole number"));
    if (index >= categories_.size())
      fail(concat("has the class ", index, ", but there are ", categories_.size(), ", from 0"));
    return categories_[index];
  }

  double number(std::string_view word) const {
    double value = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || stop != word.data() + word.size() || !std::isfinite(value))
      fail(concat(cut(std::string(word), 40), " is no number"));
    if (std::abs(value) > 10)
      fail(concat(cut(std::string(word), 40), " is no part of the image's size: these go from 0 to 1"));
    return value;
  }

  BoundingBox box(const std::array<double, 4>& parts) const {
    const double width = parts[2] * size_.width, height = parts[3] * size_.height;
    if (width < 0 || height < 0) fail(concat("has a box of ", width, " x ", height, " pixels"));
    // What rounding leaves of a box that begins at the border.
    const auto edge = [](double value) { return std::abs(value) < 1e-9 ? 0.0F : static_cast<float>(value); };
    return {.x = edge(parts[0] * size_.width - width / 2),
            .y = edge(parts[1] * size_.height - height / 2),
            .width = static_cast<float>(width),
            .height = static_cast<float>(height)};
  }

  std::string source_;
  const std::vector<int64_t>& categories_;
  Size size_;
  int64_t line_ = 0;
};

void import_part(const Part& part, const std::vector<int64_t>& categories, Intake& intake) {
  struct Labels {
    explicit Labels(const LabelFolder& from) : folder(from.path), split(from.split) {}
    Folder folder;
    std::optional<Split> split;
  };
  std::deque<Labels> labels;
  for (const LabelFolder& folder : part.labels)
    if (is_folder(folder.path)) labels.emplace_back(folder);
  intake.folder(part.images);
  for (const std::string& file : images_beneath(part.images).files) {
    ImageRecord image;
    image.path = file;
    image.size = intake.size_of(file);
    image.split =
        part.labels[0].split.value_or(split_of(file.substr(0, file.find('/'))).value_or(Split::none));
    const std::string name = without_ending(file) + ".txt";
    const auto found =
        std::find_if(labels.begin(), labels.end(), [&](const Labels& l) { return l.folder.has(name); });
    std::vector<Annotation> annotations;
    if (found != labels.end()) {
      const Bytes text = found->folder.read(name, {.max_bytes = uint64_t{64} << 20});
      annotations =
          Lines(concat(found->folder.path(), "/", name), text_of(text), categories, image.size).found;
      if (found->split) image.split = *found->split;
    }
    intake.image(std::move(image), annotations);
  }
}

}  // namespace

ImportReport import_yolo(Store& store, const ImportRequest& request) {
  const std::string root =
      is_folder(request.path) ? request.path : fs::path(request.path).parent_path().string();
  Intake intake(store, request, request.path);
  std::vector<int64_t> categories;
  for (const std::string& name : read_yolo_names(request.path)) {
    const auto index = static_cast<int64_t>(categories.size());
    categories.push_back(intake.category({.id = 0, .name = name, .supercategory = "", .source_id = index}));
  }
  for (const Part& part : find_parts(root.empty() ? "." : root, request.images))
    import_part(part, categories, intake);
  return intake.commit();
}

}  // namespace dlfs
