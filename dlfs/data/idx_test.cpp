#include "dlfs/data/idx.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <zlib.h>

#include "dlfs/base/file.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

using testing::error_of;

std::string header(const std::vector<uint32_t>& sizes, char type = 8) {
  std::string bytes = {0, 0, type, static_cast<char>(sizes.size())};
  for (const uint32_t size : sizes) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
  }
  return bytes;
}

std::string zipped(const std::string& content) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Three images of 2 x 2 with labels, and one of the two files replaced.
class Idx : public ::testing::Test {
 protected:
  Idx() {
    write_file(images_, header({3, 2, 2}) + "abcdefghijkl");
    write_file(labels_, header({3}) + std::string("\7\0\2", 3));
  }

  std::string error() const {
    return error_of([&] { read_idx(folder_.path(), Split::test); });
  }
  std::string error_with_images(const std::string& content) const {
    write_file(images_, content);
    return error();
  }
  std::string error_with_zipped_images(const std::string& content) const {
    std::filesystem::remove(images_);
    write_file(images_ + ".gz", content);
    return error();
  }

  testing::Folder folder_;
  std::string images_ = folder_ / "t10k-images-idx3-ubyte", labels_ = folder_ / "t10k-labels-idx1-ubyte";
};

TEST_F(Idx, ReadsPlainFilesAndGzip) {
  for (const bool gzip : {false, true}) {
    if (gzip) {
      ASSERT_EQ(error_with_zipped_images(zipped(header({3, 2, 2}) + "abcdefghijkl")), "no error");
    }
    const LabelledImages read = read_idx(folder_.path(), Split::test);
    EXPECT_EQ(read.count, 3);
    EXPECT_EQ(read.height, 2);
    EXPECT_EQ(read.width, 2);
    EXPECT_EQ(std::string(read.pixels.begin(), read.pixels.end()), "abcdefghijkl");
    EXPECT_EQ(read.labels, (std::vector<uint8_t>{7, 0, 2}));
    EXPECT_EQ(max_label(read), 7);
  }
}

TEST_F(Idx, NamesTheFolderAndTheFourFilesWhenOneIsMissing) {
  EXPECT_EQ(error_of([&] { read_idx(folder_.path(), Split::train); }),
            "[idx] " + folder_.path() +
                ": there is no train-images-idx3-ubyte or train-images-idx3-ubyte.gz; the folder must hold "
                "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
                "t10k-labels-idx1-ubyte, plain or as .gz");
}

TEST_F(Idx, RefusesWhatIsNotAnIdxOfBytes) {
  for (const std::string& content : {std::string(), std::string("\0\0\10", 3), std::string("PNG no idx")}) {
    EXPECT_EQ(
        error_with_images(content),
        "[idx] " + images_ +
            ": is no idx file: it does not begin with two zero bytes, a type and a count of dimensions");
  }
  EXPECT_EQ(error_with_images(header({3, 2, 2}, 13) + std::string(48, 'x')),
            "[idx] " + images_ + ": holds values of idx type 13, not bytes (type 8)");
  EXPECT_EQ(error_with_images(header({3}) + "abc"), "[idx] " + images_ + ": has 1 dimensions, not 3");
  EXPECT_EQ(error_with_images(header({3, 2, 2}).substr(0, 15)),
            "[idx] " + images_ + ": ends within its header");
  EXPECT_EQ(error_with_images(header({3, 0, 2})), "[idx] " + images_ + ": declares a dimension of size 0");
}

TEST_F(Idx, RefusesTruncatedAndOversizedFiles) {
  const std::string good = header({3, 2, 2}) + "abcdefghijkl";
  const std::string cut = ": ends after 11 of the 12 values that its header declares";
  const std::string long_one = ": goes on after the 12 values that its header declares";
  EXPECT_EQ(error_with_images(good.substr(0, good.size() - 1)), "[idx] " + images_ + cut);
  EXPECT_EQ(error_with_images(good + "m"), "[idx] " + images_ + long_one);
  EXPECT_EQ(error_with_zipped_images(zipped(good.substr(0, good.size() - 1))),
            "[idx] " + images_ + ".gz" + cut);
  EXPECT_EQ(error_with_zipped_images(zipped(good + "m")), "[idx] " + images_ + ".gz" + long_one);
}

TEST_F(Idx, RefusesCountsThatDiffer) {
  write_file(labels_, header({2}) + "ab");
  EXPECT_EQ(error(), "[idx] " + labels_ + ": has 2 labels, but " + images_ + " has 3 images");
}

TEST_F(Idx, RefusesEveryCutAndEveryChangedBitOfItsGzip) {
  const std::string good = zipped(header({3, 2, 2}) + "abcdefghijkl");
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(error_with_zipped_images(good.substr(0, size)).find("[idx] " + images_), 0U) << size;
  }
  for (size_t at = 10; at < good.size(); ++at) {  // of the first ten bytes gzip itself ignores some
    std::string changed = good;
    changed[at] ^= 1;
    EXPECT_EQ(error_with_zipped_images(changed).find("[idx] " + images_), 0U) << at;
  }
}

// The most memory that this process ever held, in bytes.
int64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} * 1024;
}

TEST_F(Idx, DoesNotGrowWithWhatAHeaderDeclares) {
  const uint32_t huge = uint32_t{1} << 31;
  const std::string too_many = "values or more, and at most 1073741824 are read";
  for (const std::vector<uint32_t>& sizes :
       {std::vector<uint32_t>{huge, huge, 4}, {3, huge, huge}, {~0U, ~0U, ~0U}, {3, 1U << 16, 1U << 16}}) {
    EXPECT_NE(error_with_images(header(sizes)).find(too_many), std::string::npos);
  }
  std::string bomb = zipped(header({1, 1, 1}));
  const std::string mebibyte = zipped(std::string(1 << 20, '\0'));  // a thousand times smaller
  for (int i = 0; i < 1000; ++i) bomb += mebibyte;

  const int64_t before = peak_memory();
  write_file(labels_, header({1}) + "a");
  EXPECT_EQ(error_with_images(header({1, 1U << 15, 1U << 15}) + "a"),
            "[idx] " + images_ + ": ends after 1 of the 1073741824 values that its header declares");
  EXPECT_EQ(error_with_zipped_images(bomb),
            "[idx] " + images_ + ".gz: goes on after the 1 values that its header declares");
  EXPECT_LT(peak_memory() - before, int64_t{32} << 20);
}

TEST(IdxData, ReadsMnist) {
  DLFS_NEEDS_DATA(mnist, "mnist");
  const LabelledImages train = read_idx(mnist, Split::train), test = read_idx(mnist, Split::test);
  EXPECT_EQ(train.count, 60000);
  EXPECT_EQ(test.count, 10000);
  EXPECT_EQ(train.height, 28);
  EXPECT_EQ(train.width, 28);
  EXPECT_EQ(train.pixels.size(), 60000U * 28 * 28);
  EXPECT_EQ(std::vector<uint8_t>(test.labels.begin(), test.labels.begin() + 5),
            (std::vector<uint8_t>{7, 2, 1, 0, 4}));
  EXPECT_EQ(max_label(train), 9);
  EXPECT_EQ(class_names(mnist, 10)[3], "3");
}

TEST(ClassNames, AreTheFilesOrTheKnownOnesOrNumbers) {
  const testing::Folder folder;
  const std::string plain = folder / "digits", fashion = folder / "Fashion-MNIST/";
  make_directories(plain);
  make_directories(fashion);
  EXPECT_EQ(class_names(plain, 3), (std::vector<std::string>{"0", "1", "2"}));
  EXPECT_EQ(class_names(fashion, 10)[9], "Ankle boot");
  EXPECT_EQ(class_names(fashion, 3)[2], "2");
  write_file(plain + "/classes.txt", "red\r\ngreen\nlight blue");
  EXPECT_EQ(class_names(plain, 3), (std::vector<std::string>{"red", "green", "light blue"}));
  EXPECT_EQ(error_of([&] { class_names(plain, 4); }),
            "[idx] " + plain + "/classes.txt: names 3 classes, but there are 4");
}

}  // namespace
}  // namespace dlfs
