// Files that nobody should write: each becomes a picture or one sentence, soon and within the limits. The full counts are
// in the Slow suite.
#include <gtest/gtest.h>
#include <time.h>
#include <zlib.h>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/dice.h"
#include "dlfs/testing/files.h"

namespace dlfs::testing {
namespace {

// Of this thread alone: what else a busy machine does is no fault of a decoder.
std::chrono::nanoseconds processor_time() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

struct Answers {
  int pictures = 0, sentences = 0;
};

// Header, whole, and a scaled window, all of them answered in one of the two ways.
void ask(std::span<const std::byte> file, const std::string& source, Answers& answers) {
  static Decoded into;  // as a loader's worker has it, after whatever was there before
  const auto begin = processor_time();
  try {
    const ImageHeader header = inspect_image(file, source);
    decode_image(file, source, {.channels = header.channels}, into);
    ++answers.pictures;
    const auto [width, height] = header.size;
    ASSERT_EQ(into.image.pixels.size(), size_t{1} * width * height * header.channels) << source;
    decode_image(file, source,
                 {.channels = 4,
                  .window = Box{width / 3, height / 3, 1 + width / 3, 1 + height / 3},
                  .at_least = Size{width / 9, 1}},
                 into);
  } catch (const FileError& error) {
    ++answers.sentences;
    const std::string text = error.what();
    ASSERT_TRUE(text[0] == '[' && text.find("] " + source + ": ") < 10 && text.size() > source.size() + 10)
        << text;
  }
  EXPECT_LT(processor_time() - begin, std::chrono::seconds(2)) << source;
}

void try_malformed(size_t step) {
  DLFS_NEEDS_DATA(folder, "malformed");
  const std::vector<std::string> paths = files_in(folder);
  Answers answers;
  for (size_t i = 0; i < paths.size(); i += step) ask(read_file(paths[i]), paths[i], answers);
  EXPECT_GT(answers.pictures, 200 / static_cast<int>(step));
  EXPECT_GT(answers.sentences, 4000 / static_cast<int>(step));
  std::cout << answers.pictures << " pictures, " << answers.sentences << " sentences\n";
}

TEST(HostileImages, AreAPictureOrASentence) { try_malformed(50); }
TEST(SlowHostileImages, AreAPictureOrASentence) { try_malformed(1); }

// Twenty files of every kind, three of them photographs.
std::vector<std::string> seeds(bool with_photographs) {
  std::vector<std::string> paths = files_in(tree_path("images"));
  if (const auto folder = data_folder("malformed/pngsuite-image-png/tests/pngsuite"))
    for (const char* name : {"basi2c08", "basi3p04", "basn0g01", "basn6a16", "tbbn3p08"})
      paths.push_back(concat(*folder, "/", name, ".png"));
  const auto folder = data_folder("bccd/BCCD/JPEGImages");
  if (folder && with_photographs)
    for (const char* name : {"00000", "00100", "00200"})
      paths.push_back(concat(*folder, "/BloodImage_", name, ".jpg"));
  return paths;
}

// Every cut in and every flip of a bit of the first 4 KiB, or one in `step` of them.
void try_damage(int step) {
  constexpr size_t most = 4096;
  Answers cut, flipped;
  Dice dice(4);
  for (const std::string& path : seeds(step == 1)) {
    Bytes file = read_file(path);
    for (size_t size = 0; size < std::min(most, file.size()); ++size)
      if (dice.one_in(step)) ask(std::span(file).first(size), path, cut);
    for (size_t bit = 0; bit < 8 * std::min(most, file.size()); ++bit) {
      if (!dice.one_in(step)) continue;
      file[bit / 8] ^= std::byte{1} << bit % 8;
      ask(file, path, flipped);
      file[bit / 8] ^= std::byte{1} << bit % 8;
    }
  }
  EXPECT_LT(cut.pictures, cut.sentences / 50 + 1);  // only what lacks its last marker alone
  EXPECT_GT(flipped.sentences, 0);
  EXPECT_GT(flipped.pictures, 0);
  std::cout << cut.pictures << " + " << cut.sentences << " of the cut, " << flipped.pictures << " + "
            << flipped.sentences << " of the flipped are pictures + sentences\n";
}

TEST(HostileImages, SurviveCutsAndFlips) { try_damage(50); }
TEST(SlowHostileImages, SurviveEveryCutAndFlip) { try_damage(1); }

// ---- bombs: a few bytes that ask for much, refused before anything is done ----

std::string number(uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * bytes - 8; shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
  return text;
}

void expect_refused(const std::string& text, const std::string& sentence, const DecodeLimits& limits = {}) {
  Decoded into;
  const auto begin = processor_time();
  try {
    decode_image(std::as_bytes(std::span(text)), "a", {}, into, limits);
    ADD_FAILURE() << "is taken, but should be refused: " << sentence;
  } catch (const FileError& error) {
    EXPECT_EQ(std::string(error.what()), sentence);
  }
  EXPECT_LT(processor_time() - begin, std::chrono::milliseconds(50)) << sentence;
  EXPECT_LT(into.image.pixels.capacity(), size_t{1} << 20) << sentence;
}

std::string drawn(const std::string& name) { return std::string(text_of(drawn_image(name))); }

// A drawn JPEG that says it has another size.
std::string with_jpeg_size(std::string text, const char* frame, uint32_t width, uint32_t height) {
  const size_t at = text.find(frame);
  return text.replace(at + 5, 4, number(height, 2) + number(width, 2));
}

TEST(HostileImages, BombsAreRefusedAtOnce) {
  const std::string baseline = drawn("colour_420.jpg"), progressive = drawn("progressive.jpg");
  for (const auto& [text, frame] : {std::pair(baseline, "\xFF\xC0"), std::pair(progressive, "\xFF\xC2")}) {
    expect_refused(with_jpeg_size(text, frame, 65500, 65500),
                   "[image] a: declares 65500 x 65500 pixels, but 1 to 67108864 are read");
    expect_refused(with_jpeg_size(text, frame, 0, 35),
                   "[image] a: declares 0 x 35 pixels, but 1 to 67108864 are read");
    expect_refused(with_jpeg_size(text, frame, 45, 0),
                   "[image] a: declares 45 x 0 pixels, but 1 to 67108864 are read");
    expect_refused(
        with_jpeg_size(text, frame, 8000, 8000),
        concat("[jpeg] a: declares 8000 x 8000 pixels, which its ", text.size(), " bytes cannot hold"));
  }
  // All of the memory that a progressive file may take, and a byte more of the file.
  expect_refused(with_jpeg_size(progressive, "\xFF\xC2", 4000, 4000) + std::string(40000, '\0'),
                 "[jpeg] a: takes more than 16 MiB of memory", {.memory = size_t{16} << 20});

  // 80,000 scans, which say once more that all but the first coefficients are 0.
  const std::string scan(
      "\xFF\xDA\0\x08\1\1\0\x06\x3F\0"
      "\0\0\0\0\0\0\0\0",
      18);
  std::string scans = progressive.substr(0, progressive.size() - 2);
  for (int i = 0; i < 80000; ++i) scans += scan;
  expect_refused(scans, "[jpeg] a: has more than 100 scans");
  DecodeLimits many;
  many.scans = 1000000;
  many.time = std::chrono::milliseconds(20);
  expect_refused(scans, "[jpeg] a: takes longer than 20 ms", many);
}

std::string chunk(const std::string& name, const std::string& data) {
  const std::string text = name + data;
  return number(static_cast<uint32_t>(data.size()), 4) + text +
         number(static_cast<uint32_t>(
                    crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()))),
                4);
}

std::string deflated(size_t zeros) {
  const std::vector<Bytef> bytes(zeros);
  uLongf size = compressBound(zeros);
  std::string text(size, '\0');
  compress2(reinterpret_cast<Bytef*>(text.data()), &size, bytes.data(), zeros, 9);
  return text.substr(0, size);
}

std::string png_header(uint32_t width, uint32_t height, const std::string& kind) {
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", number(width, 4) + number(height, 4) + kind);
}

TEST(HostileImages, BombsOfPngAreRefusedOrPassedBy) {
  const std::string zeros = deflated(size_t{64} << 20), rgba_16_interlaced("\x10\6\0\0\1", 5),
                    gray("\x08\0\0\0\0", 5);
  expect_refused(png_header(65500, 65500, rgba_16_interlaced) + chunk("IDAT", zeros),
                 "[image] a: declares 65500 x 65500 pixels, but 1 to 67108864 are read");
  expect_refused(png_header(70000, 1, gray) + chunk("IDAT", zeros),
                 "[image] a: declares 70000 x 1 pixels, but sides of 65535 at most are read");
  const std::string giant = png_header(8000, 8000, rgba_16_interlaced) + chunk("IDAT", zeros);
  expect_refused(
      giant, concat("[png] a: declares 8000 x 8000 pixels, which its ", giant.size(), " bytes cannot hold"));

  // Texts and profiles that become gigabytes, and pixels that go on: nobody looks.
  const std::string picture = chunk("IDAT", deflated(45 * 36)), more = chunk("IDAT", zeros),
                    end = chunk("IEND", "");
  std::string texts, profiles;
  for (int i = 0; i < 30; ++i) texts += chunk("zTXt", std::string("a\0\0", 3) + zeros);
  profiles = chunk("iCCP", std::string("a\0\0", 3) + zeros);
  const std::string start = png_header(44, 36, gray);
  for (const std::string& text : {concat(start, texts, picture, end), concat(start, profiles, picture, end),
                                  concat(start, picture, texts, end)}) {
    Decoded into;
    const auto begin = processor_time();
    decode_image(std::as_bytes(std::span(text)), "a", {.channels = 1}, into);
    EXPECT_EQ(into.image.pixels, std::vector<uint8_t>(44 * 36));
    EXPECT_LT(processor_time() - begin, std::chrono::milliseconds(50));
  }
  expect_refused(concat(start, more, end), "[png] a: goes on after its last pixel");
}

}  // namespace
}  // namespace dlfs::testing
