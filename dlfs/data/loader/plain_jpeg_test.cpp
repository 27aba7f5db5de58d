#include "dlfs/data/loader/plain_jpeg.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "dlfs/base/file.h"
#include "dlfs/testing/data.h"

namespace dlfs::testing {
namespace {

std::string segment(int marker, const std::string& content) {
  const size_t length = content.size() + 2;
  return std::string{'\xFF', static_cast<char>(marker), static_cast<char>(length >> 8),
                     static_cast<char>(length & 255)} +
         content;
}

std::string frame(const std::string& names, int marker = 0xC0, char bits = 8) {
  std::string content{bits, 0, 16, 0, 16, static_cast<char>(names.size())};
  for (const char name : names) content += std::string{name, 0x11, 0};
  return segment(marker, content);
}

std::string scan_of(const std::string& names) {
  std::string content{static_cast<char>(names.size())};
  for (const char name : names) content += std::string{name, 0};
  return segment(0xDA, content + std::string{0, 63, 0});
}

std::string adobe(char transform) {
  return segment(0xEE, "Adobe" + std::string{0, 100, 0, 0, 0, 0, transform});
}

const std::string names = "\1\2\3", start = "\xFF\xD8", data = "entropy\xFF\xD9";
const std::string quantisation = segment(0xDB, std::string(1, 0) + std::string(64, 1));
const std::string huffman = segment(0xC4, std::string(1, 0) + '\1' + std::string(15, 0) + '\5');

// "" where the file is not for others.
std::string plain(const std::string& file) {
  std::string to(file.size(), '?');
  to.resize(plain_jpeg(std::as_bytes(std::span(file)), reinterpret_cast<std::byte*>(to.data())));
  return to;
}

TEST(PlainJpeg, LeavesBehindWhatNoDecoderNeeds) {
  const std::string wanted = start + quantisation + frame(names) + huffman + scan_of(names) + data;
  EXPECT_EQ(plain(wanted), wanted);
  EXPECT_EQ(plain(start + segment(0xE0, "JFIF") + segment(0xE1, "Exif and a thumbnail \xFF\xD8\xFF\xD9") +
                  adobe(1) + quantisation + segment(0xFE, "a remark") + "\xFF\xFF\xFF" +
                  frame(names).substr(1) + huffman + scan_of(names) + data),
            wanted);
}

TEST(PlainJpeg, RefusesWhatIsNotForOthers) {
  const auto with_frame = [](const std::string& of, const std::string& components = names) {
    return plain(start + quantisation + of + huffman + scan_of(components) + data);
  };
  EXPECT_NE(with_frame(frame(names, 0xC2)), "");
  EXPECT_NE(with_frame(frame("\1"), "\1"), "");
  EXPECT_EQ(with_frame(frame(names, 0xC3)), "") << "lossless";
  EXPECT_EQ(with_frame(frame(names, 0xC0, 12)), "") << "12 bits";
  EXPECT_EQ(with_frame(frame("\1\2\3\4")), "") << "CMYK";
  EXPECT_EQ(with_frame(frame("RGB")), "") << "not Y'CbCr, by its names";
  EXPECT_EQ(with_frame(adobe(0) + frame(names)), "") << "not Y'CbCr, as Adobe says it";
  EXPECT_NE(with_frame(adobe(0) + frame("\1"), "\1"), "");
  EXPECT_EQ(with_frame(frame(names) + frame(names)), "") << "two frames";
  EXPECT_EQ(with_frame(""), "") << "no frame";
  EXPECT_EQ(with_frame(frame(names) + segment(0xDC, "12")), "") << "a marker that is rare";
  EXPECT_EQ(with_frame(frame(names) + segment(0xC4, std::string(1, 0) + '\3' + std::string(20, 0))), "")
      << "three codes of one bit";
  EXPECT_EQ(with_frame(frame(names) + segment(0xDB, std::string(1, 4) + std::string(64, 1))), "")
      << "a fifth table";
  const std::string whole = start + quantisation + frame(names) + huffman + scan_of(names) + data;
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_EQ(plain(whole.substr(0, size)), "") << size;
}

TEST(PlainJpeg, SeesWhatStandsBetweenScans) {
  const std::string head = start + quantisation + frame(names, 0xC2) + huffman,
                    scan = scan_of(names) + std::string("coded\xFF\0\xFF\xD0more", 12), end = "\xFF\xD9";
  const std::string whole = head + scan + huffman + scan + end;
  EXPECT_EQ(plain(whole), whole);
  EXPECT_EQ(plain(head + scan + segment(0xE1, "Exif") + "\xFF" + huffman + scan + end + "a film"), whole);
  EXPECT_EQ(plain(head + scan + frame(names) + scan + end), "") << "two frames";
  EXPECT_EQ(plain(head + scan + frame(names) + end), "");
  EXPECT_EQ(plain(head + scan + segment(0xC4, std::string(1, 9)) + scan + end), "") << "a broken table";
  EXPECT_EQ(plain(head + scan + "\xFF\xC4\xFF\xFF" + end), "") << "a table beyond the file";
  std::string scans;
  for (int i = 0; i < 101; ++i) scans += scan;
  EXPECT_EQ(plain(head + scans + end), "") << "scans that take for ever";
}

// Every bit of the first bytes of real files, flipped: an answer, and no byte beyond the file's size.
void flip_bits(size_t files, size_t bytes) {
  DLFS_NEEDS_DATA(folder, "coco128");
  size_t seen = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/train2017")) {
    Bytes file = read_file(entry.path());
    Bytes to(file.size());
    const size_t size = plain_jpeg(file, to.data());
    EXPECT_GT(size, file.size() / 2) << entry.path();
    if (seen++ >= files) continue;
    for (size_t bit = 0; bit < 8 * std::min(bytes, file.size()); ++bit) {
      file[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
      EXPECT_LE(plain_jpeg(file, to.data()), file.size());
      file[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
    }
  }
}

TEST(PlainJpeg, TakesRealFilesAndSurvivesFlippedBits) { flip_bits(1, 700); }
TEST(SlowPlainJpeg, SurvivesFlippedBits) { flip_bits(20, 4096); }

}  // namespace
}  // namespace dlfs::testing
