#include <algorithm>

#include "dlfs/ops/upsample/upsample.h"

namespace dlfs {
namespace {

using Source = UpsampleSource;
using Readers = UpsampleReaders;

class Forward : public Kernel {
 public:
  Forward(const Site& site, const UpsampleSettings& settings)
      : x_(site.in[0]),
        y_(site.out[0]),
        rows_(upsample_sources(x_.shape().h, y_.shape().h, settings.interpolation)),
        columns_(upsample_sources(x_.shape().w, y_.shape().w, settings.interpolation)) {}

  void run(Stream) override {
    const Shape& shape = x_.shape();
    float* to = y_.as<float>();
    for (int n = 0; n < shape.n; ++n)
      for (const Source& row : rows_) {
        const auto line = [&](int h) {
          return x_.as<float>() + (int64_t{n} * shape.h + h) * shape.w * shape.c;
        };
        for (const Source& column : columns_) {
          blend(line(row.low), line(row.high), row.share, column, to);
          to += shape.c;
        }
      }
  }

 private:
  void blend(const float* upper, const float* lower, float down, const Source& column, float* y) const {
    const int channels = x_.shape().c;
    const int64_t left = int64_t{column.low} * channels, right = int64_t{column.high} * channels;
    if (down == 0 && column.share == 0) {
      std::copy_n(upper + left, channels, y);
      return;
    }
    const float across = column.share;
    const float *a = upper + left, *b = upper + right, *c = lower + left, *d = lower + right;
    float* __restrict const to = y;
    for (int k = 0; k < channels; ++k)
      to[k] =
          (1 - down) * ((1 - across) * a[k] + across * b[k]) + down * ((1 - across) * c[k] + across * d[k]);
  }

  Tensor x_, y_;
  std::vector<Source> rows_, columns_;
};

class Backward : public Kernel {
 public:
  Backward(const Site& site, const UpsampleSettings& settings)
      : d_x_(site.d_in[0]),
        d_y_(site.d_out[0]),
        rows_(upsample_sources(d_x_.to.shape().h, d_y_.shape().h, settings.interpolation)),
        columns_(upsample_sources(d_x_.to.shape().w, d_y_.shape().w, settings.interpolation)),
        row_readers_(upsample_readers(d_x_.to.shape().h, rows_)),
        column_readers_(upsample_readers(d_x_.to.shape().w, columns_)) {}

  void run(Stream) override {
    const Shape& shape = d_x_.to.shape();
    float* to = d_x_.to.as<float>();
    for (int n = 0; n < shape.n; ++n)
      for (int h = 0; h < shape.h; ++h)
        for (int w = 0; w < shape.w; ++w, to += shape.c) {
          if (d_x_.how == Write::set) std::fill_n(to, shape.c, 0.0F);
          add_readers(n, h, w, to);
        }
  }

 private:
  void add_readers(int n, int h, int w, float* __restrict to) const {
    const Shape& shape = d_y_.shape();
    const Readers rows = row_readers_[h], columns = column_readers_[w];
    for (int row = rows.first; row < rows.last; ++row)
      for (int column = columns.first; column < columns.last; ++column) {
        const float weight = rows_[row].weight_of(h) * columns_[column].weight_of(w);
        const float* __restrict const gradients =
            d_y_.as<float>() + ((int64_t{n} * shape.h + row) * shape.w + column) * shape.c;
        for (int c = 0; c < shape.c; ++c) to[c] += weight * gradients[c];
      }
  }

  Grad d_x_;
  Tensor d_y_;
  std::vector<Source> rows_, columns_;
  std::vector<Readers> row_readers_, column_readers_;
};

}  // namespace

KernelPtr upsample_forward_cpu(Device&, const Site& site, const UpsampleSettings& settings) {
  return std::make_unique<Forward>(site, settings);
}

KernelPtr upsample_backward_cpu(Device&, const Site& site, const UpsampleSettings& settings) {
  return std::make_unique<Backward>(site, settings);
}

}  // namespace dlfs
