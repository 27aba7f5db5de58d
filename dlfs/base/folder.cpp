#include "dlfs/base/folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

constexpr int reading = O_RDONLY | O_NONBLOCK | O_CLOEXEC;  // not to block on a pipe that nobody writes to

// What linux/openat2.h says; the C library has no name for it yet.
struct OpenHow {
  uint64_t flags = 0, mode = 0, resolve = 0;
};
constexpr long openat2_number = 437;
constexpr uint64_t no_magic_links = 0x02, beneath = 0x08;

int open_beneath(int folder, const std::string& name) {
  const OpenHow how{.flags = reading, .mode = 0, .resolve = beneath | no_magic_links};
  for (int attempt = 0;; ++attempt) {
    const long number = ::syscall(openat2_number, folder, name.c_str(), &how, sizeof how);
    if (number >= 0) return static_cast<int>(number);
    // EPERM: a sandbox that does not know the call either.
    if (errno == ENOSYS || errno == EPERM) return open_by_walking(folder, name);
    if (errno != EINTR && (errno != EAGAIN || attempt == 100))
      return -1;  // EAGAIN: something was renamed meanwhile
  }
}

int open_in(const Descriptor& folder, const std::string& name) {
  if (name.find('\0') == std::string::npos) return open_beneath(folder.number(), name);
  errno = EINVAL;
  return -1;
}

}  // namespace

int open_by_walking(int folder, const std::string& name) {
  const auto fail = [](int code) {
    errno = code;
    return -1;
  };
  if (name.empty()) return fail(ENOENT);
  if (name.front() == '/') return fail(EXDEV);
  int at = folder;
  for (size_t start = 0;;) {
    const size_t end = name.find('/', start);
    const std::string part = name.substr(start, end - start);
    const bool last = end == std::string::npos;
    const int next =
        part == ".." ? fail(EXDEV)
                     : ::openat(at, part.empty() ? "." : part.c_str(),
                                last ? reading | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int code = errno;
    if (at != folder) ::close(at);
    if (next < 0) return fail(code);
    if (last) return next;
    at = next;
    start = end + 1;
  }
}

Folder::Folder(std::string path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_.number() < 0) fail_to(path_, "open the folder", errno);
}

static Descriptor open_or_throw(const Descriptor& folder, const std::string& path, const std::string& name) {
  const int number = open_in(folder, name);
  if (number >= 0) return Descriptor(number);
  if (errno == EXDEV)
    throw FileError("file",
                    concat(path, ": the name \"", name, "\" leads out of this folder, and is not read"));
  fail_to(path + "/" + name, "read", errno);
}

void Folder::read(const std::string& name, Bytes& into, ReadLimits limits) const {
  read_file(open_or_throw(descriptor_, path_, name), path_ + "/" + name, into, limits);
}

Bytes Folder::read(const std::string& name, ReadLimits limits) const {
  Bytes bytes;
  read(name, bytes, limits);
  return bytes;
}

FileStart Folder::read_start(const std::string& name, size_t wanted) const {
  return read_file_start(open_or_throw(descriptor_, path_, name), path_ + "/" + name, wanted);
}

bool Folder::has(const std::string& name) const {
  const Descriptor file(open_in(descriptor_, name));
  struct stat about {};
  return file.number() >= 0 && ::fstat(file.number(), &about) == 0 && S_ISREG(about.st_mode);
}

}  // namespace dlfs
