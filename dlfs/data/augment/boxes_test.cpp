// Boxes after every transform and after chains of them, against pixels: each box is painted white on black, rendered as
// its image would be, and the rectangle about what is white must be the box that was drawn, within a pixel.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "dlfs/testing/augment.h"

namespace dlfs::testing {
namespace {

constexpr Size slot{400, 400};

// A box, white on black, with so many pixels for one.
Decoded painted(const ImageSet::Member& member, const BoundingBox& box, int closer) {
  const Size size{member.size.width * closer, member.size.height * closer};
  Decoded mask{.image = {.size = size, .channels = 1, .pixels = {}},
               .covers = {0, 0, size.width, size.height},
               .scale = 1};
  mask.image.pixels.assign(static_cast<size_t>(size.width) * size.height, 0);
  const auto at = [&](float edge) { return static_cast<int>(edge) * closer; };
  for (int y = at(box.y); y < at(box.y + box.height); ++y)
    for (int x = at(box.x); x < at(box.x + box.width); ++x)
      mask.image.pixels[static_cast<size_t>(y) * size.width + x] = 255;
  return mask;
}

struct White {
  double left = 1e9, top = 1e9, right = 0, bottom = 0;
  bool is_empty() const { return left >= right; }
};

// The rectangle about the pixels of a part that are white: as white as `from`, with so many pixels for one.
White white_of(const Part& part, const ImageSet& set, int64_t id, int from, int closer) {
  const ImageSet::Member& member = set.members[part.image];
  Decoded mask;
  for (const SnapshotBox& box : member.boxes)
    if (box.id == id) mask = painted(member, box.box, closer);
  Part near = part;
  near.weight = 256;
  for (int* edge : {&near.where.x, &near.where.y, &near.where.width, &near.where.height}) *edge *= closer;
  for (double* edge : {&near.to_source.c, &near.to_source.f, &near.shown.left, &near.shown.top,
                       &near.shown.right, &near.shown.bottom})
    *edge *= closer;
  const Size size{slot.width * closer, slot.height * closer};
  Recipe recipe = recipe_of(size, 1);
  recipe.fill = 0;
  Drawn drawn;
  drawn.size = size;
  drawn.parts = {near};
  const std::vector<uint8_t> pixels = rendered(recipe, drawn, [&](const Part&) { return mask; });
  White white;
  for (int y = 0; y < size.height; ++y)
    for (int x = 0; x < size.width; ++x)
      if (pixels[static_cast<size_t>(y) * size.width + x] >= from)
        white = {std::min(white.left, 1.0 * x / closer), std::min(white.top, 1.0 * y / closer),
                 std::max(white.right, (x + 1.0) / closer), std::max(white.bottom, (y + 1.0) / closer)};
  return white;
}

// How far the box's edges are from where they may be: between what is half white and what is not black.
double distance(const White& inner, const White& outer, const BoundingBox& box) {
  const auto off = [](double edge, double low, double high) {
    return std::max({low - edge, edge - high, 0.0});
  };
  return std::max({off(box.x, outer.left, inner.left), off(box.y, outer.top, inner.top),
                   off(box.x + box.width, inner.right, outer.right),
                   off(box.y + box.height, inner.bottom, outer.bottom)});
}

// What may be thinner than a pixel and a half leaves no white behind that could be measured.
bool is_thin(const BoundingBox& box) { return box.width < 1.5F || box.height < 1.5F; }

struct Tally {
  int boxes = 0, closer = 0;
  double worst = 0;

  void print(const char* what) const {
    std::cout << what << ": " << boxes << " boxes, at most " << worst << " pixels off, " << closer
              << " looked at closer\n";
  }
};

// To the nearest rectangle of this box among all parts that may show it. From near, sharp corners are judged too, which
// are nowhere half a pixel wide.
double nearest(const ImageSet& set, const Drawn& drawn, const SnapshotBox& box, bool near) {
  double least = 1e9;
  for (const Part& part : drawn.parts)
    for (const SnapshotBox& own : set.members[part.image].boxes) {
      if (own.id != box.id) continue;
      const White inner = white_of(part, set, own.id, 128, near ? 8 : 1);
      const White outer = near ? white_of(part, set, own.id, 1, 8) : inner;
      least = std::min(least, distance(inner, outer, box.box));
    }
  return least;
}

// Every box that was drawn is white somewhere, and everything white was drawn (unless the recipe drops boxes).
void compare(const ImageSet& set, const Drawn& drawn, bool drops, Tally& tally) {
  for (const SnapshotBox& box : drawn.boxes) {
    EXPECT_GE(box.box.x, 0);
    EXPECT_GE(box.box.y, 0);
    EXPECT_LE(box.box.x + box.box.width, static_cast<float>(drawn.size.width) + 1e-4F);
    EXPECT_LE(box.box.y + box.box.height, static_cast<float>(drawn.size.height) + 1e-4F);
    if (is_thin(box.box)) continue;
    double off = nearest(set, drawn, box, false);
    if (off > 1) {
      off = nearest(set, drawn, box, true);
      ++tally.closer;
    }
    ++tally.boxes;
    tally.worst = std::max(tally.worst, off);
    EXPECT_LE(off, 1) << "box " << box.id << ": " << box.box.x << " " << box.box.y << " " << box.box.width
                      << " " << box.box.height;
  }
  if (drops) return;
  for (const Part& part : drawn.parts)
    for (const SnapshotBox& own : set.members[part.image].boxes) {
      const White white =
          white_of(part, set, own.id, 160, 1);  // what borders on the seen may shine in by half
      if (white.is_empty()) continue;
      const bool found =
          std::any_of(drawn.boxes.begin(), drawn.boxes.end(), [&](const SnapshotBox& drawn_box) {
            const BoundingBox& box = drawn_box.box;
            return drawn_box.id == own.id && white.left > box.x - 1 && white.top > box.y - 1 &&
                   white.right < box.x + box.width + 1 && white.bottom < box.y + box.height + 1;
          });
      EXPECT_TRUE(found) << "box " << own.id << " is missing";
    }
}

struct Shape {
  const char* name;
  std::vector<Transform> transforms;
  bool drops = false;
};

std::vector<Shape> shapes() {
  const RandomAffine turn{
      .degrees = 180, .translate = 0.2F, .shear = 15, .least_scale = 0.5F, .most_scale = 1.2F};
  return {
      {"Stretch", {Stretch{{300, 200}}}},
      {"ShortestEdge", {ShortestEdge{{150, 200, 250}, 400}}},
      {"Letterbox", {Letterbox{{320, 256}}}},
      {"CenterCrop", {CenterCrop{{150, 200}}}},
      {"RandomFlip", {RandomFlip{.horizontal = 0.5F, .vertical = 0.5F}, Stretch{{200, 300}}}},
      {"RandomCrop", {RandomCrop{{150, 130}, 10}}},
      {"RandomResizedCrop", {RandomResizedCrop{.to = {224, 224}}}},
      {"IouCrop", {IouCrop{}, Stretch{{300, 300}}}, true},
      {"ZoomOut", {ZoomOut{.probability = 0.9F}, Letterbox{{400, 400}}}},
      {"RandomAffine", {Letterbox{{300, 300}}, turn}},
      {"Mosaic", {Mosaic{.to = {400, 300}}}},
      {"Mixup", {RandomResizedCrop{.to = {224, 224}}, Mixup{}}},
      {"turned, then cut", {Letterbox{{300, 300}}, turn, RandomCrop{{200, 180}, 0}}},
      {"cut, then turned", {RandomCrop{{120, 120}, 8}, ZoomOut{.most = 2}, Stretch{{300, 300}}, turn}},
      {"mosaic, turned", {Mosaic{.to = {400, 400}}, turn, RandomFlip{}, RandomCrop{{300, 300}, 0}}},
  };
}

// Any transforms in any order that a recipe may have.
std::vector<Transform> random_chain(const Random& random) {
  std::vector<Transform> chain;
  bool turned = false, mosaic = false, mixed = false;
  const uint32_t length = 1 + random.below(0, 5);
  for (uint32_t i = 1; i <= length; ++i) {
    switch (random.below(i, 10)) {
      case 0:
        chain.emplace_back(Stretch{{250, 350}});
        break;
      case 1:
        chain.emplace_back(ShortestEdge{{100, 200}, 390});
        break;
      case 2:
        chain.emplace_back(Letterbox{{300, 310}});
        break;
      case 3:
        chain.emplace_back(RandomFlip{.horizontal = 0.5F, .vertical = 0.5F});
        break;
      case 4:
        chain.emplace_back(RandomCrop{{200, 150}, 5});
        break;
      case 5:
        chain.emplace_back(RandomResizedCrop{.to = {300, 250}, .least_area = 0.3F});
        break;
      case 6:
        chain.emplace_back(ZoomOut{.probability = 0.5F, .most = 2});
        break;
      case 7:
        if (!turned) chain.emplace_back(RandomAffine{.degrees = 90, .shear = 10, .least_scale = 0.8F});
        turned = true;
        break;
      case 8:
        if (!mosaic) chain.emplace_back(Mosaic{.to = {400, 400}, .probability = 0.7F});
        mosaic = true;
        break;
      case 9:
        if (!mixed) chain.emplace_back(Mixup{.probability = 0.5F});
        mixed = true;
        break;
    }
  }
  chain.emplace_back(Letterbox{{350, 350}});
  return chain;
}

void check_shapes(int cases) {
  const ImageSet set("boxes", {});
  for (const Shape& shape : shapes()) {
    SCOPED_TRACE(shape.name);
    Recipe recipe = recipe_of(slot, 1, shape.transforms);
    recipe.fill = 0;
    refuse_nonsense(recipe);
    Tally tally;
    for (int i = 0; i < cases && !::testing::Test::HasFailure(); ++i) {
      const Drawn drawn = draw(recipe, set, static_cast<uint32_t>(i) % set.count(), sample_key(7, 0, i));
      compare(set, drawn, shape.drops, tally);
    }
    EXPECT_GT(tally.boxes, cases / 2);
    tally.print(shape.name);
  }
}

void check_chains(int cases) {
  const ImageSet set("boxes", {});
  Tally tally;
  for (int i = 0; i < cases && !::testing::Test::HasFailure(); ++i) {
    SCOPED_TRACE(i);
    Recipe recipe =
        recipe_of(slot, 1, random_chain(Random(combine(key_of("chain"), static_cast<uint64_t>(i)))));
    recipe.fill = 0;
    refuse_nonsense(recipe);
    const Drawn drawn = draw(recipe, set, static_cast<uint32_t>(i) % set.count(), sample_key(8, 0, i));
    compare(set, drawn, false, tally);
  }
  EXPECT_GT(tally.boxes, cases / 2);
  tally.print("chains");
}

TEST(AugmentBoxes, FollowEveryTransform) { check_shapes(15); }
TEST(AugmentBoxes, FollowChains) { check_chains(200); }
TEST(SlowAugmentBoxes, FollowEveryTransform) { check_shapes(700); }
TEST(SlowAugmentBoxes, FollowChains) { check_chains(10'000); }

}  // namespace
}  // namespace dlfs::testing
