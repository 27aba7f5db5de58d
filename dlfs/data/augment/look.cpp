#include "dlfs/data/augment/look.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "dlfs/data/augment/shape.h"

namespace dlfs {
namespace {

using Matrix = std::array<double, 9>;

Matrix operator*(const Matrix& a, const Matrix& b) {
  Matrix product{};
  for (size_t row = 0; row < 3; ++row)
    for (size_t column = 0; column < 3; ++column)
      for (size_t i = 0; i < 3; ++i) product[3 * row + column] += a[3 * row + i] * b[3 * i + column];
  return product;
}

// p -> colour * p + offset, so far
struct Colour {
  Matrix colour{1, 0, 0, 0, 1, 0, 0, 0, 1};
  std::array<double, 3> offset{};

  void then(const Matrix& matrix, double add = 0) {
    colour = matrix * colour;
    const std::array<double, 3> old = offset;
    for (size_t row = 0; row < 3; ++row)
      offset[row] =
          matrix[3 * row] * old[0] + matrix[3 * row + 1] * old[1] + matrix[3 * row + 2] * old[2] + add;
  }
};

Matrix scaled(double factor) { return {factor, 0, 0, 0, factor, 0, 0, 0, factor}; }

// Between the gray of the same luma (ITU-R BT.601) and the colour.
Matrix saturated(double factor) {
  constexpr std::array luma{0.299, 0.587, 0.114};
  Matrix matrix = scaled(factor);
  for (size_t i = 0; i < 9; ++i) matrix[i] += (1 - factor) * luma[i % 3];
  return matrix;
}

// The colour's two axes of YIQ turned, luma kept.
Matrix turned(double circles) {
  constexpr Matrix to_yiq{0.299, 0.587, 0.114, 0.595716, -0.274453, -0.321263, 0.211456, -0.522591, 0.311135};
  constexpr Matrix from_yiq{1,           0.95629572, 0.62102442,  1,         -0.27212210,
                            -0.64738060, 1,          -1.10698902, 1.70461500};
  const auto [sine, cosine] = turn_by(360 * circles);
  return from_yiq * Matrix{1, 0, 0, 0, cosine, -sine, 0, sine, cosine} * to_yiq;
}

}  // namespace

void apply(const ColourJitter& t, Look& look, int channels, const Random& random) {
  // torchvision draws contrast about the image's mean gray, which nobody knows before the pixels: here about the middle.
  constexpr double middle = 127.5;
  const auto factor = [&](double most, uint64_t counter) {
    return between(std::max(0.0, 1 - most), 1 + most, random.uniform(counter));
  };
  const double brightness = factor(t.brightness, 0), contrast = factor(t.contrast, 1),
               saturation = factor(t.saturation, 2), hue = between(-t.hue, t.hue, random.uniform(3));
  std::array<int, 4> order{0, 1, 2, 3};
  for (uint32_t i = 3; i > 0; --i) std::swap(order[i], order[random.below(4 + i, i + 1)]);

  Colour colour;
  for (size_t i = 0; i < 9; ++i) colour.colour[i] = look.colour[i];
  for (size_t i = 0; i < 3; ++i) colour.offset[i] = look.offset[i];
  for (const int which : order) {
    if (which == 0) colour.then(scaled(brightness));
    if (which == 1) colour.then(scaled(contrast), (1 - contrast) * middle);
    if (which == 2 && channels == 3 && t.saturation > 0) colour.then(saturated(saturation));
    if (which == 3 && channels == 3 && t.hue > 0) colour.then(turned(hue));
  }
  for (size_t i = 0; i < 9; ++i) look.colour[i] = static_cast<float>(colour.colour[i]);
  for (size_t i = 0; i < 3; ++i) look.offset[i] = static_cast<float>(colour.offset[i]);
}

void apply(const RandomErase& t, Look& look, Size size, const Random& random) {
  if (random.uniform(0) >= t.probability) return;
  for (uint64_t counter = 1; counter < 41; counter += 4) {
    const double area = between(t.least_area, t.most_area, random.uniform(counter)) *
                        (static_cast<double>(size.width) * size.height);
    const double aspect =
        log_between(t.least_aspect, 1 / double{t.least_aspect}, random.uniform(counter + 1));
    const double height = std::floor(std::sqrt(area * aspect) + 0.5),
                 width = std::floor(std::sqrt(area / aspect) + 0.5);
    if (!(height >= 1 && width >= 1 && height < size.height && width < size.width)) continue;
    const uint32_t rows = static_cast<uint32_t>(size.height - height) + 1,
                   columns = static_cast<uint32_t>(size.width - width) + 1;
    look.erased = {static_cast<float>(random.below(counter + 3, columns)),
                   static_cast<float>(random.below(counter + 2, rows)), static_cast<float>(width),
                   static_cast<float>(height)};
    return;
  }
}

}  // namespace dlfs
