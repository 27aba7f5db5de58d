#include "dlfs/data/loader/source.h"

#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

class OfAStore : public ::testing::Test {
 protected:
  OfAStore() {
    make_directories(folder_ / "data/train/cat");
    const std::vector<uint8_t> pixels(4);
    write_file(folder_ / "data/train/cat/good.png", encode_png(ImageView{.size = {2, 2}, .pixels = pixels}));
    write_file(folder_ / "data/train/cat/later.png", "");
  }
  std::unique_ptr<StoreSource> open(Split split = Split::train) const {
    Store store(folder_ / "my.db", StoreUse::create);
    import_annotations(store, {.format = "folders", .path = folder_ / "data"});
    return std::make_unique<StoreSource>(std::make_shared<const Snapshot>(store), split, Purpose::classify);
  }

  Folder folder_;
};

TEST_F(OfAStore, AnImageWithoutAHeaderStopsNoOther) {
  const auto source = open();
  ASSERT_EQ(source->count(), 2U);
  EXPECT_EQ(source->subject(1).size.width, 1) << "a recipe wants a size before the file is read";
  Bytes file;
  Decoded decoded;
  EXPECT_EQ(error_of([&] { source->load(1, {}, file, decoded); }),
            "[image] " + (folder_ / "data/train/cat/later.png: is neither JPEG, PNG nor PGM (P2, P5)"));
}

TEST_F(OfAStore, SaysWhatASplitLacks) {
  EXPECT_EQ(
      error_of([&] { open(Split::validation); }),
      "[data] of the store's 2 images none is in val and labelled as a whole; import some, with --split "
      "where no folder says it");
}

TEST_F(OfAStore, ASizeThatCanBeFoundOutIsToBeFoundOut) {
  open();
  std::filesystem::copy_file(folder_ / "data/train/cat/good.png", folder_ / "data/train/cat/later.png",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(error_of([&] { open(); }),
            "[data] of 1 of 2 images of the split train no size is known; dlfs data audit reads them");
}

}  // namespace
}  // namespace dlfs::testing
