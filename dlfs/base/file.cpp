#include "dlfs/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& path, const char* deed, int code) {
  throw FileError("file", concat(path, ": cannot ", deed, ": ", std::generic_category().message(code)));
}

// 0, or the error that stopped it.
int write_all(const Descriptor& file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file.number(), text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

// A new file in the folder of `path` under a free name: gone with its owner, unless it was renamed.
struct Aside {
  explicit Aside(const std::string& path) : file(open(path)) {}
  ~Aside() {
    if (!renamed) ::unlink(name.c_str());
  }

  int open(const std::string& path) {
    for (int attempt = 0;; ++attempt) {
      name = concat(path, ".", ::getpid(), ".", attempt, ".tmp");
      const int number = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (number >= 0) return number;
      if (errno != EEXIST) fail(path, "write", errno);
    }
  }

  std::string name;
  Descriptor file;
  bool renamed = false;
};

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

// Not to block on a pipe that nobody writes to.
constexpr int reading = O_RDONLY | O_NONBLOCK | O_CLOEXEC;

static uint64_t size_of_regular(const Descriptor& file, const std::string& path) {
  struct stat about {};
  if (file.number() < 0 || ::fstat(file.number(), &about) != 0) fail(path, "read", errno);
  if (S_ISDIR(about.st_mode)) fail(path, "read", EISDIR);
  if (!S_ISREG(about.st_mode)) throw FileError("file", path + ": cannot read: not a regular file");
  return static_cast<uint64_t>(about.st_size);
}

// Fills `bytes` from `filled` on; returns what is filled then: less than all at the end of the file.
static size_t read_on(const Descriptor& file, const std::string& path, Bytes& bytes, size_t filled) {
  while (filled < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno != EINTR) fail(path, "read", errno);
    if (got == 0) break;
    if (got > 0) filled += static_cast<size_t>(got);
  }
  return filled;
}

FileStart read_file_start(const Descriptor& file, const std::string& path, size_t wanted) {
  const uint64_t size = size_of_regular(file, path);
  Bytes bytes(static_cast<size_t>(std::min<uint64_t>(wanted, size)));
  const size_t wanted_here = bytes.size();
  bytes.resize(read_on(file, path, bytes, 0));
  const uint64_t found = bytes.size() < wanted_here ? bytes.size() : size;  // it was cut short meanwhile
  return {std::move(bytes), found};
}

FileStart read_file_start(const std::string& path, size_t wanted) {
  return read_file_start(Descriptor(::open(path.c_str(), reading)), path, wanted);
}

void read_file(const Descriptor& file, const std::string& path, Bytes& into, ReadLimits limits) {
  const uint64_t size = size_of_regular(file, path);

  // The size is a first guess only: the file may grow meanwhile, and /proc's files say 0.
  const auto refuse_more = [&](uint64_t found) {
    if (found > limits.max_bytes) {
      throw FileError("file", concat(path, ": has ", found, " bytes or more, and at most ", limits.max_bytes,
                                     " are read"));
    }
  };
  refuse_more(size);
  into.resize(static_cast<size_t>(size) + 1);
  size_t filled = 0;
  while ((filled = read_on(file, path, into, filled)) == into.size()) {
    refuse_more(filled);
    into.resize(2 * filled);
  }
  refuse_more(filled);
  into.resize(filled);
}

Bytes read_file(const std::string& path, ReadLimits limits) {
  Bytes bytes;
  read_file(Descriptor(::open(path.c_str(), reading)), path, bytes, limits);
  return bytes;
}

void write_file(const std::string& path, std::string_view text) {
  Aside aside(path);
  if (const int code = write_all(aside.file, text)) fail(path, "write", code);
  if (::fsync(aside.file.number()) != 0) fail(path, "write", errno);
  if (::rename(aside.name.c_str(), path.c_str()) != 0) fail(path, "put the new file in place", errno);
  aside.renamed = true;

  const fs::path folder = fs::path(path).parent_path();
  const Descriptor parent(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: a file system that has no sync for folders.
  if (parent.number() < 0 || (::fsync(parent.number()) != 0 && errno != EINVAL)) {
    fail(path, "sync its folder", errno);
  }
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  write_file(path, text_of(bytes));
}

void make_directories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return;
  for (fs::path part = path; !part.empty() && part != part.parent_path(); part = part.parent_path()) {
    std::error_code ignored;
    const fs::file_status status = fs::status(part, ignored);
    if (fs::exists(status) && !fs::is_directory(status)) {
      throw FileError("file", concat(path, ": cannot make the folder: ", part.string(), " is a file"));
    }
  }
  fail(path, "make the folder", error.value());
}

LineFile::LineFile(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.number() < 0) fail(path_, "write", errno);
}

void LineFile::append(std::string_view line) {
  const off_t end = ::lseek(file_.number(), 0, SEEK_END);
  if (const int code = write_all(file_, concat(line, "\n"))) {
    std::ignore = ::ftruncate(file_.number(), end);  // the first error says it all
    fail(path_, "write", code);
  }
}

}  // namespace dlfs
