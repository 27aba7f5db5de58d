#include "dlfs/data/augment/draw.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "dlfs/testing/augment.h"

namespace dlfs::testing {
namespace {

struct OneImage : Subjects {
  Size size{640, 480};
  std::vector<SnapshotBox> boxes;
  uint32_t count() const override { return 1; }
  Subject subject(uint32_t) const override { return {.size = size, .boxes = boxes, .label = 3}; }
};

// The window of the source that an upright part shows.
Extent window(const Part& part) {
  const Affine& m = part.to_source;
  const double x0 = m.a * part.where.x + m.c, x1 = m.a * (part.where.x + part.where.width) + m.c;
  const double y0 = m.e * part.where.y + m.f, y1 = m.e * (part.where.y + part.where.height) + m.f;
  return {std::min(x0, x1), std::min(y0, y1), std::max(x0, x1), std::max(y0, y1)};
}

Drawn draw_one(const OneImage& image, std::vector<Transform> transforms, int64_t position = 0) {
  return draw(recipe_of({2000, 2000}, 3, std::move(transforms)), image, 0, sample_key(1, 0, position));
}

bool same(const Drawn& a, const Drawn& b) {
  const auto parts = [](const Part& p, const Part& q) {
    return p.image == q.image && p.weight == q.weight && p.where.x == q.where.x && p.where.y == q.where.y &&
           p.to_source.a == q.to_source.a && p.to_source.c == q.to_source.c && p.to_source.f == q.to_source.f;
  };
  return a.boxes == b.boxes && a.second_label == b.second_label && a.second_weight == b.second_weight &&
         a.look.colour == b.look.colour && a.look.erased == b.look.erased &&
         a.parts.size() == b.parts.size() &&
         std::equal(a.parts.begin(), a.parts.end(), b.parts.begin(), parts);
}

TEST(Draw, IsAFunctionOfTheKey) {
  const ImageSet set("draw", {});
  const Recipe recipe = recipe_of({300, 300}, 3,
                                  {Mosaic{.to = {300, 300}}, RandomAffine{.degrees = 10}, RandomFlip{},
                                   ColourJitter{.hue = 0.1F}, Mixup{}, RandomErase{}});
  int other = 0;
  for (int i = 0; i < 100; ++i) {
    const Drawn drawn = draw(recipe, set, 3, sample_key(5, 1, i));
    EXPECT_TRUE(same(drawn, draw(recipe, set, 3, sample_key(5, 1, i))));
    other += !same(drawn, draw(recipe, set, 3, sample_key(5, 1, i + 1)));
    other += !same(drawn, draw(recipe, set, 3, sample_key(5, 2, i)));
    other += !same(drawn, draw(recipe, set, 3, sample_key(6, 1, i)));
  }
  EXPECT_EQ(other, 300);
}

TEST(Draw, KeepsTheNumbersOfAnOperationWhateverTheOthersDo) {
  const OneImage image;
  for (int i = 0; i < 50; ++i) {
    const auto crop = [&](float flips, float zooms) {
      return window(draw_one(image,
                             {RandomFlip{.horizontal = flips}, ZoomOut{.probability = zooms, .most = 1},
                              RandomCrop{{100, 100}, 0}},
                             i)
                        .parts[0]);
    };
    EXPECT_EQ(crop(0, 0).top, crop(1, 1).top);
    EXPECT_EQ(crop(0, 0).left, 640 - crop(1, 0).right);
  }
}

// Pearson's statistic of a table of counts against independence of rows and columns.
double chi_square(const std::array<std::array<int, 8>, 8>& table) {
  std::array<double, 8> rows{}, columns{};
  double all = 0, sum = 0;
  for (size_t i = 0; i < 8; ++i)
    for (size_t j = 0; j < 8; ++j) {
      rows[i] += table[i][j];
      columns[j] += table[i][j];
      all += table[i][j];
    }
  for (size_t i = 0; i < 8; ++i)
    for (size_t j = 0; j < 8; ++j) {
      const double wanted = rows[i] * columns[j] / all;
      if (wanted > 0) sum += (table[i][j] - wanted) * (table[i][j] - wanted) / wanted;
    }
  return sum;
}

TEST(Draw, GivesPositionsEpochsAndOperationsNumbersOfTheirOwn) {
  const OneImage image;
  const Recipe recipe = recipe_of({64, 64}, 3, {RandomFlip{}, RandomCrop{{64, 64}, 0}});
  struct Numbers {
    size_t x, y, flip;  // one of eight, of eight, of two
  };
  const auto drawn = [&](int64_t epoch, int64_t position) {
    const Part part = draw(recipe, image, 0, sample_key(9, epoch, position)).parts[0];
    const bool flip = part.to_source.a < 0;
    const double x = flip ? 640 - window(part).right : window(part).left;
    return Numbers{static_cast<size_t>(x * 8 / 577), static_cast<size_t>(window(part).top * 8 / 417), flip};
  };
  std::array<std::array<int, 8>, 8> across{}, neighbours{}, epochs{}, operations{};
  for (int i = 0; i < 20'000; ++i) {
    const Numbers here = drawn(0, i);
    ++across[here.x][here.y];
    ++neighbours[here.x][drawn(0, i + 1).x];
    ++epochs[here.x][drawn(1, i).x];
    ++operations[here.x][here.flip];
  }
  // With 49 degrees of freedom 85.4 is exceeded once in a thousand times, with 7 it is 24.3.
  EXPECT_LT(chi_square(across), 85.4);
  EXPECT_LT(chi_square(neighbours), 85.4);
  EXPECT_LT(chi_square(epochs), 85.4);
  EXPECT_LT(chi_square(operations), 24.3);
}

TEST(Draw, SizesTheShortestEdgeAsDetectron2) {
  OneImage image;
  const auto size = [&](Size from, int length, int longest) {
    image.size = from;
    const Size to = draw_one(image, {ShortestEdge{{length}, longest}}).size;
    return std::pair(to.width, to.height);
  };
  EXPECT_EQ(size({640, 480}, 800, 1333), std::pair(1067, 800));
  EXPECT_EQ(size({480, 640}, 800, 1333), std::pair(800, 1067));
  EXPECT_EQ(size({640, 427}, 800, 1333), std::pair(1199, 800));
  EXPECT_EQ(size({1000, 300}, 800, 1333), std::pair(1333, 400));
  EXPECT_EQ(size({500, 500}, 640, 1333), std::pair(640, 640));
  EXPECT_EQ(size({60000, 1}, 800, 1333), std::pair(1333, 1));
}

TEST(Draw, PutsLetterboxesAndCropsInTheMiddle) {
  OneImage image;
  const Box letter = draw_one(image, {Letterbox{{300, 300}}}).parts[0].where;
  EXPECT_EQ(letter.x, 0);
  EXPECT_EQ(letter.y, 37);
  EXPECT_EQ(letter.width, 300);
  EXPECT_EQ(letter.height, 225);
  image.size = {645, 483};
  const Extent crop = window(draw_one(image, {CenterCrop{{600, 480}}}).parts[0]);
  EXPECT_EQ(crop.left, 22);  // 22.5 goes to the even side
  EXPECT_EQ(crop.top, 2);    // and so does 1.5
  const Box small = draw_one(image, {CenterCrop{{700, 480}}}).parts[0].where;
  EXPECT_EQ(small.x, 27);
  EXPECT_EQ(small.width, 645);
}

TEST(Draw, CropsAndResizesWithinTheRanges) {
  OneImage image;
  double least = 1, most = 0;
  for (int i = 0; i < 2000; ++i) {
    const Extent e = window(draw_one(image, {RandomResizedCrop{.to = {224, 224}}}, i).parts[0]);
    const double width = e.right - e.left, height = e.bottom - e.top;
    EXPECT_TRUE(e.left >= 0 && e.top >= 0 && e.right < 640.001 && e.bottom < 480.001);
    EXPECT_NEAR(width, std::round(width), 1e-9);
    const double area = width * height / (640 * 480), aspect = width / height;
    EXPECT_TRUE(aspect > 0.73 && aspect < 1.36) << aspect;
    least = std::min(least, area);
    most = std::max(most, area);
  }
  EXPECT_TRUE(least > 0.079 && least < 0.085) << least;
  EXPECT_GT(most, 0.9);
  image.size = {1000, 10};  // nothing fits: the largest of a lawful aspect, in the middle
  const Extent e = window(draw_one(image, {RandomResizedCrop{.to = {224, 224}, .least_area = 1}}).parts[0]);
  EXPECT_EQ(e.left, 493);
  EXPECT_EQ(e.right, 506);
  EXPECT_EQ(e.bottom - e.top, 10);
}

TEST(Draw, CropsPaddedAndSmallImagesAnywhere) {
  OneImage image;
  image.size = {32, 32};
  std::map<int, int> places;
  for (int i = 0; i < 900; ++i) {
    const Drawn drawn = draw_one(image, {RandomCrop{{32, 32}, 4}}, i);
    ++places[static_cast<int>(drawn.parts[0].to_source.c)];
    EXPECT_EQ(drawn.parts[0].where.width, 32 - std::abs(static_cast<int>(drawn.parts[0].to_source.c)));
  }
  EXPECT_EQ(places.size(), 9U);  // from -4 to 4
  for (const auto& [place, count] : places) EXPECT_NEAR(count, 100, 45) << place;
  const Box inside = draw_one(image, {RandomCrop{{50, 50}, 0}}).parts[0].where;
  EXPECT_TRUE(inside.width == 32 && inside.x >= 0 && inside.x <= 18);
}

SnapshotBox boxed(float x, float y, float width, float height) {
  SnapshotBox box;
  box.box = {x, y, width, height};
  return box;
}

TEST(Draw, CropsForBoxesByTheirOverlap) {
  OneImage image;
  image.boxes = {boxed(100, 100, 200, 150), boxed(400, 50, 60, 60)};
  int whole = 0, both = 0;
  for (int i = 0; i < 700; ++i) {
    const Drawn drawn = draw_one(image, {IouCrop{}}, i);
    ASSERT_FALSE(drawn.boxes.empty());
    whole += drawn.size.width == 640 && drawn.size.height == 480;
    both += drawn.boxes.size() == 2;
    const Extent e = window(drawn.parts[0]);
    for (const SnapshotBox& box : image.boxes) {
      const double x = box.box.x + box.box.width / 2.0, y = box.box.y + box.box.height / 2.0;
      const bool inside = e.left < x && x < e.right && e.top < y && y < e.bottom;
      const bool kept = std::any_of(drawn.boxes.begin(), drawn.boxes.end(), [&](const SnapshotBox& left) {
        return std::abs(left.box.x + e.left - std::max<double>(box.box.x, e.left)) < 1e-3;
      });
      EXPECT_EQ(inside, kept);
    }
  }
  EXPECT_TRUE(whole > 70 && whole < 500) << whole;
  EXPECT_LT(both, 700);
  image.boxes.clear();
  EXPECT_EQ(draw_one(image, {IouCrop{}}).size.width, 640);
}

TEST(Draw, DropsWhatIsNoMoreToBeSeen) {
  OneImage image;
  image.boxes = {boxed(0, 0, 100, 100), boxed(300, 200, 0, 50), boxed(700, 0, 50, 50),
                 boxed(-20, 100, 40, 40), boxed(500, 400, 100, 80)};
  image.boxes[4].crowd = true;
  EXPECT_EQ(draw_one(image, {Stretch{{640, 480}}}).boxes.size(), 3U);  // not the empty, not the one outside
  Recipe recipe = recipe_of({600, 480}, 3, {CenterCrop{{540, 480}}});  // from 50
  EXPECT_EQ(draw(recipe, image, 0, 1).boxes.size(), 2U);
  recipe.least_visible = 0.51F;
  const Drawn drawn = draw(recipe, image, 0, 1);
  ASSERT_EQ(drawn.boxes.size(), 1U);
  EXPECT_TRUE(drawn.boxes[0].crowd);
  EXPECT_EQ(drawn.boxes[0].box, (BoundingBox{450, 400, 90, 80}));
}

TEST(Draw, MixesWithTheWeightsOfABetaDistribution) {
  const ImageSet set("mix", {});
  for (const float alpha : {0.2F, 1.0F, 8.0F}) {
    const Recipe recipe = recipe_of({50, 50}, 3, {Stretch{{50, 50}}, Mixup{.alpha = alpha}});
    double sum = 0, squares = 0;
    constexpr int count = 4000;
    for (int i = 0; i < count; ++i) {
      const Drawn drawn = draw(recipe, set, 1, sample_key(1, 0, i));
      ASSERT_EQ(drawn.parts.size(), 2U);
      EXPECT_EQ(drawn.parts[1].weight, static_cast<int>(256 * drawn.second_weight));
      EXPECT_EQ(drawn.second_label, static_cast<int>(drawn.parts[1].image));
      EXPECT_EQ(drawn.label, 1);
      sum += drawn.second_weight;
      squares += std::pow(drawn.second_weight - 0.5, 2);
    }
    EXPECT_NEAR(sum / count, 0.5, 0.03);
    EXPECT_NEAR(squares / count, 1 / (4 * (2 * double{alpha} + 1)), 0.01) << alpha;
  }
}

TEST(Draw, LaysFourImagesIntoAMosaic) {
  const ImageSet set("mosaic", {});
  const Recipe recipe = recipe_of({300, 200}, 3, {Mosaic{.to = {300, 200}}});
  int all = 0;
  for (int i = 0; i < 100; ++i) {
    const Drawn drawn = draw(recipe, set, 1, sample_key(1, 0, i));
    ASSERT_EQ(drawn.parts.size(), 4U);
    EXPECT_EQ(drawn.parts[0].image, 1U);
    const int x = drawn.parts[0].where.x + drawn.parts[0].where.width,
              y = drawn.parts[0].where.y + drawn.parts[0].where.height;
    EXPECT_TRUE(x >= 75 && x <= 225 && y >= 50 && y <= 150);
    for (int tile = 1; tile < 4; ++tile) {
      const Box& where = drawn.parts[static_cast<size_t>(tile)].where;
      EXPECT_TRUE(tile % 2 == 1 ? where.x == x : where.x + where.width == x);
      EXPECT_TRUE(tile / 2 == 1 ? where.y == y : where.y + where.height == y);
    }
    all += drawn.parts[1].image != drawn.parts[2].image && drawn.parts[2].image != drawn.parts[3].image;
  }
  EXPECT_GT(all, 70);
}

TEST(Draw, AsksForTheWindowAtTheLeastSize) {
  OneImage image;
  image.size = {4000, 3000};
  Part part{.where = {0, 0, 100, 100}, .to_source = {.a = 5, .c = 1000, .e = 9, .f = 500}};
  const DecodeRequest request = request_for(part, image.size, 3);
  ASSERT_TRUE(request.window && request.at_least);
  EXPECT_TRUE(request.window->x <= 1000 - 5 && request.window->x >= 1000 - 10) << request.window->x;
  EXPECT_GE(request.window->x + request.window->width, 1505);
  EXPECT_LE(request.window->width, 520);
  EXPECT_EQ(request.at_least->width, request.window->width / 4);  // 5 allows a quarter, 9 an eighth
  EXPECT_EQ(request.channels, 4);
  part.to_source.a = 1.9;
  EXPECT_FALSE(request_for(part, image.size, 1).at_least);
  EXPECT_EQ(request_for(part, image.size, 1).channels, 1);
  part.to_source = {};
  EXPECT_FALSE(request_for(part, {100, 100}, 3).window);  // all of it
}

}  // namespace
}  // namespace dlfs::testing
