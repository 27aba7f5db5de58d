// What a window of a JPEG shows, and at which scale. Refusals of hostile files are in hostile_test.cpp.
#include "dlfs/data/codec/jpeg.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/dice.h"
#include "dlfs/testing/files.h"

namespace dlfs::testing {
namespace {

Decoded decoded(const Bytes& file, const DecodeRequest& request) {
  Decoded result;
  decode_image(file, "a", request, result);
  return result;
}

std::vector<std::string> drawn_jpegs() {
  std::vector<std::string> paths = files_in(tree_path("images"));
  std::erase_if(paths, [](const std::string& path) { return path.find(".jpg") == std::string::npos; });
  return paths;
}

// Of some size somewhere, often at an edge or close to it.
Box random_window(Size size, Dice& dice) {
  const auto side = [&](int length) {
    const int first = dice.one_in(2) ? dice.below(std::min(length, 4)) : dice.below(length),
              rest = length - first;
    return std::pair(first, dice.one_in(2) ? std::max(rest - dice.below(4), 1) : 1 + dice.below(rest));
  };
  const auto [x, width] = side(size.width);
  const auto [y, height] = side(size.height);
  return {.x = x, .y = y, .width = width, .height = height};
}

std::string text(const Box& box) { return concat(box.width, " x ", box.height, " at ", box.x, ", ", box.y); }

// Every pixel that the part shows is that of the whole image at the same scale, and the window is in it.
void expect_same(const Decoded& whole, const Decoded& part, const Box& window, const std::string& what) {
  const Box& covers = part.covers;
  ASSERT_EQ(part.scale, whole.scale) << what;
  ASSERT_TRUE(covers.x <= window.x && covers.y <= window.y &&
              covers.x + covers.width >= window.x + window.width &&
              covers.y + covers.height >= window.y + window.height)
      << what << " shows " << text(covers);
  const auto [width, height] = part.image.size;
  ASSERT_TRUE(covers.width == width * part.scale && covers.height == height * part.scale)
      << what << " shows " << text(covers);
  const int left = (covers.x - whole.covers.x) / whole.scale, top = (covers.y - whole.covers.y) / whole.scale;
  const size_t pixel = whole.image.channels, line = pixel * width;
  for (int y = 0; y < height; ++y) {
    const uint8_t* wanted =
        &whole.image.pixels[((size_t{1} * y + top) * whole.image.size.width + left) * pixel];
    ASSERT_TRUE(std::equal(wanted, wanted + line, &part.image.pixels[y * line]))
        << what << ": row " << y << " differs";
  }
}

void try_windows(const std::string& path, int count) {
  const Bytes file = read_file(path);
  const auto [width, height] = inspect_image(file, path).size;
  Dice dice(count);
  for (const int scale : {1, 2, 4, 8})
    for (const int channels : {1, 3, 4}) {
      const auto at_least = [&](int w, int h) { return std::optional(Size{w / scale, h / scale}); };
      const Decoded whole = decoded(file, {.channels = channels, .at_least = at_least(width, height)});
      Decoded part;
      for (int i = 0; i < count; ++i) {
        const Box window = random_window({width, height}, dice);
        if (window.width < scale || window.height < scale) continue;
        decode_image(file, path, {channels, window, at_least(window.width, window.height)}, part);
        expect_same(whole, part, window,
                    concat(path, ", ", channels, " channels, at 1/", scale, ", ", text(window)));
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
}

TEST(Jpeg, WindowHasThePixelsOfTheWhole) {
  for (const std::string& path : drawn_jpegs()) try_windows(path, 100);
}

void try_real_windows(size_t step, int count) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const std::vector<std::string> paths = files_in(folder + "/train2017");
  for (size_t i = 0; i < paths.size(); i += step) try_windows(paths[i], count);
}

TEST(Jpeg, WindowOfAPhotographHasThePixelsOfTheWhole) { try_real_windows(32, 4); }
TEST(SlowJpeg, WindowOfAPhotographHasThePixelsOfTheWhole) { try_real_windows(1, 10); }

// The mean difference of a scaled image from the averages of `scale` x `scale` pixels of the whole, moved by some pixels.
double distance(const Image& whole, const Decoded& scaled, int moved) {
  double sum = 0;
  int64_t count = 0;
  const auto [width, height] = scaled.image.size;
  for (int y = 1; y < height - 2; ++y)
    for (int x = 1; x < width - 2; ++x)
      for (int c = 0; c < whole.channels; ++c, ++count) {
        double mean = 0;
        for (int i = 0; i < scaled.scale * scaled.scale; ++i) {
          const int row = scaled.covers.y + y * scaled.scale + i / scaled.scale + moved,
                    column = scaled.covers.x + x * scaled.scale + i % scaled.scale + moved;
          mean += whole.pixels[(size_t{1} * row * whole.size.width + column) * whole.channels + c];
        }
        mean /= scaled.scale * scaled.scale;
        sum += std::abs(mean - scaled.image.pixels[(size_t{1} * y * width + x) * whole.channels + c]);
      }
  return sum / static_cast<double>(count);
}

void expect_averages(const std::string& path, double most) {
  const Bytes file = read_file(path);
  const Image whole = decoded(file, {}).image;
  for (const int scale : {2, 4, 8}) {
    const Decoded scaled =
        decoded(file, {.at_least = Size{whole.size.width / scale, whole.size.height / scale}});
    ASSERT_EQ(scaled.scale, scale) << path;
    const double found = distance(whole, scaled, 0);
    EXPECT_LT(found, most) << path << " at 1/" << scale;
    for (const int moved : {-1, 1})  // pixels of the whole: its place is right to less than that
      EXPECT_LT(found, distance(whole, scaled, moved)) << path << " at 1/" << scale << " moved by " << moved;
  }
}

TEST(Jpeg, SmallerIsTheMeanOfThePixels) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const std::vector<std::string> paths = files_in(folder + "/train2017");
  for (size_t i = 0; i < paths.size(); i += 16) expect_averages(paths[i], 3);
}

TEST(Jpeg, TakesTheSmallestScaleThatIsLargeEnough) {
  const Bytes file = drawn_image("turned.jpg");  // 35 x 45, upright
  const auto scale = [&](Size at_least) { return decoded(file, {.at_least = at_least}).scale; };
  EXPECT_EQ(scale({4, 5}), 8);
  EXPECT_EQ(scale({5, 5}), 4);
  EXPECT_EQ(scale({4, 6}), 4);
  EXPECT_EQ(scale({17, 22}), 2);
  EXPECT_EQ(scale({18, 22}), 1);
  EXPECT_EQ(scale({17, 23}), 1);
  EXPECT_EQ(scale({1000000, 1}), 1);
  const Decoded small = decoded(file, {.window = Box{10, 20, 17, 9}, .at_least = Size{4, 2}});
  EXPECT_EQ(small.scale, 4);
  EXPECT_LE(small.image.size.width, 6);
  EXPECT_LE(small.image.size.height, 4);
}

}  // namespace
}  // namespace dlfs::testing
