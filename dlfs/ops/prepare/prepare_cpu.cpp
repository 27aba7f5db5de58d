#include <algorithm>
#include <array>
#include <cstring>

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
  }

 private:
  Four red_{}, green_{}, blue_{}, offset_{}, scale_{}, shift_{};
  const Four zero_{}, most_{255, 255, 255, 255};
};

class Prepare : public Kernel {
 public:
  Prepare(const Site& site, const PrepareSettings& settings)
      : pixels_(site.in[0]), looks_(site.in[1].as<Look>()), y_(site.out[0]), normal_(settings) {}

  void run(Stream) override {
    const int c = pixels_.shape().c, channels = y_.shape().c;
    for (int n = 0; n < pixels_.shape().n; ++n)
      if (!Table::serves(looks_[n], c))
        channels == 3 ? image<3, 3>(n, Mixer(looks_[n], normal_)) : image<3, 4>(n, Mixer(looks_[n], normal_));
      else if (const Table table(looks_[n], normal_, c); c == 1)
        image<1, 1>(n, table);
      else
        channels == 3 ? image<3, 3>(n, table) : image<3, 4>(n, table);
  }

 private:
  // `To` channels are put with each pixel, and what y has beyond is 0.
  template <int From, int To, typename Colour>
  void image(int n, const Colour& colour) const {
    const auto [count, h, w, channels] = y_.shape();
    const Shown shown(looks_[n], h, w);
    for (int y = 0; y < h; ++y) {
      float* const row = y_.as<float>() + (int64_t{n} * h + y) * w * channels;
      const int width = y < shown.height ? shown.width : 0;
      if (width > 0) {
        const uint8_t* const line = pixels_.as<uint8_t>() + (int64_t{n} * h + y) * w * From;
        const uint8_t* const first = line + int64_t{shown.source(0)} * From;
        const int step = shown.flip ? -From : From;
        if (channels == To)
          for (int x = 0; x < width; ++x) colour.template put<From, To>(first + x * step, row + x * To);
        else
          spread<From, To>(colour, {first, step}, row, width);
      }
      std::fill(row + int64_t{width} * channels, row + int64_t{w} * channels, 0.0F);
      if (y >= shown.top && y < shown.bottom)
        std::fill(row + int64_t{shown.left} * channels,
                  row + int64_t{std::max(shown.left, shown.right)} * channels, 0.0F);
    }
  }

  struct Line {
    const uint8_t* first;
    int step;
  };
  template <int From, int To, typename Colour>
  void spread(const Colour& colour, Line line, float* row, int width) const {
    const int channels = y_.shape().c;
    for (int x = 0; x < width; ++x, row += channels) {
      colour.template put<From, To>(line.first + x * line.step, row);
      std::fill(row + To, row + channels, 0.0F);
    }
  }

  Tensor pixels_;
  const Look* looks_;
  Tensor y_;
  Normaliser normal_;
};

}  // namespace

KernelPtr prepare_forward_cpu(Device&, const Site& site, const PrepareSettings& settings) {
  return std::make_unique<Prepare>(site, settings);
}

}  // namespace dlfs
