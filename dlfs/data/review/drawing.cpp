#include "dlfs/data/review/drawing.h"

#include <algorithm>
#include <cmath>

#include "dlfs/data/augment/render.h"
#include "dlfs/ops/prepare/pixel.h"

namespace dlfs {
namespace {

constexpr int line = 2, dot = 4;         // of frames, in pixels
constexpr int margin = 2, letters = 11;  // of names
constexpr float letter_scale = 1.5F;
constexpr uint8_t erased_gray = 128;

// A whole number of pixels for each of the image's, where it is small.
int enlargement(Size size, Size within) {
  return std::max(std::min(within.width / size.width, within.height / size.height), 1);
}

struct Frame {
  int left, top, right, bottom;  // the outermost pixels, and the first beyond
  Color color;
};

Frame frame_of(const BoundingBox& box, Size image, Size shown, Color color) {
  const double across = double(shown.width) / image.width, down = double(shown.height) / image.height;
  const auto at = [](double value, int most) {
    return static_cast<int>(std::lround(std::clamp(value, -1.0, double(most) + 1)));
  };
  Frame frame{.left = at(box.x * across, shown.width),
              .top = at(box.y * down, shown.height),
              .right = at((double(box.x) + box.width) * across, shown.width),
              .bottom = at((double(box.y) + box.height) * down, shown.height),
              .color = color};
  frame.right = std::max(frame.right, frame.left + 1);
  frame.bottom = std::max(frame.bottom, frame.top + 1);
  return frame;
}

// One side of a frame, from its upper left corner.
void draw_side(Picture& picture, Box side, const Fill& fill, bool dotted) {
  const bool lies = side.width > side.height;
  const int length = lies ? side.width : side.height;
  for (int at = 0; at < length; at += dotted ? 2 * dot : length) {
    const int part = dotted ? std::min(dot, length - at) : length;
    picture.fill(
        lies ? Box{side.x + at, side.y, part, side.height} : Box{side.x, side.y + at, side.width, part},
        fill);
  }
}

void draw_sides(Picture& picture, const Frame& frame, int thickness, const Fill& fill, bool dotted) {
  const int width = frame.right - frame.left, height = frame.bottom - frame.top;
  const int down = std::min(thickness, (height + 1) / 2), across = std::min(thickness, (width + 1) / 2);
  const int inner = height - 2 * down;  // no pixel twice
  draw_side(picture, {frame.left, frame.top, width, down}, fill, dotted);
  draw_side(picture, {frame.left, frame.bottom - down, width, down}, fill, dotted);
  if (inner < 1) return;
  draw_side(picture, {frame.left, frame.top + down, across, inner}, fill, dotted);
  draw_side(picture, {frame.right - across, frame.top + down, across, inner}, fill, dotted);
}

// With a shadow on both sides, so that it is seen on any ground.
void draw_frame(Picture& picture, const Frame& frame, bool dotted) {
  const Frame shadow{frame.left - 1, frame.top - 1, frame.right + 1, frame.bottom + 1, {}};
  draw_sides(picture, shadow, line + 2, {.color = {0, 0, 0}, .opacity = 0.3F}, dotted);
  draw_sides(picture, frame, line, {.color = frame.color}, dotted);
}

// Above the frame, or inside where there is no room; always within the picture. A name that would cover more than its
// object is left to the legend.
void draw_name(Picture& picture, const Frame& frame, const std::string& name) {
  const int width = static_cast<int>(std::ceil(text_width(name, letter_scale))) + 2 * margin,
            height = letters + 2 * margin;
  if (2 * (frame.right - frame.left) < width) return;
  const int left = std::max(std::min(frame.left, picture.size().width - width), 0);
  const int top = frame.top >= height ? frame.top - height : std::max(frame.top, 0);
  picture.fill({left, top, width, height}, {.color = frame.color});
  picture.text({static_cast<float>(left + margin), static_cast<float>(top + margin)}, name,
               {.color = {255, 255, 255}, .scale = letter_scale});
}

}  // namespace

// Hues a golden angle apart, three shades in turn, none lighter than white letters can stand on.
Color class_color(int32_t label) {
  constexpr double saturation = 0.85, lightest = 0.46;
  const double hue = std::fmod(label * 0.6180339887498949 + 0.58, 1.0);
  const auto channel = [&](double shift) {
    const double place = std::fmod(hue * 6 + shift, 6.0);
    return 1 - saturation * std::clamp(std::min(place, 4 - place), 0.0, 1.0);
  };
  const double red = channel(5), green = channel(3), blue = channel(1);
  const double luma = 0.299 * red + 0.587 * green + 0.114 * blue;
  const double value = std::min(0.82, lightest / luma) - 0.1 * (label % 3);
  const auto byte = [&](double part) { return static_cast<uint8_t>(std::lround(255 * value * part)); };
  return {byte(red), byte(green), byte(blue)};
}

Picture fitted(const Image& image, Size within) {
  const double scale =
      std::min({double(within.width) / image.size.width, double(within.height) / image.size.height, 1.0});
  const int times = enlargement(image.size, within);
  const auto shrunk = [&](int side) { return std::max(static_cast<int>(std::lround(side * scale)), 1); };
  const Image smaller =
      scale < 1 ? resized(image, {shrunk(image.size.width), shrunk(image.size.height)}) : Image{};
  const Image& shown = scale < 1 ? smaller : image;
  Picture picture({shown.size.width * times, shown.size.height * times}, {});
  picture.blit({}, {.size = shown.size, .pixels = shown.pixels, .channels = shown.channels}, times);
  return picture;
}

// The largest first, so that small ones lie above; then all names above all frames.
void draw_boxes(Picture& picture, const Labelled& labelled) {
  std::vector<SnapshotBox> boxes(labelled.boxes.begin(), labelled.boxes.end());
  const auto area = [](const SnapshotBox& one) { return one.box.width * one.box.height; };
  std::stable_sort(boxes.begin(), boxes.end(),
                   [&](const SnapshotBox& a, const SnapshotBox& b) { return area(a) > area(b); });
  const auto frame = [&](const SnapshotBox& one) {
    return frame_of(one.box, labelled.image, picture.size(), class_color(one.label));
  };
  for (const SnapshotBox& one : boxes) draw_frame(picture, frame(one), one.crowd);
  for (const SnapshotBox& one : boxes) draw_name(picture, frame(one), labelled.names[one.label]);
}

Image as_seen(const Recipe& recipe, const Drawn& drawn, std::span<const uint8_t> pixels) {
  const int channels = recipe.channels;
  const Normaliser normal({.mean = {0, 0, 0}, .deviation = {1, 1, 1}});
  const Shown shown(drawn.look, recipe.slot.height, recipe.slot.width);
  Image seen{.size = drawn.size, .channels = channels, .pixels = {}};
  seen.pixels.assign(size_t{1} * seen.size.width * seen.size.height * channels, erased_gray);
  for (int y = 0; y < seen.size.height; ++y)
    for (int x = 0; x < seen.size.width; ++x) {
      if (!shown.at(x, y)) continue;
      const uint8_t* from = &pixels[(size_t{1} * y * recipe.slot.width + shown.source(x)) * channels];
      uint8_t* to = &seen.pixels[(size_t{1} * y * seen.size.width + x) * channels];
      for (int k = 0; k < channels; ++k)
        to[k] = static_cast<uint8_t>(std::lround(255 * prepared(drawn.look, normal, from, channels, k)));
    }
  return seen;
}

}  // namespace dlfs
