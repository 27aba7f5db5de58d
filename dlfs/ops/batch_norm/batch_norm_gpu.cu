#include <algorithm>

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/ops/batch_norm/kernels_gpu.cuh"

namespace dlfs {
namespace {

using namespace norm;

// One bit an element, from y itself: where eight channels are not one pack.
template <typename T>
__global__ void mask_of(const T* y, size_t count, uint8_t* mask) {
  const size_t i = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
  if (i * 8 >= count) return;
  unsigned bits = 0;
  for (unsigned k = 0; k < 8 && i * 8 + k < count; ++k)
    if (!(wide(y[i * 8 + k]) <= 0)) bits |= 1u << k;
  mask[i] = static_cast<uint8_t>(bits);
}

// Of a kernel: maps that it reads, and how many rows ahead.
struct RowsOf {
  int maps, ahead;
};

unsigned largest_divisor(unsigned of, unsigned most) {
  unsigned divisor = std::min(of, most);
  while (of % divisor != 0) --divisor;
  return divisor;
}

class Norm : public Kernel {
 public:
  Norm(GpuDevice& device, const Site& site, const BatchNormSettings& settings, bool back)
      : at_(site), site_(site), back_(back), dtype_(at_.main.x.spec.dtype) {
    const Shape shape = at_.shape;
    const int V = shape.c % 8 == 0 ? 8 : 1;
    of_.epsilon = settings.epsilon;
    of_.relu = settings.relu;
    of_.frozen = settings.frozen;
    of_.moments_given = settings.moments;
    of_.projects = settings.projects;
    of_.joins = settings.projects || site.in[6] || at_.shortcut.d_x.to || at_.mask;
    const int form = of_.projects ? projects : of_.joins ? joins : alone;
    const int sides = V == 1 || of_.projects ? 2 : 1;
    waits_ = back || (!settings.frozen && !at_.main.sums);
    const int made_for = V == 1 ? any : form;
    kernel_ = back ? backward_kernel(dtype_, made_for) : forward_kernel(dtype_, made_for);
    set_layout(device.size(), shape, V, sides, rows_of(made_for, V));
    set_tensors(device);
    allow_shared(device.size());
  }

  void run(Stream stream) override {
    Arguments of = of_;
    of.moments = static_cast<float2*>(site_.scratch.data());
    of.partials = static_cast<float*>(site_.scratch.data());
    const dim3 grid(of.layout.parts, of.layout.slices);
    const auto native = static_cast<cudaStream_t>(stream.native);
    void* arguments[] = {&of};
    const auto* kernel = reinterpret_cast<const void*>(kernel_);
    const bool together = waits_ && of.layout.parts > 1;
    cuda_check(together ? cudaLaunchCooperativeKernel(kernel, grid, threads, arguments, shared_, native)
                        : cudaLaunchKernel(kernel, grid, threads, arguments, shared_, native),
               back_ ? "batch norm backward" : "batch norm");
    if (!back_ && of.mask != nullptr && at_.shape.c % 8 != 0) make_mask(native);
  }

 private:
  // Blocks of 64 or 128 channels, as many rows to each as the card has processors for.
  void set_layout(const CardSize& card, const Shape& shape, int V, int sides, const RowsOf& rows_of) {
    NormLayout& layout = of_.layout;
    layout.rows = static_cast<unsigned>(shape.count() / shape.c);
    layout.packs = static_cast<unsigned>(shape.c / V);
    unsigned most = V == 1 ? 32 : layout.packs >= 32 ? 16 : 8;
    while (!fit_lanes(card, V, sides, rows_of, largest_divisor(layout.packs, most))) {
      if (most == 1)
        throw DeviceError("batch norm",
                          concat("a block needs ", shared_, " bytes of shared memory, but the card has ",
                                 card.shared_bytes));
      most /= 2;
    }
    layout.slices = layout.packs / layout.lanes;
    const unsigned lines = threads / layout.lanes;
    const unsigned blocks = static_cast<unsigned>(card.processors) * (waits_ ? 1 : 4);
    layout.parts = std::clamp(blocks / layout.slices, 1u, std::max(1u, layout.rows / lines));
    layout.part_rows = blocks_for(layout.rows, static_cast<int>(layout.parts));
    layout.parts = blocks_for(layout.rows, static_cast<int>(layout.part_rows));

    const size_t row = row_bytes(V, rows_of);
    const int all = static_cast<int>(blocks_for(layout.part_rows, static_cast<int>(lines)));
    if (waits_) layout.kept = std::min(all, static_cast<int>((card.shared_bytes - shared_) / row));
    shared_ += static_cast<size_t>(layout.kept) * row;
    site_.scratch.request(sizeof(float) * quantities(sides) * layout.slices * layout.parts * layout.lanes *
                          static_cast<unsigned>(V));
  }

  // Whether a block of so many lanes fits the card's shared memory: with rows read ahead, or else one by one.
  bool fit_lanes(const CardSize& card, int V, int sides, const RowsOf& rows_of, unsigned lanes) {
    const unsigned channels = lanes * static_cast<unsigned>(V);
    const unsigned groups = 32 % lanes == 0 ? threads / 32 : threads / lanes;
    of_.buffer_floats = quantities(sides) * std::max(groups * channels, static_cast<unsigned>(threads));
    of_.layout.lanes = lanes;
    for (const int slots : {rows_of.ahead, 1}) {
      of_.layout.slots = slots;
      shared_ = sizeof(float) * (norm_results + of_.buffer_floats) +
                row_bytes(V, rows_of) * static_cast<size_t>(slots);
      if (shared_ <= card.shared_bytes) return true;
    }
    return false;
  }

  unsigned quantities(int sides) const { return static_cast<unsigned>(back_ ? 1 + sides : 2 * sides); }
  // Of one row of each thread.
  size_t row_bytes(int V, const RowsOf& rows_of) const {
    return threads * bytes(dtype_) * static_cast<size_t>(V * rows_of.maps);
  }

  void set_tensors(GpuDevice& device) {
    const auto side = [&](const BatchNormSite::Side& from) {
      return SideArguments{.x = from.x.data,
                           .scale = from.scale.as<float>(),
                           .bias = from.bias.as<float>(),
                           .mean = from.mean.as<float>(),
                           .variance = from.variance.as<float>(),
                           .sums = from.sums.as<float>(),
                           .statistics = from.statistics.as<float>(),
                           .d_x = from.d_x.to.data,
                           .d_scale = from.d_scale.to.as<float>(),
                           .d_bias = from.d_bias.to.as<float>(),
                           .d_x_how = from.d_x.how,
                           .d_scale_how = from.d_scale.how,
                           .d_bias_how = from.d_bias.how};
    };
    of_.side[0] = side(at_.main);
    of_.side[1] = side(at_.shortcut);
    of_.shortcut = at_.shortcut.x.data;
    of_.d_shortcut = at_.shortcut.d_x.to.data;
    of_.d_shortcut_how = at_.shortcut.d_x.how;
    of_.y = at_.y.data;
    of_.d_y = at_.d_y.data;
    of_.mask = at_.mask.as<uint8_t>();
    constexpr size_t stays = size_t{16} << 20;  // in the card's cache until the next kernel reads it
    of_.written = bytes(at_.main.x.spec) <= stays ? Reuse::soon : Reuse::never;
    if (!waits_) return;
    const std::vector<unsigned long long> zeros(of_.layout.slices, 0);
    const int size = static_cast<int>(zeros.size() * sizeof(zeros[0]));
    counters_ = device.allocate(static_cast<size_t>(size));
    device.upload({{{1, 1, 1, size}, DType::u8}, counters_->data()}, zeros.data(), device.stream());
    of_.counters = static_cast<unsigned long long*>(counters_->data());
  }

  RowsOf rows_of(int form, int V) const {
    const int maps = maps_of(back_, form);
    const bool wide = dtype_ == DType::f32;
    return {maps, V == 1 ? ahead<float, 1>(maps) : wide ? ahead<float, 8>(maps) : ahead<F16, 8>(maps)};
  }

  // Where there is no card (its description alone is enough to choose kernels) nothing is to be done.
  // All that there is: several calls share a kernel.
  void allow_shared(const CardSize& card) const {
    const cudaError_t code = cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel_),
                                                  cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                  static_cast<int>(card.shared_bytes));
    if (code == cudaErrorNoDevice || code == cudaErrorInsufficientDriver)
      cudaGetLastError();
    else
      cuda_check(code, "cudaFuncSetAttribute");
  }

  void make_mask(cudaStream_t stream) const {
    const auto count = static_cast<size_t>(at_.shape.count());
    const unsigned blocks = blocks_for(static_cast<int64_t>((count + 7) / 8), 256);
    for_type(dtype_,
             [&]<typename T>() { mask_of<<<blocks, 256, 0, stream>>>(at_.y.as<T>(), count, of_.mask); });
    check_launch("batch norm mask");
  }

  BatchNormSite at_;
  Site site_;
  bool back_, waits_ = false;
  DType dtype_;
  Arguments of_{};
  NormKernel kernel_ = nullptr;
  size_t shared_ = 0;
  MemoryPtr counters_;
};

}  // namespace

KernelPtr batch_norm_forward_gpu(Device& device, const Site& site, const BatchNormSettings& settings) {
  return std::make_unique<Norm>(gpu(device), site, settings, false);
}

KernelPtr batch_norm_backward_gpu(Device& device, const Site& site, const BatchNormSettings& settings) {
  return std::make_unique<Norm>(gpu(device), site, settings, true);
}

}  // namespace dlfs
