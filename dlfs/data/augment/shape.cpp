#include "dlfs/data/augment/shape.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

namespace dlfs {
namespace {

int round_half_up(double x) { return static_cast<int>(std::floor(x + 0.5)); }

double round_to(double x, double steps) { return std::floor(x * steps + 0.5) / steps; }

// One of 0 to most, or of most to 0 where it is below.
int offset_within(int most, const Random& random, uint64_t counter) {
  const auto drawn = static_cast<int>(random.below(counter, static_cast<uint32_t>(std::abs(most)) + 1));
  return most < 0 ? -drawn : drawn;
}

// The image at `size` with its corner at (x, y) of a canvas.
void place(Canvas& canvas, Size size, Box window) {
  stretch(canvas, size);
  cut(canvas, window);
}

}  // namespace

double between(double least, double most, double uniform) { return least + (most - least) * uniform; }

double log_between(double least, double most, double uniform) {
  return round_to(std::exp(between(std::log(least), std::log(most), uniform)), 0x1p16);
}

Angle turn_by(double degrees) {
  constexpr double radians = 3.14159265358979323846 / 180;
  return {.sine = round_to(std::sin(degrees * radians), 0x1p20),
          .cosine = round_to(std::cos(degrees * radians), 0x1p20)};
}

void apply(const Stretch& t, Canvas& canvas, const Random&) { stretch(canvas, t.to); }

void apply(const ShortestEdge& t, Canvas& canvas, const Random& random) {
  const int length = t.lengths[random.below(0, static_cast<uint32_t>(t.lengths.size()))];
  const double scale = static_cast<double>(length) / std::min(canvas.size.width, canvas.size.height);
  double width = canvas.size.width < canvas.size.height ? length : scale * canvas.size.width;
  double height = canvas.size.width < canvas.size.height ? scale * canvas.size.height : length;
  if (const double longest = std::max(width, height); longest > t.longest) {
    width *= t.longest / longest;
    height *= t.longest / longest;
  }
  stretch(canvas, {std::max(1, round_half_up(width)), std::max(1, round_half_up(height))});
}

void apply(const Letterbox& t, Canvas& canvas, const Random&) {
  const double scale = std::min(static_cast<double>(t.to.width) / canvas.size.width,
                                static_cast<double>(t.to.height) / canvas.size.height);
  const Size size{std::clamp(round_half_up(canvas.size.width * scale), 1, t.to.width),
                  std::clamp(round_half_up(canvas.size.height * scale), 1, t.to.height)};
  place(canvas, size,
        {-((t.to.width - size.width) / 2), -((t.to.height - size.height) / 2), t.to.width, t.to.height});
}

void apply(const CenterCrop& t, Canvas& canvas, const Random&) {
  // Half a pixel goes to the even side, as in Python's round; what is missing is filled, the smaller half before.
  const auto offset = [](int has, int wants) {
    return has < wants ? -((wants - has) / 2) : static_cast<int>(std::nearbyint((has - wants) / 2.0));
  };
  cut(canvas, {offset(canvas.size.width, t.to.width), offset(canvas.size.height, t.to.height), t.to.width,
               t.to.height});
}

void apply(const RandomFlip& t, Canvas& canvas, const Random& random) {
  Affine map;
  if (random.uniform(0) < t.horizontal) {
    map.a = -1;
    map.c = canvas.size.width;
  }
  if (random.uniform(1) < t.vertical) {
    map.e = -1;
    map.f = canvas.size.height;
  }
  look_through(canvas, map, canvas.size);
}

void apply(const RandomCrop& t, Canvas& canvas, const Random& random) {
  // An image that is too small even when padded stands somewhere in the crop, the rest of which is filled.
  const int x = offset_within(canvas.size.width + 2 * t.pad - t.to.width, random, 0) - t.pad;
  const int y = offset_within(canvas.size.height + 2 * t.pad - t.to.height, random, 1) - t.pad;
  cut(canvas, {x, y, t.to.width, t.to.height});
}

void apply(const RandomResizedCrop& t, Canvas& canvas, const Random& random) {
  const auto [width, height] = canvas.size;
  Box crop{0, 0, width, height};
  bool found = false;
  for (uint64_t counter = 0; counter < 40 && !found; counter += 4) {
    const double area =
        between(t.least_area, t.most_area, random.uniform(counter)) * (static_cast<double>(width) * height);
    const double aspect = log_between(t.least_aspect, t.most_aspect, random.uniform(counter + 1));
    crop.width = round_half_up(std::sqrt(area * aspect));
    crop.height = round_half_up(std::sqrt(area / aspect));
    found = crop.width > 0 && crop.width <= width && crop.height > 0 && crop.height <= height;
    if (!found) continue;
    crop.y = offset_within(height - crop.height, random, counter + 2);
    crop.x = offset_within(width - crop.width, random, counter + 3);
  }
  if (!found) {  // the largest of a lawful aspect, in the middle
    const double aspect = static_cast<double>(width) / height;
    crop.width = aspect > t.most_aspect ? round_half_up(height * double{t.most_aspect}) : width;
    crop.height = aspect < t.least_aspect ? round_half_up(width / double{t.least_aspect}) : height;
    crop.width = std::clamp(crop.width, 1, width);
    crop.height = std::clamp(crop.height, 1, height);
    crop.x = (width - crop.width) / 2;
    crop.y = (height - crop.height) / 2;
  }
  cut(canvas, crop);
  stretch(canvas, t.to);
}

namespace {

struct Candidate {
  Extent box;
  bool inside = false;  // its center lies in the crop
};

double overlap(const Extent& a, const Extent& b) {  // of the union
  const double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (width <= 0 || height <= 0) return 0;
  const auto area = [](const Extent& e) { return (e.right - e.left) * (e.bottom - e.top); };
  return width * height / (area(a) + area(b) - width * height);
}

// The crop of one trial, where it keeps a box well enough.
std::optional<Box> iou_trial(const IouCrop& t, Size size, double least_overlap, std::vector<Candidate>& boxes,
                             const Random& random, uint64_t counter) {
  const auto share = [&](int of, int which) {
    return static_cast<int>(of * between(t.least_scale, t.most_scale, random.uniform(counter + which)));
  };
  Box crop{0, 0, share(size.width, 0), share(size.height, 1)};
  if (crop.width < 1 || crop.height < 1) return {};
  const double aspect = static_cast<double>(crop.width) / crop.height;
  if (aspect < t.least_aspect || aspect > t.most_aspect) return {};
  crop.x = static_cast<int>((size.width - crop.width) * double{random.uniform(counter + 2)});
  crop.y = static_cast<int>((size.height - crop.height) * double{random.uniform(counter + 3)});
  const Extent window{static_cast<double>(crop.x), static_cast<double>(crop.y),
                      static_cast<double>(crop.x) + crop.width, static_cast<double>(crop.y) + crop.height};
  double best = -1;
  for (Candidate& candidate : boxes) {
    const double x = (candidate.box.left + candidate.box.right) / 2,
                 y = (candidate.box.top + candidate.box.bottom) / 2;
    candidate.inside = window.left < x && x < window.right && window.top < y && y < window.bottom;
    if (candidate.inside) best = std::max(best, overlap(candidate.box, window));
  }
  return best >= 0 && best >= least_overlap ? std::optional(crop) : std::nullopt;
}

}  // namespace

void apply(const IouCrop& t, Canvas& canvas, const Random& random) {
  constexpr std::array least_overlaps{0.0F, 0.1F, 0.3F, 0.5F, 0.7F, 0.9F, 1.0F};
  constexpr uint64_t most_rounds = 100;  // the whole image, which ends it, comes with one in seven
  std::vector<Candidate> boxes;
  std::vector<Marked> marked;
  for (const Marked& box : canvas.boxes)
    if (const Visible seen = visible(canvas, box); seen.part > 0) {
      boxes.push_back({.box = seen.extent});
      marked.push_back(box);
    }
  if (boxes.empty()) return;
  const uint64_t numbers = 1 + 4 * static_cast<uint64_t>(t.trials);  // of a round
  for (uint64_t round = 0; round < most_rounds; ++round) {
    const uint64_t first = round * numbers;
    const float least = least_overlaps[random.below(first, least_overlaps.size())];
    if (least >= 1) return;
    for (int trial = 0; trial < t.trials; ++trial) {
      const uint64_t counter = first + 1 + 4 * static_cast<uint64_t>(trial);
      const auto crop = iou_trial(t, canvas.size, least, boxes, random, counter);
      if (!crop) continue;
      canvas.boxes.clear();
      for (size_t i = 0; i < boxes.size(); ++i)
        if (boxes[i].inside) canvas.boxes.push_back(marked[i]);
      cut(canvas, *crop);
      return;
    }
  }
}

void apply(const ZoomOut& t, Canvas& canvas, const Random& random) {
  if (random.uniform(0) >= t.probability) return;
  const double side = between(1, t.most, random.uniform(1));
  const int width = static_cast<int>(canvas.size.width * side);
  const int height = static_cast<int>(canvas.size.height * side);
  const int x = static_cast<int>((width - canvas.size.width) * double{random.uniform(2)});
  const int y = static_cast<int>((height - canvas.size.height) * double{random.uniform(3)});
  cut(canvas, {-x, -y, width, height});
}

void apply(const RandomAffine& t, Canvas& canvas, const Random& random) {
  const auto [width, height] = canvas.size;
  const auto either_way = [&](double most, uint64_t counter) {
    return between(-most, most, random.uniform(counter));
  };
  const Angle turn = turn_by(either_way(t.degrees, 0));
  const Angle lean = turn_by(either_way(t.shear, 1));
  const double scale = between(t.least_scale, t.most_scale, random.uniform(2));
  const int x = round_half_up(either_way(t.translate, 3) * width);
  const int y = round_half_up(either_way(t.translate, 4) * height);
  // Sheared along x, turned, scaled and moved, all about the middle; the shear's tangent is taken up and down.
  const double tangent = lean.sine / lean.cosine;
  const Affine center{.c = width / 2.0 + x, .f = height / 2.0 + y};
  const Affine body{.a = scale * turn.cosine,
                    .b = scale * (turn.cosine * -tangent - turn.sine),
                    .d = scale * turn.sine,
                    .e = scale * (turn.sine * -tangent + turn.cosine)};
  const Affine home{.c = -width / 2.0, .f = -height / 2.0};
  look_through(canvas, inverse(compose(center, compose(body, home))), canvas.size);
}

void apply(const Tile& tile, Canvas& canvas) {
  const double scale =
      std::min(tile.to.width / 2.0 / canvas.size.width, tile.to.height / 2.0 / canvas.size.height);
  const Size size{std::max(1, round_half_up(canvas.size.width * scale)),
                  std::max(1, round_half_up(canvas.size.height * scale))};
  const Box share{0, 0, tile.column == 0 ? tile.middle_x : tile.to.width - tile.middle_x,
                  tile.row == 0 ? tile.middle_y : tile.to.height - tile.middle_y};
  // Its own share first, so that nothing reaches into another's; then the whole canvas.
  place(canvas, size,
        {tile.column == 0 ? size.width - share.width : 0, tile.row == 0 ? size.height - share.height : 0,
         share.width, share.height});
  cut(canvas, {tile.column == 0 ? 0 : -tile.middle_x, tile.row == 0 ? 0 : -tile.middle_y, tile.to.width,
               tile.to.height});
}

}  // namespace dlfs
