#include <algorithm>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/upsample/upsample.h"

namespace dlfs {
namespace {

using Source = UpsampleSource;

// By row and by column of the larger map: where in the smaller one it comes from.
struct Sources {
  Sources(const Shape& small, const Shape& large, Interpolation by)
      : rows(upsample_sources(small.h, large.h, by)), columns(upsample_sources(small.w, large.w, by)) {}
  std::vector<Source> rows, columns;
};

// One pixel of y, between the lines of x above and below it.
template <typename T>
void blend(const T* upper, const T* lower, float down, const Source& column, int channels, T* y) {
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

template <typename T>
void enlarge(const Tensor& x, const Sources& sources, const Tensor& y) {
  const Shape& shape = x.shape();
  T* to = y.as<T>();
  for (int n = 0; n < shape.n; ++n)
    for (const Source& row : sources.rows) {
      const auto line = [&](int h) { return x.as<T>() + (int64_t{n} * shape.h + h) * shape.w * shape.c; };
      for (const Source& column : sources.columns) {
        blend(line(row.low), line(row.high), row.share, column, shape.c, to);
        to += shape.c;
      }
    }
}

// Each pixel of d_x adds up those of d_y that read it.
struct Backward {
  Backward(const Site& site, const UpsampleSettings& settings)
      : d_x(site.d_in[0]),
        d_y(site.d_out[0]),
        sources(d_x.to.shape(), d_y.shape(), settings.interpolation),
        row_readers(upsample_readers(d_x.to.shape().h, sources.rows)),
        column_readers(upsample_readers(d_x.to.shape().w, sources.columns)) {}

  template <typename T>
  void operator()() const {
    const Shape& shape = d_x.to.shape();
    T* to = d_x.to.as<T>();
    std::vector<float> sums(static_cast<size_t>(shape.c));
    for (int n = 0; n < shape.n; ++n)
      for (int h = 0; h < shape.h; ++h)
        for (int w = 0; w < shape.w; ++w, to += shape.c) {
          std::fill(sums.begin(), sums.end(), 0.0F);
          add_readers<T>(n, h, w, sums.data());
          put(sums.data(), shape.c, to, d_x.how == Write::add);
        }
  }

  template <typename T>
  void add_readers(int n, int h, int w, float* __restrict to) const {
    const Shape& shape = d_y.shape();
    const UpsampleReaders rows = row_readers[h], columns = column_readers[w];
    for (int row = rows.first; row < rows.last; ++row)
      for (int column = columns.first; column < columns.last; ++column) {
        const float weight = sources.rows[row].weight_of(h) * sources.columns[column].weight_of(w);
        const T* __restrict const gradients =
            d_y.as<T>() + ((int64_t{n} * shape.h + row) * shape.w + column) * shape.c;
        for (int c = 0; c < shape.c; ++c) to[c] += weight * static_cast<float>(gradients[c]);
      }
  }

  Grad d_x;
  Tensor d_y;
  Sources sources;
  std::vector<UpsampleReaders> row_readers, column_readers;
};

}  // namespace

KernelPtr upsample_forward_cpu(Device&, const Site& site, const UpsampleSettings& settings) {
  const Tensor &x = site.in[0], &y = site.out[0];
  return cpu_kernel(x.spec.dtype,
                    [x, y, sources = Sources(x.shape(), y.shape(), settings.interpolation)]<typename T>() {
                      enlarge<T>(x, sources, y);
                    });
}

KernelPtr upsample_backward_cpu(Device&, const Site& site, const UpsampleSettings& settings) {
  return cpu_kernel(site.d_out[0].spec.dtype, Backward(site, settings));
}

}  // namespace dlfs
