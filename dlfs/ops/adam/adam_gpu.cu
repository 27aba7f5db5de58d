#include "dlfs/ops/adam/element.h"
#include "dlfs/ops/update_gpu.cuh"

namespace dlfs {
namespace {

struct Update {
  AdamElement element;
  const float* rate_at;
  const int* steps_at;
  float log_beta1, log_beta2;  // of the betas in double

  // 1 - beta^t = -expm1(t log beta) stays exact where beta^t is near 1; in double pow() would cost more than the rest.
  __device__ void begin() {
    const auto t = static_cast<float>(*steps_at + 1);
    element.begin(*rate_at, {.m = -expm1f(t * log_beta1), .v = -expm1f(t * log_beta2)});
  }

  __device__ void operator()(float (&at)[4]) const { element.update(at[0], at[1], at[2], at[3]); }
};

// After all blocks have read the old value.
__global__ void advance(int* steps) { ++*steps; }

}  // namespace

KernelPtr adam_gpu(Device& device, const Site& site, const AdamSettings& settings) {
  const UpdateTable<4> table(device, update_rows(site, adam_layout()));
  int* const steps = site.in[1].as<int>();
  const Update update{AdamElement(settings), site.in[0].as<float>(), steps,
                      static_cast<float>(std::log(settings.beta1)),
                      static_cast<float>(std::log(settings.beta2))};
  return gpu_kernel([table, update, steps](Stream stream) {
    table.launch(update, "adam", stream);
    advance<<<1, 1, 0, static_cast<cudaStream_t>(stream.native)>>>(steps);
    check_launch("adam's counter");
  });
}

}  // namespace dlfs
