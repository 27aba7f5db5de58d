#include "dlfs/data/formats/output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

constexpr size_t buffered = size_t{1} << 20;

[[noreturn]] void fail(const std::string& path, const char* deed, int code = errno) {
  throw FileError("file", concat(path, ": cannot ", deed, ": ", std::generic_category().message(code)));
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string aside_name(const std::string& path) {
  std::error_code ignored;
  if (path.empty() || fs::exists(fs::symlink_status(path, ignored)))
    throw FileError("export", path + ": is there already; name one that is not");
  const std::string parent = fs::path(path).parent_path().string();
  if (!parent.empty()) make_directories(parent);
  return concat(path, ".", ::getpid(), ".tmp");
}

void write_all(int file, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(static_cast<size_t>(written));
    else if (errno != EINTR)
      fail(path, "write");
  }
}

int create(const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (file < 0) fail(path, "write");
  return file;
}

// All of the name's file system: one call for however many files.
void sync(const std::string& path) {
  const Descriptor any(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (any.number() < 0 || ::syncfs(any.number()) != 0) fail(path, "write");
}

// The kernel itself refuses to replace what came meanwhile.
void put_in_place(const std::string& aside, const std::string& path) {
  if (::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0)
    fail(path, "put it in place");
  const std::string parent = fs::path(path).parent_path().string();
  sync(parent.empty() ? "." : parent);
}

}  // namespace

void write_new(const std::string& path, std::string_view text) {
  const Descriptor file(create(path));
  write_all(file.number(), text, path);
}

NewFile::NewFile(std::string path)
    : path_(std::move(path)), aside_(aside_name(path_)), file_(create(aside_)) {}

NewFile::~NewFile() {
  if (!done_) ::unlink(aside_.c_str());
}

void NewFile::write(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= buffered) flush();
}

void NewFile::flush() {
  write_all(file_.number(), buffer_, path_);
  buffer_.clear();
}

void NewFile::commit() {
  flush();
  if (::fsync(file_.number()) != 0) fail(path_, "write");
  put_in_place(aside_, path_);
  done_ = true;
}

NewFolder::NewFolder(std::string path) : path_(without_slash(std::move(path))), aside_(aside_name(path_)) {
  if (::mkdir(aside_.c_str(), 0777) != 0) fail(path_, "make the folder");
}

NewFolder::~NewFolder() {
  std::error_code ignored;
  if (!done_) fs::remove_all(aside_, ignored);
}

void NewFolder::write(const std::string& name, std::string_view text) {
  const std::string path = concat(aside_, "/", name);
  make_directories(fs::path(path).parent_path().string());
  write_new(path, text);
}

void NewFolder::commit() {
  sync(aside_);
  put_in_place(aside_, path_);
  done_ = true;
}

}  // namespace dlfs
