#include "dlfs/data/augment/draw.h"

#include <algorithm>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/data/augment/look.h"
#include "dlfs/data/augment/shape.h"

namespace dlfs {
namespace {

struct Sketch {
  Canvas canvas;
  Drawn drawn;  // its look and labels, so far
};

// Of a symmetric beta distribution, in 256ths, by two gamma variates (Marsaglia and Tsang, 2000). These are kept as
// logarithms: for a small alpha they are too small for numbers.
int beta_of_256(double alpha, uint64_t key) {
  const auto log_gamma_variate = [&](uint64_t stream) {
    const Random normal(combine(key, stream)), uniform(combine(key, stream + 1));
    const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
    for (uint64_t trial = 1;; ++trial) {
      const double x = normal.normal(trial), root = 1 + c * x;
      if (root <= 0) continue;
      const double v = root * root * root, u = 1 - double{uniform.uniform(trial)};
      if (std::log(u) >= x * x / 2 + d - d * v + d * std::log(v)) continue;
      const double boost = alpha < 1 ? std::log(1 - double{uniform.uniform(0)}) / alpha : 0;
      return std::log(d * v) + boost;
    }
  };
  const double share = 1 / (1 + std::exp(log_gamma_variate(2) - log_gamma_variate(0)));
  return static_cast<int>(std::floor(256 * share + 0.5));
}

class Sketcher {
 public:
  Sketcher(const Recipe& recipe, const Subjects& subjects) : recipe_(recipe), subjects_(subjects) {}

  // The first so many transforms of the recipe.
  Sketch sketch(uint32_t image, uint64_t key, size_t transforms) const {
    const Subject subject = subjects_.subject(image);
    DLFS_CHECK(subject.size.width > 0 && subject.size.height > 0, "an image without pixels");
    Sketch sketch{.canvas = canvas_of(image, subject), .drawn = {}};
    sketch.drawn.label = subject.label;
    for (size_t i = 0; i < transforms; ++i) {
      const Step step{.sketch = sketch, .index = i, .key = combine(key, i)};
      std::visit([&](const auto& transform) { one(transform, step); }, recipe_.transforms[i]);
    }
    return sketch;
  }

 private:
  struct Step {
    Sketch& sketch;
    size_t index;
    uint64_t key;  // of its own random numbers
  };

  template <typename Shape>
  void one(const Shape& shape, const Step& step) const {
    apply(shape, step.sketch.canvas, Random(step.key));
  }
  void one(const ColourJitter& jitter, const Step& step) const {
    apply(jitter, step.sketch.drawn.look, recipe_.channels, Random(step.key));
  }
  void one(const RandomErase& erase, const Step& step) const {
    apply(erase, step.sketch.drawn.look, step.sketch.canvas.size, Random(step.key));
  }
  void one(const Mosaic& mosaic, const Step& step) const {
    const Random random(step.key);
    if (random.uniform(0) >= mosaic.probability) return;
    const auto [width, height] = mosaic.to;
    Tile tile{.to = mosaic.to,
              .middle_x = static_cast<int>(between(width * 0.25, width * 0.75, random.uniform(1))),
              .middle_y = static_cast<int>(between(height * 0.25, height * 0.75, random.uniform(2)))};
    Canvas& canvas = step.sketch.canvas;
    apply(tile, canvas);
    for (int i = 1; i < 4; ++i) {
      Sketch other = another(step, static_cast<uint64_t>(i) + 2);
      tile.column = i % 2;
      tile.row = i / 2;
      apply(tile, other.canvas);
      add(canvas, other.canvas);
    }
  }
  void one(const Mixup& mixup, const Step& step) const {
    const Random random(step.key);
    if (random.uniform(0) >= mixup.probability) return;
    Sketch other = another(step, 1);
    const int weight = beta_of_256(mixup.alpha, combine(step.key, key_of("beta")));
    for (Piece& piece : other.canvas.pieces) piece.part.weight = weight;
    Canvas& canvas = step.sketch.canvas;
    add(canvas, other.canvas);
    canvas.size = {std::max(canvas.size.width, other.canvas.size.width),
                   std::max(canvas.size.height, other.canvas.size.height)};
    step.sketch.drawn.second_label = other.drawn.label;
    step.sketch.drawn.second_weight = static_cast<float>(weight) / 256;
  }

  // Some image of all, which has been through the transforms before this one too.
  Sketch another(const Step& step, uint64_t counter) const {
    const uint32_t image = Random(step.key).below(counter, subjects_.count());
    return sketch(image, combine(step.key, counter), step.index);
  }

  static void add(Canvas& canvas, Canvas& other) {
    for (Marked& box : other.boxes) {
      box.piece += canvas.pieces.size();
      canvas.boxes.push_back(box);
    }
    canvas.pieces.insert(canvas.pieces.end(), other.pieces.begin(), other.pieces.end());
  }

  const Recipe& recipe_;
  const Subjects& subjects_;
};

// The pixels whose centers lie in the extent.
Box pixels_of(const Extent& where) {
  const auto at = [](double edge) { return static_cast<int>(std::floor(edge + 0.5)); };
  const Box box{.x = at(where.left), .y = at(where.top), .width = 0, .height = 0};
  return {box.x, box.y, at(where.right) - box.x, at(where.bottom) - box.y};
}

BoundingBox bounding_box(const Extent& e) {
  const auto left = static_cast<float>(e.left), top = static_cast<float>(e.top);
  return {.x = left,
          .y = top,
          .width = static_cast<float>(e.right - e.left),
          .height = static_cast<float>(e.bottom - e.top)};
}

}  // namespace

Drawn draw(const Recipe& recipe, const Subjects& subjects, uint32_t image, uint64_t key) {
  Sketch sketch = Sketcher(recipe, subjects).sketch(image, key, recipe.transforms.size());
  Canvas& canvas = sketch.canvas;
  Drawn drawn = std::move(sketch.drawn);
  DLFS_CHECK(canvas.size.width <= recipe.slot.width && canvas.size.height <= recipe.slot.height,
             "a sample larger than its slot: was the recipe not refused?");
  drawn.size = canvas.size;
  drawn.look.width = static_cast<float>(canvas.size.width);
  drawn.look.height = static_cast<float>(canvas.size.height);
  for (Piece& piece : canvas.pieces) {
    const Box where = piece.part.where = pixels_of(piece.where);
    // Boxes end where the pixels do.
    piece.where = {1.0 * where.x, 1.0 * where.y, 1.0 * where.x + where.width, 1.0 * where.y + where.height};
    if (where.width > 0 && where.height > 0) drawn.parts.push_back(piece.part);
  }
  for (const Marked& marked : canvas.boxes) {
    const Visible seen = visible(canvas, marked);
    if (seen.part <= 0 || seen.part < recipe.least_visible) continue;
    SnapshotBox box = marked.box;
    box.box = bounding_box(seen.extent);
    if (box.box.width > 0 && box.box.height > 0) drawn.boxes.push_back(box);
  }
  return drawn;
}

uint64_t sample_key(uint64_t seed, int64_t epoch, int64_t position) {
  const uint64_t key = combine(combine(key_of("sample"), seed), static_cast<uint64_t>(epoch));
  return combine(key, static_cast<uint64_t>(position));
}

DecodeRequest request_for(const Part& part, Size source, int channels) {
  const Affine& m = part.to_source;
  // How many pixels of the source one of the output is wide and high.
  const double across = m.is_axis_aligned() ? std::abs(m.a) : std::sqrt(m.a * m.a + m.d * m.d);
  const double down = m.is_axis_aligned() ? std::abs(m.e) : std::sqrt(m.b * m.b + m.e * m.e);
  const double x = part.where.x, y = part.where.y, w = part.where.width, h = part.where.height;
  const auto range = [](double origin, double along_x, double along_y) {
    return std::pair(origin + std::min(along_x, 0.0) + std::min(along_y, 0.0),
                     origin + std::max(along_x, 0.0) + std::max(along_y, 0.0));
  };
  auto [left, right] = range(m.a * x + m.b * y + m.c, m.a * w, m.b * h);
  auto [top, bottom] = range(m.d * x + m.e * y + m.f, m.d * w, m.e * h);
  // A filter reaches a step (at least a pixel) from a pixel's middle; half as much again is for pixels that come smaller.
  const auto reach = [](double step) { return std::max(step, 1.0) * 1.5; };
  const bool turned = !m.is_axis_aligned();
  if (turned) {  // `where` reaches beyond what is shown
    left = std::max(left, part.shown.left);
    top = std::max(top, part.shown.top);
    right = std::min(right, part.shown.right);
    bottom = std::min(bottom, part.shown.bottom);
  }
  const double beside = reach(turned ? std::max(across, down) : across),
               above = reach(turned ? std::max(across, down) : down);
  const auto low = [](double edge, int size) {
    return static_cast<int>(std::clamp(std::floor(edge), 0.0, size - 1.0));
  };
  const auto high = [](double edge, int first, int size) {
    return static_cast<int>(std::clamp(std::ceil(edge), first + 1.0, static_cast<double>(size)));
  };
  DecodeRequest request{.channels = channels == 3 ? 4 : channels, .window = {}, .at_least = {}};
  Box window{low(left - beside, source.width), low(top - above, source.height), 0, 0};
  window.width = high(right + beside, window.x, source.width) - window.x;
  window.height = high(bottom + above, window.y, source.height) - window.y;
  if (window.width < source.width || window.height < source.height) request.window = window;
  for (const int scale : {8, 4, 2}) {
    if (scale > std::min(across, down)) continue;
    request.at_least = Size{std::max(1, window.width / scale), std::max(1, window.height / scale)};
    break;
  }
  return request;
}

}  // namespace dlfs
