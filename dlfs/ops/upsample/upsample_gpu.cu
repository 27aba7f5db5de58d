#include <vector>

#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/number.cuh"
#include "dlfs/ops/upsample/upsample.h"

namespace dlfs {
namespace {

constexpr int threads = 256;

// A table of one axis on the device; it lives as long as the kernel that holds it.
template <typename Entry>
class Table {
 public:
  Table(Device& device, const std::vector<Entry>& entries) {
    const size_t size = entries.size() * sizeof(Entry);
    memory_ = device.allocate(size);
    device.upload({{{1, 1, 1, static_cast<int>(size)}, DType::u8}, memory_->data()}, entries.data(),
                  device.stream());
  }
  const Entry* data() const { return static_cast<const Entry*>(memory_->data()); }

 private:
  MemoryPtr memory_;
};

// One pack of y a thread: i counts packs, channels innermost.
template <typename T, int width>
__global__ void forward(Shape of_x, Places places, const UpsampleSource* rows, const UpsampleSource* columns,
                        const T* x, T* y) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const UpsampleSource row = rows[to.h], column = columns[to.w];
  const auto at = [&](int h, int w) {
    return load<width>(x + (((to.n * of_x.h + h) * of_x.w + w) * packs + to.c) * width);
  };
  if (row.share == 0 && column.share == 0) {
    store(y + i * width, at(row.low, column.low));
    return;
  }
  Pack<float, width> sum{};
  accumulate(sum, at(row.low, column.low), (1 - row.share) * (1 - column.share));
  accumulate(sum, at(row.low, column.high), (1 - row.share) * column.share);
  accumulate(sum, at(row.high, column.low), row.share * (1 - column.share));
  accumulate(sum, at(row.high, column.high), row.share * column.share);
  store(y + i * width, sum);
}

struct Axis {
  const UpsampleSource* sources;   // by output
  const UpsampleReaders* readers;  // by input
};

// One pack of d_x a thread: the outputs that read it, in the order of y.
template <typename T, int width>
__global__ void backward(Places places, Shape of_y, Axis down, Axis across, const T* d_y, T* d_x, bool add) {
  const unsigned i = blockIdx.x * threads + threadIdx.x;
  if (i >= places.count) return;
  const Place to = places.at(i);
  const int packs = places.packs.by;
  const UpsampleReaders rows = down.readers[to.h], columns = across.readers[to.w];
  Pack<float, width> sum{};
  for (int row = rows.first; row < rows.last; ++row) {
    const float weight = down.sources[row].weight_of(to.h);
    for (int column = columns.first; column < columns.last; ++column)
      accumulate(sum, load<width>(d_y + (((to.n * of_y.h + row) * of_y.w + column) * packs + to.c) * width),
                 weight * across.sources[column].weight_of(to.w));
  }
  store(d_x + i * width, sum, add);
}

template <typename T, int width>
void launch_forward(const Site& site, const UpsampleSource* rows, const UpsampleSource* columns,
                    cudaStream_t stream) {
  const Shape &x = site.in[0].shape(), &y = site.out[0].shape();
  forward<T, width><<<blocks_for(y.count() / width, threads), threads, 0, stream>>>(
      x, Places(y, width), rows, columns, site.in[0].as<T>(), site.out[0].as<T>());
  check_launch("upsample forward");
}

template <typename T, int width>
void launch_backward(const Site& site, Axis down, Axis across, cudaStream_t stream) {
  const Shape &x = site.d_in[0].to.shape(), &y = site.d_out[0].shape();
  backward<T, width><<<blocks_for(x.count() / width, threads), threads, 0, stream>>>(
      Places(x, width), y, down, across, site.d_out[0].as<T>(), site.d_in[0].to.as<T>(),
      site.d_in[0].how == Write::add);
  check_launch("upsample backward");
}

}  // namespace

KernelPtr upsample_forward_gpu(Device& device, const Site& site, const UpsampleSettings& settings) {
  const Shape &x = site.in[0].shape(), &y = site.out[0].shape();
  const Table rows(device, upsample_sources(x.h, y.h, settings.interpolation));
  const Table columns(device, upsample_sources(x.w, y.w, settings.interpolation));
  const auto work = for_packs(site.in[0].spec.dtype, x.c,
                              [&]<typename T, int width>() { return launch_forward<T, width>; });
  return gpu_kernel([=](Stream stream) {
    work(site, rows.data(), columns.data(), static_cast<cudaStream_t>(stream.native));
  });
}

KernelPtr upsample_backward_gpu(Device& device, const Site& site, const UpsampleSettings& settings) {
  const Shape &x = site.d_in[0].to.shape(), &y = site.d_out[0].shape();
  const auto row_sources = upsample_sources(x.h, y.h, settings.interpolation);
  const auto column_sources = upsample_sources(x.w, y.w, settings.interpolation);
  const Table rows(device, row_sources), columns(device, column_sources);
  const Table row_readers(device, upsample_readers(x.h, row_sources));
  const Table column_readers(device, upsample_readers(x.w, column_sources));
  const auto work = for_packs(site.d_out[0].spec.dtype, x.c,
                              [&]<typename T, int width>() { return launch_backward<T, width>; });
  return gpu_kernel([=](Stream stream) {
    work(site, {rows.data(), row_readers.data()}, {columns.data(), column_readers.data()},
         static_cast<cudaStream_t>(stream.native));
  });
}

}  // namespace dlfs
