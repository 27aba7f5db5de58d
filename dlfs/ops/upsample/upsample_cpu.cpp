#include <algorithm>

#include "dlfs/cpu/number.h"
#include "dlfs/ops/upsample/upsample.h"

namespace dlfs {
namespace {

using Source = UpsampleSource;
using Readers = UpsampleReaders;

template <typename T>
class Forward : public Kernel {
 public:
  Forward(const Site& site, const UpsampleSettings& settings)
      : x_(site.in[0]),
        y_(site.out[0]),
        rows_(upsample_sources(x_.shape().h, y_.shape().h, settings.interpolation)),
        columns_(upsample_sources(x_.shape().w, y_.shape().w, settings.interpolation)) {}

  void run(Stream) override {
    const Shape& shape = x_.shape();
    T* to = y_.as<T>();
    for (int n = 0; n < shape.n; ++n)
      for (const Source& row : rows_) {
        const auto line = [&](int h) { return x_.as<T>() + (int64_t{n} * shape.h + h) * shape.w * shape.c; };
        for (const Source& column : columns_) {
          blend(line(row.low), line(row.high), row.share, column, to);
          to += shape.c;
        }
      }
  }

 private:
  void blend(const T* upper, const T* lower, float down, const Source& column, T* y) const {
    const int channels = x_.shape().c;
    const int64_t left = int64_t{column.low} * channels, right = int64_t{column.high} * channels;
    if (down == 0 && column.share == 0) {
      std::copy_n(upper + left, channels, y);
      return;
    }
    const float across = column.share;
    const T *a = upper + left, *b = upper + right, *c = lower + left, *d = lower + right;
    T* __restrict const to = y;
    const auto between = [&](T of_left, T of_right) {
      return (1 - across) * static_cast<float>(of_left) + across * static_cast<float>(of_right);
    };
    for (int k = 0; k < channels; ++k)
      to[k] = static_cast<T>((1 - down) * between(a[k], b[k]) + down * between(c[k], d[k]));
  }

  Tensor x_, y_;
  std::vector<Source> rows_, columns_;
};

template <typename T>
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
    T* to = d_x_.to.as<T>();
    std::vector<float> sums(static_cast<size_t>(shape.c));
    for (int n = 0; n < shape.n; ++n)
      for (int h = 0; h < shape.h; ++h)
        for (int w = 0; w < shape.w; ++w, to += shape.c) {
          std::fill(sums.begin(), sums.end(), 0.0F);
          add_readers(n, h, w, sums.data());
          put(sums.data(), shape.c, to, d_x_.how == Write::add);
        }
  }

 private:
  void add_readers(int n, int h, int w, float* __restrict to) const {
    const Shape& shape = d_y_.shape();
    const Readers rows = row_readers_[h], columns = column_readers_[w];
    for (int row = rows.first; row < rows.last; ++row)
      for (int column = columns.first; column < columns.last; ++column) {
        const float weight = rows_[row].weight_of(h) * columns_[column].weight_of(w);
        const T* __restrict const gradients =
            d_y_.as<T>() + ((int64_t{n} * shape.h + row) * shape.w + column) * shape.c;
        for (int c = 0; c < shape.c; ++c) to[c] += weight * static_cast<float>(gradients[c]);
      }
  }

  Grad d_x_;
  Tensor d_y_;
  std::vector<Source> rows_, columns_;
  std::vector<Readers> row_readers_, column_readers_;
};

}  // namespace

KernelPtr upsample_forward_cpu(Device&, const Site& site, const UpsampleSettings& settings) {
  return for_type(site.in[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Forward<T>>(site, settings); });
}

KernelPtr upsample_backward_cpu(Device&, const Site& site, const UpsampleSettings& settings) {
  return for_type(site.d_out[0].spec.dtype,
                  [&]<typename T>() -> KernelPtr { return std::make_unique<Backward<T>>(site, settings); });
}

}  // namespace dlfs
