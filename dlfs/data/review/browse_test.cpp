#include "dlfs/data/review/browse.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/review/drawing.h"
#include "dlfs/data/review/page.h"
#include "dlfs/data/store/import.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

constexpr Color white = {255, 255, 255};
bool same(Color a, Color b) { return a.red == b.red && a.green == b.green && a.blue == b.blue; }

SnapshotBox box(const BoundingBox& where, int32_t label, bool crowd = false) {
  return {.box = where, .label = label, .crowd = crowd};
}

// ---- drawing ----

TEST(Drawing, AFrameLiesOnTheOutermostPixelsOfItsBox) {
  Picture picture({100, 80}, white);
  const std::vector<std::string> names = {"a long name that is left to the legend", "b"};
  // The image is half as large, so that the box covers the pixels from 20 to 59 and from 10 to 49.
  draw_boxes(picture, {.image = {50, 40}, .boxes = std::vector{box({10, 5, 20, 20}, 0)}, .names = names});
  const Color color = class_color(0);
  for (int x = 0; x < 100; ++x)
    for (int y = 0; y < 80; ++y) {
      const bool within = x >= 20 && x < 60 && y >= 10 && y < 50;
      const bool inner = x >= 22 && x < 58 && y >= 12 && y < 48;
      ASSERT_EQ(same(picture.at(x, y), color), within && !inner) << x << ", " << y;
    }
  EXPECT_TRUE(same(picture.at(18, 8), white)) << "the shadow is a pixel wide";
  EXPECT_FALSE(same(picture.at(19, 30), white));
  EXPECT_FALSE(same(picture.at(22, 30), white));
  EXPECT_TRUE(same(picture.at(23, 30), white));
}

TEST(Drawing, BoxesOfNothingAndBeyondTheImageAreDrawnAsFarAsTheyAreThere) {
  const std::vector<std::string> names = {"a"};
  for (const BoundingBox& where : {BoundingBox{5, 5, 0, 0}, BoundingBox{-1e9F, -1e9F, 2e9F, 2e9F},
                                   BoundingBox{90, 70, 50, 50}, BoundingBox{1e9F, 1e9F, 1, 1}}) {
    Picture picture({100, 80}, white);
    draw_boxes(picture, {.image = {100, 80}, .boxes = std::vector{box(where, 0)}, .names = names});
  }
  Picture picture({100, 80}, white);
  draw_boxes(picture, {.image = {100, 80}, .boxes = std::vector{box({50, 40, 0, 0}, 0)}, .names = names});
  EXPECT_TRUE(same(picture.at(50, 40), class_color(0))) << "a box of nothing is a dot";
}

TEST(Drawing, NamesStandAboveTheirFrameAndCrowdsAreDotted) {
  Picture picture({100, 80}, white);
  const std::vector<std::string> names = {"a", "b"};
  draw_boxes(picture, {.image = {100, 80},
                       .boxes = std::vector{box({10, 30, 40, 40}, 0), box({60, 30, 30, 40}, 1, true)},
                       .names = names});
  EXPECT_TRUE(same(picture.at(10, 16), class_color(0))) << "the ground of the name";
  EXPECT_TRUE(same(picture.at(10, 29), class_color(0)));
  int drawn = 0;
  for (int x = 60; x < 90; ++x) drawn += same(picture.at(x, 69), class_color(1));
  EXPECT_EQ(drawn, 16);
}

TEST(Drawing, ColoursDifferAndBearWhiteLetters) {
  for (int32_t a = 0; a < 100; ++a) {
    const Color color = class_color(a);
    EXPECT_LT(0.299 * color.red + 0.587 * color.green + 0.114 * color.blue, 125) << a;
    for (int32_t b = 0; b < a; ++b) EXPECT_FALSE(same(color, class_color(b))) << a << " and " << b;
  }
}

TEST(Drawing, ImagesAreFittedAndSmallOnesEnlarged) {
  const auto size = [](Size of) {
    const Image image{
        .size = of, .channels = 3, .pixels = std::vector<uint8_t>(size_t{3} * of.width * of.height)};
    const Size is = fitted(image, {360, 270}).size();
    return concat(is.width, " x ", is.height);
  };
  EXPECT_EQ(size({720, 540}), "360 x 270");
  EXPECT_EQ(size({100, 2000}), "14 x 270");
  EXPECT_EQ(size({5000, 2}), "360 x 1");
  EXPECT_EQ(size({200, 200}), "200 x 200");
  EXPECT_EQ(size({28, 28}), "252 x 252");
}

TEST(Drawing, ShowsWhatPrepareWouldMake) {
  const Recipe recipe{.transforms = {}, .slot = {4, 2}, .channels = 3};
  std::vector<uint8_t> pixels(24);
  for (size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<uint8_t>(10 * i);
  Drawn drawn;
  drawn.size = {3, 2};
  drawn.look = {.width = 3, .height = 2, .flip = 1, .erased = {0, 1, 1, 1}};
  drawn.look.colour = {2, 0, 0, 0, 1, 0, 0, 1, 0};
  drawn.look.offset = {0, 5, -300};
  const Image seen = as_seen(recipe, drawn, pixels);
  EXPECT_EQ(seen.size.width, 3);
  // The pixel in the left upper corner is the third of its row, 60 70 80: twice its red, its green and 5, and nothing.
  EXPECT_EQ((std::vector<uint8_t>(seen.pixels.begin(), seen.pixels.begin() + 6)),
            (std::vector<uint8_t>{120, 75, 0, 60, 45, 0}));
  EXPECT_EQ(seen.pixels[9], 128) << "erased";
  EXPECT_NE(seen.pixels[12], 128);
}

// ---- the page ----

TEST(Page, NamesAreTextAndNothingRuns) {
  const std::string evil = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;\n\x01";
  const std::string page = html(
      {.title = evil,
       .lines = {evil},
       .legend = {{.name = evil, .color = {1, 2, 255}, .count = 1234}},
       .cards = {
           {.name = evil, .details = evil, .stored = {"img/1.png", {4, 3}}, .seen = {"img/2.png", {4, 3}}},
           {.name = evil, .details = evil, .fault = evil}}});
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img src=x"), std::string::npos);
  EXPECT_EQ(page.find('\x01'), std::string::npos);
  EXPECT_NE(page.find("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(page.find("onerror=&#39;alert(2)&#39;&gt;&amp;amp;"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"), std::string::npos);
  EXPECT_NE(page.find("background:#0102ff"), std::string::npos);
  EXPECT_NE(page.find("1,234"), std::string::npos);
  size_t images = 0;
  for (size_t at = 0; (at = page.find("<img ", at)) != std::string::npos; ++at) ++images;
  EXPECT_EQ(images, 2U);
}

// ---- the whole of it ----

class Browse : public ::testing::Test {
 protected:
  Browse() : store_(folder_ / "my.db", StoreUse::create) {
    make_directories(folder_ / "images");
    Import import(store_, "test");
    ImageRecord image;
    image.folder = import.folder(folder_ / "images");
    image.size = {80, 60};
    for (const std::string name : {"a", "\"><script>alert(1)<", "c", "gone"}) {
      image.path = name + ".png";
      image.split = name == "c" ? Split::validation : Split::train;
      if (name != "gone") write_png(folder_ / "images/" + image.path, Picture(image.size, white));
      Category category;
      category.name = name == "c" ? "dog" : "<b>cat";
      Annotation annotation;
      annotation.image = import.image(image);
      annotation.category = import.category(category);
      annotation.box = BoundingBox{20, 20, 30, 20};
      import.annotation(annotation);
    }
    import.commit();
  }

  BrowseRequest request(const std::string& out) const {
    return {.out = folder_ / out,
            .recipe = {.transforms = {Letterbox{{160, 160}}}, .slot = {160, 160}},
            .recipe_words = "letterbox"};
  }
  std::string page(const std::string& out) const {
    return std::string(text_of(read_file(folder_ / out + "/index.html")));
  }

  testing::Folder folder_;
  Store store_;
};

TEST_F(Browse, ShowsImagesAsStoredAndAsSeenWithTheirBoxes) {
  const BrowseCounts counts = browse(store_, request("page"));
  EXPECT_EQ(counts.shown, 4);
  EXPECT_EQ(counts.unreadable, 1);
  // The stored image is enlarged four times, the other fitted into 160 x 160: twice as large, 20 pixels further down.
  const Image stored = read_image(folder_ / "page/img/1-stored.png"),
              seen = read_image(folder_ / "page/img/1-seen.png");
  EXPECT_EQ(stored.size.width, 320);
  EXPECT_EQ(seen.size.height, 160);
  const auto at = [](const Image& image, int x, int y) {
    const uint8_t* pixel = &image.pixels[(size_t{1} * y * image.size.width + x) * 3];
    return Color{pixel[0], pixel[1], pixel[2]};
  };
  const Color cat = class_color(0);
  for (const auto& [image, left, top, right, bottom] :
       {std::tuple(&stored, 80, 80, 200, 160), {&seen, 40, 60, 100, 100}}) {
    EXPECT_TRUE(same(at(*image, left, top + 5), cat));
    EXPECT_TRUE(same(at(*image, right - 1, bottom - 1), cat));
    EXPECT_FALSE(same(at(*image, left - 1, bottom - 1), cat));
    EXPECT_FALSE(same(at(*image, right, bottom), cat));
    EXPECT_TRUE(same(at(*image, left + 10, bottom - 8), white));
  }
  EXPECT_TRUE(same(at(seen, 80, 5), {114, 114, 114})) << "the fill";
}

TEST_F(Browse, ThePageNamesFilesClassesAndFaultsAsText) {
  browse(store_, request("page"));
  const std::string text = page("page");
  EXPECT_EQ(text.find("<script"), std::string::npos);
  EXPECT_EQ(text.find("<b>cat"), std::string::npos);
  EXPECT_NE(text.find("&quot;&gt;&lt;script&gt;alert(1)&lt;.png"), std::string::npos);
  EXPECT_NE(text.find("80 × 60 · train · 1 &lt;b&gt;cat"), std::string::npos) << text;
  EXPECT_NE(text.find("gone.png: cannot read: No such file or directory"), std::string::npos) << text;
  EXPECT_NE(text.find("4 of 4 images, chosen by chance (seed 1); revision 1"), std::string::npos) << text;
}

TEST_F(Browse, TakesSplitClassCountAndSeed) {
  BrowseRequest one = request("split");
  one.split = Split::validation;
  EXPECT_EQ(browse(store_, one).of, 1);
  one = request("class");
  one.category = "<b>cat";
  one.count = 2;
  const BrowseCounts counts = browse(store_, one);
  EXPECT_EQ(counts.of, 3);
  EXPECT_EQ(counts.shown, 2);
  one.out = folder_ / "again";
  browse(store_, one);
  EXPECT_EQ(page("class"), page("again"));
}

TEST_F(Browse, RefusesWhatIsNotThere) {
  using testing::error_of;
  BrowseRequest one = request("page");
  one.category = "dogg";
  EXPECT_EQ(error_of([&] { browse(store_, one); }), "[browse] there is no class dogg; did you mean dog?");
  one.category = "dog";
  one.split = Split::train;
  EXPECT_EQ(error_of([&] { browse(store_, one); }),
            "[browse] the store has no such image among its 4; the split is train; the class is dog");
  EXPECT_FALSE(std::filesystem::exists(one.out)) << "nothing was made";
  EXPECT_EQ(
      error_of([&] { browse(store_, request("images")); }),
      "[browse] " + (folder_ / "images") + " holds something already; name another folder, or remove it");
}

}  // namespace
}  // namespace dlfs
