#include "dlfs/gpu/library_places.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "dlfs/gpu/nvjpeg.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

// A variable of the environment, set while it lives.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    const char* before = std::getenv(name);
    had_ = before != nullptr;
    before_ = had_ ? before : "";
    setenv(name, value.c_str(), 1);
  }
  ~Setting() { had_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* name_;
  bool had_;
  std::string before_;
};

const Library paint{.variable = "DLFS_TEST_PAINT",
                    .files = {"libpaint.so.3", "libpaint.so.2"},
                    .wheels = {"colours/lib", "brush.libs"}};

bool has(const std::vector<std::string>& places, const std::string& place) {
  return std::find(places.begin(), places.end(), place) != places.end();
}

TEST(LibraryPlaces, AreTheLoadersThenFoldersThenPips) {
  const Folder folder;
  const Setting environment("VIRTUAL_ENV", folder.path());
  const std::string packages = folder.path() + "/lib/python3.13/site-packages/";
  for (const std::string file : {"colours/lib/libpaint.so.3", "colours/lib/libpaint_ops.so.3",
                                 "brush.libs/libpaint.1ceb6b3a.so.2", "other/libpaint.so.3"}) {
    std::filesystem::create_directories(std::filesystem::path(packages + file).parent_path());
    std::ofstream(packages + file) << "x";
  }
  const std::vector<std::string> places = library_places(paint);
  EXPECT_EQ(places[0], "libpaint.so.3");
  EXPECT_EQ(places[1], "libpaint.so.2");
  EXPECT_TRUE(has(places, "/usr/local/cuda/lib64/libpaint.so.2"));
  EXPECT_TRUE(has(places, packages + "colours/lib/libpaint.so.3"));
  EXPECT_TRUE(has(places, packages + "brush.libs/libpaint.1ceb6b3a.so.2"));
  EXPECT_FALSE(has(places, packages + "colours/lib/libpaint_ops.so.3"));
  EXPECT_FALSE(has(places, packages + "other/libpaint.so.3"));
}

TEST(LibraryPlaces, AreThoseOfTheVariableAlone) {
  const Folder folder;
  {
    const Setting file("DLFS_TEST_PAINT", "/nowhere/mine.so");
    EXPECT_EQ(library_places(paint), std::vector<std::string>{"/nowhere/mine.so"});
  }
  const Setting whole("DLFS_TEST_PAINT", folder.path());
  EXPECT_EQ(library_places(paint),
            (std::vector<std::string>{folder.path() + "/libpaint.so.3", folder.path() + "/libpaint.so.2"}));
}

TEST(LibraryPlaces, NvJpegThatIsNotThereIsToldOf) {
  const Setting nowhere("DLFS_NVJPEG", "/nowhere/libnvjpeg.so.13");
  std::vector<LibraryPlace> tried;
  EXPECT_EQ(NvJpeg::open(tried), nullptr);
  ASSERT_EQ(tried.size(), 1U);
  EXPECT_FALSE(tried[0].found.empty());
}

}  // namespace
}  // namespace dlfs::testing
