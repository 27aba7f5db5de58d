#include "dlfs/base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

int entries(const std::string& folder) {
  return static_cast<int>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// No file of this process may be longer, as if the disk were full. Root is held to it too.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST(File, ReadsWhatItWrote) {
  const testing::Folder folder;
  const std::string path = folder / "a.bin", content("one\0two\n", 8);
  write_file(path, "something longer that was there before");
  write_file(path, content);
  EXPECT_EQ(text_of(read_file(path)), content);
  write_file(path, "");
  EXPECT_TRUE(read_file(path).empty());
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(File, ReadsFilesThatDoNotKnowTheirSize) {
  EXPECT_NE(text_of(read_file("/proc/self/status")).find("VmRSS"), std::string_view::npos);
}

TEST(File, ReadsNoMoreThanItsLimit) {
  const testing::Folder folder;
  write_file(folder / "a", "12345");
  EXPECT_EQ(read_file(folder / "a", {.max_bytes = 5}).size(), 5U);
  EXPECT_EQ(error_of([&] { read_file(folder / "a", {.max_bytes = 4}); }),
            "[file] " + folder / "a" + ": has 5 bytes or more, and at most 4 are read");
  EXPECT_NE(error_of([&] { read_file("/proc/self/status", {.max_bytes = 4}); }), "no error");
}

TEST(File, SaysWhyItCannotRead) {
  const testing::Folder folder;
  EXPECT_EQ(error_of([&] { read_file(folder / "none"); }),
            "[file] " + folder / "none" + ": cannot read: No such file or directory");
  EXPECT_EQ(error_of([&] { read_file(folder.path()); }),
            "[file] " + folder.path() + ": cannot read: Is a directory");
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { read_file(folder / "pipe"); }),
            "[file] " + folder / "pipe" + ": cannot read: not a regular file");
}

TEST(File, LeavesTheOldFileAndNothingElseWhenTheDiskIsFull) {
  const testing::Folder folder;
  const std::string path = folder / "weights";
  write_file(path, "old");
  std::string error;
  {
    const FullDisk full(1000);
    error = error_of([&] { write_file(path, std::string(5000, 'x')); });
  }
  EXPECT_EQ(error, "[file] " + path + ": cannot write: File too large");
  EXPECT_EQ(text_of(read_file(path)), "old");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(File, LeavesNothingWhenItCannotTakeItsPlace) {
  const testing::Folder folder;
  make_directories(folder / "taken/inside");
  EXPECT_EQ(error_of([&] { write_file(folder / "taken", "x"); }),
            "[file] " + folder / "taken" + ": cannot put the new file in place: Is a directory");
  EXPECT_EQ(error_of([&] { write_file(folder / "none/x", "x"); }),
            "[file] " + folder / "none/x" + ": cannot write: No such file or directory");
  EXPECT_EQ(entries(folder.path()), 1);
}

TEST(File, MakesFoldersAndNamesTheFileInTheirWay) {
  const testing::Folder folder;
  make_directories(folder / "a/b/c");
  make_directories(folder / "a/b/c");
  EXPECT_TRUE(fs::is_directory(folder / "a/b/c"));
  write_file(folder / "file", "x");
  for (const char* path : {"file", "file/a", "file/a/b"}) {
    EXPECT_EQ(error_of([&] { make_directories(folder / path); }),
              "[file] " + folder / path + ": cannot make the folder: " + folder / "file" + " is a file");
  }
  EXPECT_NE(
      error_of([&] { make_directories("/proc/none/x"); }).find("/proc/none/x: cannot make the folder: "),
      std::string::npos);
}

TEST(LineFile, GoesOnAfterWhatIsThere) {
  const testing::Folder folder;
  LineFile(folder / "log").append("one");
  LineFile log(folder / "log");
  log.append("two");
  EXPECT_EQ(text_of(read_file(folder / "log")), "one\ntwo\n");
}

TEST(LineFile, HoldsWholeLinesWhenTheDiskIsFull) {
  const testing::Folder folder;
  LineFile log(folder / "log");
  std::string error;
  {
    const FullDisk full(10);
    log.append("1234567");
    error = error_of([&] { log.append("1234567"); });
  }
  EXPECT_EQ(error, "[file] " + folder / "log" + ": cannot write: File too large");
  EXPECT_EQ(text_of(read_file(folder / "log")), "1234567\n");
}

}  // namespace
}  // namespace dlfs
