#include "dlfs/data/augment/render.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "dlfs/base/error.h"
#include "dlfs/data/augment/turned.h"

namespace dlfs {
namespace {

struct Axis {
  int at = 0, count = 0;        // of `where`
  double step = 1, origin = 0;  // of the map
  int covers = 0, pixels = 0;   // of what was decoded
};

// The taps along one axis, in pixels as they were decoded. Places are counted from the image's edge, not from the
// window's, so that a window gives the very numbers of the whole.
void taps_along(const Axis& axis, int scale, int spread, Taps& taps) {
  const int edge = axis.step < 0 ? axis.at + axis.count : axis.at;
  const double start = axis.step * edge + axis.origin - axis.covers % scale;
  make_taps({.start = start / scale,
             .step = std::abs(axis.step) / scale,
             .count = axis.count,
             .mirrored = axis.step < 0},
            {.begin = axis.covers / scale, .end = axis.covers / scale + axis.pixels}, spread, taps);
}

// A row of 1 or 4 bytes a pixel into one of 1 or 3.
void put_row(const uint8_t* from, int count, int channels, int weight, uint8_t* to) {
  const int bytes = channels == 1 ? 1 : 4;
  if (weight < 256) {
    for (int x = 0; x < count; ++x, from += bytes, to += channels)
      for (int c = 0; c < channels; ++c)
        to[c] = static_cast<uint8_t>((to[c] * (256 - weight) + from[c] * weight + 128) >> 8);
  } else if (channels == 1) {
    std::memcpy(to, from, static_cast<size_t>(count));
  } else {
    for (int x = 0; x + 1 < count; ++x, from += 4, to += 3) std::memcpy(to, from, 4);
    if (count > 0) std::memcpy(to, from, 3);
  }
}

}  // namespace

void Renderer::begin(const Recipe& recipe, const Drawn& drawn, std::span<uint8_t> out) {
  const size_t row = static_cast<size_t>(recipe.slot.width) * recipe.channels;
  const size_t filled = static_cast<size_t>(drawn.size.width) * recipe.channels;
  DLFS_CHECK(out.size() == row * recipe.slot.height, "a slot of ", row * recipe.slot.height, " bytes got ",
             out.size());
  recipe_ = &recipe;
  out_ = out;
  for (int y = 0; y < recipe.slot.height; ++y) {
    uint8_t* to = out.data() + static_cast<size_t>(y) * row;
    const size_t here = y < drawn.size.height ? filled : 0;
    std::memset(to, recipe.fill, here);
    std::memset(to + here, 0, row - here);
  }
}

void Renderer::show(const Part& part, const Decoded& decoded) {
  const int channels = recipe_->channels, bytes = channels == 1 ? 1 : 4;
  const Image& image = decoded.image;
  DLFS_CHECK(image.channels == bytes, "an image of ", image.channels, " channels for a recipe of ", channels);
  DLFS_CHECK(image.size.width > 0 && image.size.height > 0, "an image without pixels");
  const size_t out_row = static_cast<size_t>(recipe_->slot.width) * channels;
  const auto [left, top, width, height] = part.where;
  uint8_t* out = out_.data() + static_cast<size_t>(top) * out_row + static_cast<size_t>(left) * channels;
  line_.resize(static_cast<size_t>(width) * bytes);

  if (!part.to_source.is_axis_aligned()) {
    const Turned turned(part, decoded);
    for (int y = 0; y < height; ++y, out += out_row) {
      // Where the image does not reach, what was drawn before stays.
      const auto [first, count] = turned.row(y, line_.data());
      put_row(line_.data(), count, channels, part.weight, out + static_cast<size_t>(first) * channels);
    }
    return;
  }
  const Affine& map = part.to_source;
  taps_along({left, width, map.a, map.c, decoded.covers.x, image.size.width}, decoded.scale, bytes, across_);
  taps_along({top, height, map.e, map.f, decoded.covers.y, image.size.height}, decoded.scale, 1, down_);
  const Lines lines = lines_across(image);
  for (int y = 0; y < height; ++y, out += out_row) {
    const uint8_t* row = lines.first + static_cast<size_t>(down_.first[y]) * lines.stride;
    if (!down_.copies) resample_column(lines.first, lines.stride, line_.size(), down_, y, line_.data());
    put_row(down_.copies ? row : line_.data(), width, channels, part.weight, out);
  }
}

// The rows of the image that are needed, each resampled.
Renderer::Lines Renderer::lines_across(const Image& image) {
  const int bytes = image.channels;
  const size_t stride = static_cast<size_t>(image.size.width) * bytes, width = line_.size();
  const bool in_order = across_.copies && across_.first.back() - across_.first.front() == across_.count - 1;
  if (in_order)
    return {.first = image.pixels.data() + static_cast<size_t>(across_.first[0]) * bytes, .stride = stride};
  int begin = image.size.height, end = 0;
  for (int y = 0; y < down_.count; ++y) {
    begin = std::min(begin, down_.first[y]);
    end = std::max(end, down_.first[y] + down_.used[y]);
  }
  for (int32_t& first : down_.first) first -= begin;
  rows_.resize(static_cast<size_t>(end - begin) * width);
  for (int y = begin; y < end; ++y) {
    const uint8_t* row = image.pixels.data() + static_cast<size_t>(y) * stride;
    if (y == image.size.height - 1) {  // what is read behind the last row must be there
      last_row_.assign(row, row + stride);
      last_row_.resize(stride + 4);
      row = last_row_.data();
    }
    resample_row(row, bytes, across_, &rows_[static_cast<size_t>(y - begin) * width]);
  }
  return {.first = rows_.data(), .stride = width};
}

Image resized(const Image& image, Size to) {
  DLFS_CHECK(image.channels == 1 || image.channels == 3, "an image of ", image.channels, " channels");
  Decoded decoded{.image = image, .covers = {0, 0, image.size.width, image.size.height}, .scale = 1};
  if (image.channels == 3) {
    decoded.image.channels = 4;
    decoded.image.pixels.resize(image.pixels.size() / 3 * 4);
    for (size_t i = 0; 3 * i < image.pixels.size(); ++i)
      std::memcpy(&decoded.image.pixels[4 * i], &image.pixels[3 * i], 3);
  }
  const Recipe recipe{.transforms = {}, .slot = to, .channels = image.channels};
  Part part{.where = {0, 0, to.width, to.height}};
  part.to_source.a = static_cast<double>(image.size.width) / to.width;
  part.to_source.e = static_cast<double>(image.size.height) / to.height;
  Image result{.size = to, .channels = image.channels, .pixels = {}};
  result.pixels.resize(static_cast<size_t>(to.width) * to.height * image.channels);
  Renderer renderer;
  Drawn drawn;
  drawn.size = to;
  renderer.begin(recipe, drawn, result.pixels);
  renderer.show(part, decoded);
  return result;
}

}  // namespace dlfs
