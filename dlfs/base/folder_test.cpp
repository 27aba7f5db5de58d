#include "dlfs/base/folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

// root/in/a.txt and root/in/deep/b.txt may be read, root/secret and root/in-too/secret not.
class FolderOfOthers : public ::testing::Test {
 protected:
  FolderOfOthers() {
    make_directories(inside_ + "/deep");
    make_directories(root_ / "in-too");
    write_file(inside_ + "/a.txt", "a");
    write_file(inside_ + "/deep/b.txt", "bb");
    for (const char* name : {"secret", "in-too/secret"}) write_file(root_ / name, "secret");
    fs::create_symlink("deep/b.txt", inside_ + "/link");
    fs::create_symlink("deep", inside_ + "/folder-link");
    fs::create_symlink("../secret", inside_ + "/out");
    fs::create_symlink("..", inside_ + "/out-folder");
    fs::create_symlink(root_ / "secret", inside_ + "/absolute");
    fs::create_symlink("loop", inside_ + "/loop");
    ::mkfifo((inside_ + "/pipe").c_str(), 0666);
  }

  std::vector<std::string> leading_out() const {
    return {"../secret",         "..",
            "deep/../../secret", "../in-too/secret",
            "../in/../secret",   root_ / "secret",
            "/etc/passwd",       "/proc/self/environ",
            "//etc/passwd",      "deep/../../../../../../../../etc/passwd",
            "./../secret"};
  }

  testing::Folder root_;
  std::string inside_ = root_ / "in";
};

TEST_F(FolderOfOthers, GivesWhatLiesBeneath) {
  const Folder folder(inside_);
  for (const char* name : {"a.txt", "./a.txt", "deep/../a.txt", "folder-link/../a.txt"}) {
    EXPECT_EQ(text_of(folder.read(name)), "a") << name;
  }
  for (const char* name : {"deep/b.txt", "deep//b.txt", "link", "folder-link/b.txt"}) {
    EXPECT_EQ(text_of(folder.read(name)), "bb") << name;
    EXPECT_TRUE(folder.has(name));
  }
  Bytes bytes(100);
  folder.read("a.txt", bytes);
  EXPECT_EQ(text_of(bytes), "a");
  const FileStart start = folder.read_start("deep/b.txt", 1);
  EXPECT_EQ(text_of(start.bytes), "b");
  EXPECT_EQ(start.size, 2U);
}

TEST_F(FolderOfOthers, NeverLeadsOut) {
  const Folder folder(inside_);
  std::vector<std::string> names = leading_out();
  for (const char* link : {"out", "out-folder/secret", "absolute"}) names.emplace_back(link);
  for (const std::string& name : names) {
    EXPECT_EQ(error_of([&] { folder.read(name); }),
              "[file] " + inside_ + ": the name \"" + name + "\" leads out of this folder, and is not read");
    EXPECT_FALSE(folder.has(name)) << name;
    EXPECT_THROW(folder.read_start(name, 1), FileError) << name;
  }
  // What looks like a way out, but is only a strange name.
  for (const char* name : {"..\\secret", "%2e%2e/secret", "\xc0\xae\xc0\xae/secret", "~/secret", "loop"}) {
    EXPECT_THROW(folder.read(name), FileError) << name;
  }
  EXPECT_THROW(folder.read(std::string("a.txt\0.png", 10)), FileError);
}

TEST_F(FolderOfOthers, NeverLeadsOutWhereTheKernelIsOld) {
  const Descriptor folder(::open(inside_.c_str(), O_PATH | O_DIRECTORY));
  std::vector<std::string> names = leading_out();
  names.emplace_back("deep/../a.txt");
  for (const std::string& name : names) {
    EXPECT_EQ(open_by_walking(folder.number(), name), -1) << name;
    EXPECT_EQ(errno, EXDEV) << name;
  }
  for (const char* link :
       {"out", "out-folder/secret", "absolute", "link", "folder-link/b.txt", "none", "", "a.txt/"}) {
    EXPECT_EQ(open_by_walking(folder.number(), link), -1) << link;
  }
  for (const char* name : {"a.txt", "./a.txt", "deep//b.txt"}) {
    EXPECT_GE(Descriptor(open_by_walking(folder.number(), name)).number(), 0) << name;
  }
}

TEST_F(FolderOfOthers, ReadsRegularFilesUpToItsLimit) {
  const Folder folder(inside_);
  EXPECT_EQ(error_of([&] { folder.read("none"); }),
            "[file] " + inside_ + "/none: cannot read: No such file or directory");
  EXPECT_EQ(error_of([&] { folder.read("deep"); }),
            "[file] " + inside_ + "/deep: cannot read: Is a directory");
  EXPECT_EQ(error_of([&] { folder.read("pipe"); }),
            "[file] " + inside_ + "/pipe: cannot read: not a regular file");
  EXPECT_FALSE(folder.has("deep"));
  EXPECT_FALSE(folder.has("pipe"));
  EXPECT_EQ(error_of([&] { folder.read("deep/b.txt", {.max_bytes = 1}); }),
            "[file] " + inside_ + "/deep/b.txt: has 2 bytes or more, and at most 1 are read");
  EXPECT_EQ(error_of([&] { Folder none(inside_ + "/a.txt"); }),
            "[file] " + inside_ + "/a.txt: cannot open the folder: Not a directory");
}

}  // namespace
}  // namespace dlfs
