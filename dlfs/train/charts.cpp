#include "dlfs/train/charts.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/train/train.h"

namespace dlfs {
namespace {

constexpr Color white = {255, 255, 255}, ink = {40, 44, 52}, quiet = {120, 126, 136},
                hairline = {228, 231, 236};
constexpr Color blue = {44, 103, 178}, orange = {214, 108, 30}, green = {36, 132, 72}, red = {200, 44, 44};

struct Range {
  float low = 0, high = 1;
};

// The step between ticks: 1, 2 or 5 times a power of ten, such that about `count` of them fit.
float tick_step(Range range, int count) {
  const float rough = (range.high - range.low) / static_cast<float>(count);
  const float power = std::pow(10.0F, std::floor(std::log10(rough)));
  for (const float factor : {1.0F, 2.0F, 5.0F}) {
    if (factor * power >= rough) return factor * power;
  }
  return 10 * power;
}

// Whole numbers as such, others with the digits that tell one tick from the next.
std::string tick_label(float value, float step) {
  return fixed(value, std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-3F)), 0, 6));
}

// An area between two axes.
struct Panel {
  Box box;
  Range x, y;
  std::string title;

  Point point(float at_x, float at_y) const {
    const auto part = [](float value, Range range) {
      return std::clamp((value - range.low) / (range.high - range.low), 0.0F, 1.0F);
    };
    return {static_cast<float>(box.x) + part(at_x, x) * static_cast<float>(box.width),
            static_cast<float>(box.y) + (1 - part(at_y, y)) * static_cast<float>(box.height)};
  }
};

// Calls draw(value, label) for each tick.
template <typename Draw>
void for_ticks(Range range, float step, Draw draw) {
  const float end = range.high + 1e-3F * step;
  for (int i = static_cast<int>(std::ceil(range.low / step - 1e-3F)); static_cast<float>(i) * step <= end;
       ++i) {
    draw(static_cast<float>(i) * step, tick_label(static_cast<float>(i) * step, step));
  }
}

void draw_axes(Picture& picture, const Panel& panel) {
  const Box& box = panel.box;
  const float left = static_cast<float>(box.x), top = static_cast<float>(box.y);
  const float bottom = top + static_cast<float>(box.height),
              middle = left + static_cast<float>(box.width) / 2;
  picture.text({left, top - 34}, panel.title, {.color = ink});
  for_ticks(panel.y, tick_step(panel.y, 5), [&](float value, const std::string& label) {
    const Point at = panel.point(panel.x.low, value);
    picture.fill({.x = box.x, .y = static_cast<int>(at.y), .width = box.width, .height = 1},
                 {.color = hairline});
    picture.text({left - 10, at.y - 6}, label, {.color = quiet, .align = Align::right});
  });
  for_ticks(panel.x, std::max(tick_step(panel.x, 6), 1.0F), [&](float value, const std::string& label) {
    const Point at = panel.point(value, panel.y.low);
    picture.fill({.x = static_cast<int>(at.x), .y = box.y + box.height, .width = 1, .height = 6},
                 {.color = quiet});
    picture.text({at.x, bottom + 14}, label, {.color = quiet, .align = Align::center});
  });
  picture.fill({.x = box.x, .y = box.y + box.height, .width = box.width + 1, .height = 1}, {.color = quiet});
  picture.text({middle, bottom + 38}, "epoch", {.color = quiet, .align = Align::center});
}

// The running mean, from the first step on as good as its few values allow.
std::vector<float> smooth(const std::vector<float>& values) {
  const double keep = 1 - 1 / std::max(1.0, static_cast<double>(values.size()) / 30);
  double sum = 0, weight = 0;
  std::vector<float> means;
  for (const float value : values) {
    if (std::isfinite(value)) {
      sum = keep * sum + value;
      weight = keep * weight + 1;
    }
    means.push_back(weight > 0 ? static_cast<float>(sum / weight) : 0);
  }
  return means;
}

void legend(Picture& picture, Point right_top, const std::string& label, Fill sample) {
  picture.text(right_top, label, {.color = quiet, .align = Align::right});
  const int left = static_cast<int>(right_top.x - text_width(label, 2)) - 34;
  picture.fill({.x = left, .y = static_cast<int>(right_top.y) + 5, .width = 24, .height = 4}, sample);
}

void draw_losses(Picture& picture, Box box, const LearningCurve& curve, float epochs) {
  if (curve.losses.empty()) return;
  const std::vector<float> means = smooth(curve.losses);
  const float highest = *std::max_element(means.begin(), means.end());
  const Panel panel = {.box = box,
                       .x = {.low = 0, .high = epochs},
                       .y = {.low = 0, .high = highest > 0 ? 1.05F * highest : 1},
                       .title = "training loss"};
  draw_axes(picture, panel);
  const float steps = static_cast<float>(curve.losses.size());
  std::vector<Point> line;
  for (int column = 0; column < box.width; ++column) {  // the steps that share a column of pixels
    const size_t first = curve.losses.size() * column / box.width;
    const size_t last = std::max(curve.losses.size() * (column + 1) / box.width, first + 1);
    float low = INFINITY, high = -INFINITY;
    for (size_t step = first > 0 ? first - 1 : 0; step < last; ++step) {  // from where the last column ended
      if (!std::isfinite(curve.losses[step])) continue;
      low = std::min(low, curve.losses[step]);
      high = std::max(high, curve.losses[step]);
    }
    line.push_back(panel.point(epochs * static_cast<float>(last) / steps, means[last - 1]));
    if (low > high) continue;
    const int top = static_cast<int>(panel.point(0, high).y),
              bottom = static_cast<int>(panel.point(0, low).y);
    picture.fill({.x = box.x + column, .y = top, .width = 1, .height = bottom - top + 1},
                 {.color = blue, .opacity = 0.22F});
  }
  picture.stroke(line, {.color = blue, .width = 2.2F});
  const Point corner = {static_cast<float>(box.x + box.width), static_cast<float>(box.y + 4)};
  legend(picture, corner, "running mean", {.color = blue});
  legend(picture, {corner.x, corner.y + 24}, concat("every ", steps_between_losses, "th step"),
         {.color = blue, .opacity = 0.3F});
}

void draw_accuracies(Picture& picture, Box box, const LearningCurve& curve, float epochs) {
  if (curve.accuracies.empty()) return;
  const float lowest = *std::min_element(curve.accuracies.begin(), curve.accuracies.end());
  const Panel panel = {.box = box,
                       .x = {.low = 0, .high = epochs},
                       .y = {.low = std::clamp(std::floor(lowest * 10 - 0.2F) / 10, 0.0F, 0.9F), .high = 1},
                       .title = "test accuracy"};
  draw_axes(picture, panel);
  std::vector<Point> line;
  for (const float accuracy : curve.accuracies)
    line.push_back(panel.point(static_cast<float>(line.size() + 1), accuracy));
  picture.stroke(line, {.color = orange, .width = 2.2F});
  for (const Point& point : line) picture.stroke(std::array{point}, {.color = orange, .width = 7});
  picture.text({line.back().x, line.back().y - 26}, fixed(curve.accuracies.back(), 4),
               {.color = orange, .align = Align::right});
}

// The size of letters at which the longest name fits, within what can be read and what is pleasant.
float fitting_scale(const std::vector<std::string>& names, float width) {
  float longest = 1;
  for (const std::string& name : names) longest = std::max(longest, text_width(name, 1));
  return std::clamp(width / longest, 1.2F, 2.0F);
}

}  // namespace

Picture learning_curve(const LearningCurve& curve) {
  Picture picture({.width = 900, .height = 520}, white);
  const float epochs = static_cast<float>(std::max<size_t>(curve.accuracies.size(), 1));
  picture.text({36, 28}, curve.title, {.color = ink, .scale = 3});
  if (!curve.accuracies.empty()) {
    const std::string result =
        concat("test accuracy ", fixed(curve.accuracies.back(), 4), " after ", curve.accuracies.size(),
               curve.accuracies.size() == 1 ? " epoch" : " epochs");
    picture.text({36, 64}, result, {.color = quiet});
  }
  draw_losses(picture, {.x = 80, .y = 150, .width = 350, .height = 290}, curve, epochs);
  draw_accuracies(picture, {.x = 520, .y = 150, .width = 350, .height = 290}, curve, epochs);
  return picture;
}

Picture prediction_sheet(const PredictionSheet& sheet) {
  constexpr int enlarged = 3, gap = 14, margin = 30, head = 100, lines = 44;
  const int count = static_cast<int>(sheet.predicted.size());
  const size_t pixels = size_t(sheet.image.width) * sheet.image.height * sheet.channels;
  DLFS_CHECK(sheet.actual.size() == sheet.predicted.size() && sheet.pixels.size() == pixels * count, count,
             " predictions, ", sheet.actual.size(), " labels, ", sheet.pixels.size(), " pixels");
  const Size cell = {.width = enlarged * sheet.image.width + gap,
                     .height = enlarged * sheet.image.height + lines};
  const int rows = (count + sheet.columns - 1) / sheet.columns;
  Picture picture({.width = 2 * margin - gap + sheet.columns * cell.width,
                   .height = head + rows * cell.height + margin / 2},
                  white);

  const float width = static_cast<float>(cell.width - 4), scale = fitting_scale(sheet.class_names, width);
  const auto write_name = [&](Point top, int label, Color color) {
    const bool known = label >= 0 && label < static_cast<int>(sheet.class_names.size());
    std::string name = known ? sheet.class_names[label] : std::to_string(label);
    while (text_width(name, scale) > width) name.pop_back();
    picture.text(top, name, {.color = color, .scale = scale, .align = Align::center});
  };
  int right = 0;
  for (int i = 0; i < count; ++i) {
    const int left = margin + i % sheet.columns * cell.width, top = head + i / sheet.columns * cell.height;
    const Point corner = {static_cast<float>(left), static_cast<float>(top)};
    picture.blit(
        corner,
        {.size = sheet.image, .pixels = sheet.pixels.subspan(i * pixels, pixels), .channels = sheet.channels},
        enlarged);
    const bool hit = sheet.predicted[i] == sheet.actual[i];
    right += hit ? 1 : 0;
    const Point below = {corner.x + static_cast<float>(cell.width - gap) / 2,
                         corner.y + static_cast<float>(enlarged * sheet.image.height + 6)};
    write_name(below, sheet.predicted[i], hit ? green : red);
    if (!hit) write_name({below.x, below.y + 9 * scale}, sheet.actual[i], quiet);
  }
  picture.text({margin, 26}, sheet.title, {.color = ink, .scale = 3});
  picture.text({margin, 62},
               concat(right, " of ", count, " right. Green: right; red: wrong, with the true class below."),
               {.color = quiet});
  return picture;
}

}  // namespace dlfs
