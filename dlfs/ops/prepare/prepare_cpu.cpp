#include <algorithm>
#include <array>
#include <cstring>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/prepare/pixel.h"

namespace dlfs {
namespace {

using Four = float __attribute__((vector_size(16)));  // the channels of a pixel, the last one added

// Colours that do not mix channels: what becomes of each of the 256 values.
class Table {
 public:
  Table(const Look& look, const Normaliser& normal, int channels) {
    for (int k = 0; k < channels; ++k)
      for (int value = 0; value < 256; ++value)
        at_[k][value] = normal.of(look.colour[4 * k] * static_cast<float>(value) + look.offset[k], k);
  }
  static bool serves(const Look& look, int channels) {
    for (int k = 0; k < channels; ++k)
      for (int from = 0; from < channels; ++from)
        if (k != from && look.colour[3 * k + from] != 0) return false;
    return true;
  }
  template <int From, int To>
  void put(const uint8_t* pixel, float* y) const {
    for (int k = 0; k < From; ++k) y[k] = at_[k][pixel[k]];
    for (int k = From; k < To; ++k) y[k] = 0;
  }

 private:
  std::array<std::array<float, 256>, 3> at_;
};

// Colours that do: a row of the matrix a lane.
class Mixer {
 public:
  Mixer(const Look& look, const Normaliser& normal) {
    for (int k = 0; k < 3; ++k) {
      red_[k] = look.colour[3 * k];
      green_[k] = look.colour[3 * k + 1];
      blue_[k] = look.colour[3 * k + 2];
      offset_[k] = look.offset[k];
      scale_[k] = normal.scale[k];
      shift_[k] = normal.shift[k];
    }
  }
  template <int From, int To>
  void put(const uint8_t* pixel, float* y) const {
    static_assert(From == 3);
    Four q = red_ * static_cast<float>(pixel[0]) + green_ * static_cast<float>(pixel[1]) +
             blue_ * static_cast<float>(pixel[2]) + offset_;
    q = q > zero_ ? q : zero_;
    q = (q < most_ ? q : most_) * scale_ + shift_;
    std::memcpy(y, &q, std::min(To, 4) * sizeof(float));
    if constexpr (To > 4) std::fill(y + 4, y + To, 0.0F);
  }

 private:
  Four red_{}, green_{}, blue_{}, offset_{}, scale_{}, shift_{};
  const Four zero_{}, most_{255, 255, 255, 255};
};

// y in rows of f32 pixels: y itself where it holds these, else a buffer whose row is put where the form wants it.
template <typename T>
class Rows {
 public:
  Rows(const Tensor& y, int w)
      : y_(y), w_(w), blocks_(form_of(y.shape()) == ImageForm::blocks), channels_(blocks_ ? 3 : y.shape().c) {
    if (!in_place()) buffer_.resize(static_cast<size_t>(w) * channels_);
  }
  int channels() const { return channels_; }

  void begin_image(int n) {
    image_ = y_.as<T>() + n * (y_.shape().count() / y_.shape().n);
    if (blocks_) std::fill_n(image_, y_.shape().count() / y_.shape().n, T(0));
  }
  float* begin(int row) {
    if constexpr (std::is_same_v<T, float>)
      if (!blocks_) return image_ + int64_t{row} * w_ * channels_;
    return buffer_.data();
  }
  void end(int row) {
    if (in_place()) return;
    if (!blocks_) return put(buffer_.data(), w_ * channels_, image_ + int64_t{row} * w_ * channels_);
    const BlockPlace first = block_place(0);  // two pixels are six channels side by side
    T* to = image_ + (int64_t{(row - first.dy) / 2} * y_.shape().w - first.dx / 2) * 16 + row % 2 * 6;
    for (int x = 0; x < w_; x += 2, to += 16) put(buffer_.data() + int64_t{x} * 3, 6, to);
  }

 private:
  bool in_place() const { return std::is_same_v<T, float> && !blocks_; }

  Tensor y_;
  int w_;
  bool blocks_;
  int channels_;
  T* image_ = nullptr;
  std::vector<float> buffer_;
};

template <typename T>
struct Prepare {
  void operator()() {
    const int c = pixels.shape().c;
    const bool padded = rows.channels() == 8;
    for (int n = 0; n < pixels.shape().n; ++n)
      if (!Table::serves(looks[n], c))
        padded ? image<3, 8>(n, Mixer(looks[n], normal)) : image<3, 3>(n, Mixer(looks[n], normal));
      else if (const Table table(looks[n], normal, c); c == 1)
        padded ? image<1, 8>(n, table) : image<1, 1>(n, table);
      else
        padded ? image<3, 8>(n, table) : image<3, 3>(n, table);
  }

  template <int From, int To, typename Colour>
  void image(int n, const Colour& colour) {
    const auto [count, h, w, c] = pixels.shape();
    const Shown shown(looks[n], h, w);
    rows.begin_image(n);
    for (int y = 0; y < h; ++y) {
      float* const row = rows.begin(y);
      const int width = y < shown.height ? shown.width : 0;
      if (width > 0) {
        const uint8_t* const line = pixels.as<uint8_t>() + (int64_t{n} * h + y) * w * From;
        const uint8_t* const first = line + int64_t{shown.source(0)} * From;
        const int step = shown.flip ? -From : From;
        for (int x = 0; x < width; ++x) colour.template put<From, To>(first + x * step, row + x * To);
      }
      std::fill(row + int64_t{width} * To, row + int64_t{w} * To, 0.0F);
      if (y >= shown.top && y < shown.bottom)
        std::fill(row + int64_t{shown.left} * To, row + int64_t{std::max(shown.left, shown.right)} * To,
                  0.0F);
      rows.end(y);
    }
  }

  Tensor pixels;
  const Look* looks;
  Rows<T> rows;
  Normaliser normal;
};

}  // namespace

KernelPtr prepare_forward_cpu(Device&, const Site& site, const PrepareSettings& settings) {
  const Tensor& pixels = site.in[0];
  return for_type(site.out[0].spec.dtype, [&]<typename T>() {
    return cpu_kernel(Prepare<T>{pixels, site.in[1].as<Look>(), Rows<T>(site.out[0], pixels.shape().w),
                                 Normaliser(settings)});
  });
}

}  // namespace dlfs
