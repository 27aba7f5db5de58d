#include "dlfs/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

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

constexpr int new_file = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC;

}  // namespace

void fail_to(const std::string& path, const char* deed, int code) {
  throw FileError("file", concat(path, ": cannot ", deed, ": ", std::generic_category().message(code)));
}

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

// Not to block on a pipe that nobody writes to.
constexpr int reading = O_RDONLY | O_NONBLOCK | O_CLOEXEC;

static uint64_t size_of_regular(const Descriptor& file, const std::string& path) {
  struct stat about {};
  if (file.number() < 0 || ::fstat(file.number(), &about) != 0) fail_to(path, "read", errno);
  if (S_ISDIR(about.st_mode)) fail_to(path, "read", EISDIR);
  if (!S_ISREG(about.st_mode)) throw FileError("file", path + ": cannot read: not a regular file");
  return static_cast<uint64_t>(about.st_size);
}

// Fills `bytes` from `filled` on; returns what is filled then: less than all at the end of the file.
static size_t read_on(const Descriptor& file, const std::string& path, Bytes& bytes, size_t filled) {
  while (filled < bytes.size()) {
    const ssize_t got = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno != EINTR) fail_to(path, "read", errno);
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
    if (found > limits.max_bytes)
      throw FileError("file", concat(path, ": has ", found, " bytes or more, and at most ", limits.max_bytes,
                                     " are read"));
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
  NewFile file(path, Old::replace);
  file.write(text);
  file.commit();
}

void write_file(const std::string& path, std::span<const std::byte> bytes) {
  write_file(path, text_of(bytes));
}

void write_new(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), new_file, 0666));
  if (file.number() < 0) fail_to(path, "write", errno);
  if (const int code = write_all(file, text)) fail_to(path, "write", code);
}

void put_in_place(const std::string& aside, const std::string& path, Old old) {
  // The kernel itself refuses to replace what came meanwhile.
  if (old == Old::refuse &&
      ::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0)
    fail_to(path, "put it in place", errno);
  if (old == Old::replace && ::rename(aside.c_str(), path.c_str()) != 0)
    fail_to(path, "put the new file in place", errno);
  const fs::path folder = fs::path(path).parent_path();
  const Descriptor parent(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // EINVAL: a file system that has no sync for folders.
  if (parent.number() < 0 || (::fsync(parent.number()) != 0 && errno != EINVAL))
    fail_to(path, "sync its folder", errno);
}

NewFile::NewFile(std::string path, Old old) : path_(std::move(path)), old_(old), file_(open_aside()) {}

NewFile::~NewFile() {
  if (!done_) ::unlink(aside_.c_str());
}

// Under a free name in the folder of the path.
int NewFile::open_aside() {
  for (int attempt = 0;; ++attempt) {
    aside_ = concat(path_, ".", ::getpid(), ".", attempt, ".tmp");
    const int number = ::open(aside_.c_str(), new_file, 0666);
    if (number >= 0) return number;
    if (errno != EEXIST) fail_to(path_, "write", errno);
  }
}

void NewFile::flush(std::string_view text) {
  if (const int code = write_all(file_, text)) fail_to(path_, "write", code);
}

void NewFile::write(std::string_view text) {
  constexpr size_t buffered = size_t{1} << 20;
  if (buffer_.size() + text.size() < buffered) {
    buffer_ += text;
    return;
  }
  flush(std::exchange(buffer_, {}));
  flush(text);
}

void NewFile::commit() {
  flush(std::exchange(buffer_, {}));
  if (::fsync(file_.number()) != 0) fail_to(path_, "write", errno);
  put_in_place(aside_, path_, old_);
  done_ = true;
}

void make_directories(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) return;
  for (fs::path part = path; !part.empty() && part != part.parent_path(); part = part.parent_path()) {
    std::error_code ignored;
    const fs::file_status status = fs::status(part, ignored);
    if (fs::exists(status) && !fs::is_directory(status))
      throw FileError("file", concat(path, ": cannot make the folder: ", part.string(), " is a file"));
  }
  fail_to(path, "make the folder", error.value());
}

LineFile::LineFile(std::string path)
    : path_(std::move(path)), file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (file_.number() < 0) fail_to(path_, "write", errno);
}

void LineFile::append(std::string_view line) {
  const off_t end = ::lseek(file_.number(), 0, SEEK_END);
  if (const int code = write_all(file_, concat(line, "\n"))) {
    std::ignore = ::ftruncate(file_.number(), end);  // the first error says it all
    fail_to(path_, "write", code);
  }
}

}  // namespace dlfs
