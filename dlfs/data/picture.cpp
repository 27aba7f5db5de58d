#include "dlfs/data/picture.h"

#include <algorithm>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/data/font.h"

namespace dlfs {
namespace {

constexpr int fineness = 4;  // a pixel of text is judged at so many places along each side

float distance_to_segment(Point point, Point from, Point to) {
  const float dx = to.x - from.x, dy = to.y - from.y, length = dx * dx + dy * dy;
  const float along = length > 0 ? ((point.x - from.x) * dx + (point.y - from.y) * dy) / length : 0;
  const float nearest = std::clamp(along, 0.0F, 1.0F);
  return std::hypot(point.x - from.x - nearest * dx, point.y - from.y - nearest * dy);
}

// Is there ink at this place of the raster? Where two dots touch by a corner only, the steps between are filled,
// so that slants look like slants.
bool inked(const Glyph& letter, float x, float y) {
  const int column = static_cast<int>(std::floor(x)), row = static_cast<int>(std::floor(y));
  if (letter.at(column, row)) return true;
  const float right = x - static_cast<float>(column), down = y - static_cast<float>(row);
  const int beside = right < 0.5F ? -1 : 1, above = down < 0.5F ? -1 : 1;
  const bool corner = letter.at(column + beside, row) && letter.at(column, row + above);
  return corner && !letter.at(column + beside, row + above) &&
         std::min(right, 1 - right) + std::min(down, 1 - down) < 0.5F;
}

// How much of the pixel whose corner is at (x, y) of the text is ink, 0 to 1.
float coverage(const Glyph& letter, Point pixel, float scale) {
  int hits = 0;
  for (int i = 0; i < fineness * fineness; ++i) {
    const int column = i % fineness, row = i / fineness;
    const float x = pixel.x + (static_cast<float>(column) + 0.5F) / fineness;
    const float y = pixel.y + (static_cast<float>(row) + 0.5F) / fineness;
    hits += inked(letter, x / scale, y / scale) ? 1 : 0;
  }
  return static_cast<float>(hits) / (fineness * fineness);
}

}  // namespace

Picture::Picture(Size size, Color background) : size_(size) {
  DLFS_CHECK(size.width > 0 && size.height > 0, size.width, " x ", size.height);
  pixels_.resize(size_t{3} * size.width * size.height);
  fill({.width = size.width, .height = size.height}, {.color = background});
}

Color Picture::at(int x, int y) const {
  DLFS_CHECK(x >= 0 && x < size_.width && y >= 0 && y < size_.height, x, ", ", y);
  const uint8_t* pixel = &pixels_[size_t{3} * (size_t(y) * size_.width + x)];
  return {pixel[0], pixel[1], pixel[2]};
}

void Picture::blend(int x, int y, Color color, float opacity) {
  if (x < 0 || x >= size_.width || y < 0 || y >= size_.height) return;
  uint8_t* pixel = &pixels_[size_t{3} * (size_t(y) * size_.width + x)];
  const auto mix = [&](uint8_t& old, uint8_t fresh) {
    old = static_cast<uint8_t>(std::lround(old + (fresh - old) * opacity));
  };
  mix(pixel[0], color.red);
  mix(pixel[1], color.green);
  mix(pixel[2], color.blue);
}

void Picture::fill(Box box, Fill fill) {
  const int right = std::min(box.x + box.width, size_.width),
            bottom = std::min(box.y + box.height, size_.height);
  for (int y = std::max(box.y, 0); y < bottom; ++y) {
    for (int x = std::max(box.x, 0); x < right; ++x) blend(x, y, fill.color, fill.opacity);
  }
}

void Picture::stroke(std::span<const Point> line, Stroke stroke) {
  std::vector<float> covered(size_t(size_.width) * size_.height);
  const float reach = stroke.width / 2 + 0.5F;
  const auto within = [](float value, int limit) {
    return static_cast<int>(std::clamp(value, 0.0F, static_cast<float>(limit)));
  };
  for (size_t i = 0; i < line.size(); ++i) {
    const Point from = line[i == 0 ? 0 : i - 1], to = line[i];
    const int left = within(std::min(from.x, to.x) - reach, size_.width);
    const int right = within(std::max(from.x, to.x) + reach + 1, size_.width);
    const int top = within(std::min(from.y, to.y) - reach, size_.height);
    const int bottom = within(std::max(from.y, to.y) + reach + 1, size_.height);
    for (int y = top; y < bottom; ++y) {
      for (int x = left; x < right; ++x) {
        const Point center = {static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F};
        float& most = covered[size_t(y) * size_.width + x];
        most = std::max(most, std::clamp(reach - distance_to_segment(center, from, to), 0.0F, 1.0F));
      }
    }
  }
  for (int y = 0; y < size_.height; ++y) {
    for (int x = 0; x < size_.width; ++x) {
      if (const float part = covered[size_t(y) * size_.width + x]; part > 0)
        blend(x, y, stroke.color, stroke.opacity * part);
    }
  }
}

void Picture::text(Point top, std::string_view text, Lettering lettering) {
  const float scale = lettering.scale;
  if (lettering.align == Align::center) top.x -= text_width(text, scale) / 2;
  if (lettering.align == Align::right) top.x -= text_width(text, scale);
  for (const char character : text) {
    const Glyph& letter = glyph(character);
    const float left = std::round(top.x), upper = std::round(top.y);  // letters begin sharply
    const int width = static_cast<int>(std::ceil(static_cast<float>(letter.width) * scale));
    const int height = static_cast<int>(std::ceil(Glyph::rows * scale));
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const float part = coverage(letter, {static_cast<float>(x), static_cast<float>(y)}, scale);
        blend(static_cast<int>(left) + x, static_cast<int>(upper) + y, lettering.color, part);
      }
    }
    top.x += static_cast<float>(letter.width + 1) * scale;
  }
}

void Picture::blit(Point corner, const ImageView& image, int scale) {
  const int channels = image.channels;
  DLFS_CHECK(image.pixels.size() == size_t(image.size.width) * image.size.height * channels,
             image.pixels.size());
  for (int y = 0; y < image.size.height; ++y) {
    for (int x = 0; x < image.size.width; ++x) {
      const uint8_t* pixel = &image.pixels[(size_t(y) * image.size.width + x) * channels];
      const int left = static_cast<int>(corner.x) + x * scale, top = static_cast<int>(corner.y) + y * scale;
      fill({.x = left, .y = top, .width = scale, .height = scale},
           {.color = {pixel[0], pixel[channels / 2], pixel[channels - 1]}});
    }
  }
}

float text_width(std::string_view text, float scale) {
  int columns = 0;
  for (const char character : text) columns += glyph(character).width + 1;
  return static_cast<float>(std::max(columns - 1, 0)) * scale;
}

}  // namespace dlfs
