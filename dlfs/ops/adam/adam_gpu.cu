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
  __device__ void begin(int) {
    const auto t = static_cast<float>(*steps_at + 1);
    element.begin(*rate_at, {.m = -expm1f(t * log_beta1), .v = -expm1f(t * log_beta2)});
  }

  __device__ void operator()(float (&at)[3], float gradient, float decay) const {
    element(at, gradient, decay);
  }
};

// After all blocks have read the old value.
__global__ void advance(const float* factor, int* steps) {
  if (factor == nullptr || *factor != 0) ++*steps;
}

}  // namespace

KernelPtr adam_gpu(Device& device, const Site& site, const AdamRows& settings) {
  const UpdateTable<3> table(
      device, update_rows(site, adam_layout(), static_cast<float>(settings.weight_decay), settings.vectors),
      update_factor(site));
  int* const steps = site.in[1].as<int>();
  const Update update{AdamElement(settings), site.in[0].as<float>(), steps,
                      static_cast<float>(std::log(settings.beta1)),
                      static_cast<float>(std::log(settings.beta2))};
  return gpu_kernel([table, update, steps](Stream stream) {
    table.launch(update, "adam", stream);
    advance<<<1, 1, 0, static_cast<cudaStream_t>(stream.native)>>>(table.factor(), steps);
    check_launch("adam's counter");
  });
}

}  // namespace dlfs
