#include "dlfs/cpu/loops.h"

#include <algorithm>

namespace dlfs {

void add_relu(Program& program, const Operand& y) {
  program.add([y, count = y.spec.shape.count()](std::byte* scratch) {
    float* const values = y.at(scratch);
    for (int64_t i = 0; i < count; ++i) values[i] = values[i] < 0 ? 0 : values[i];
  });
}

void add_sum(Program& program, const Operand& from, const Operand& to) {
  program.add([from, to, count = from.spec.shape.count()](std::byte* scratch) {
    const float* __restrict const addends = from.at(scratch);
    float* __restrict const values = to.at(scratch);
    for (int64_t i = 0; i < count; ++i) values[i] += addends[i];
  });
}

Operand add_relu_gradient(Program& program, const Operand& y, const Operand& d_y) {
  const Operand masked = program.temporary(y.spec);
  program.add([y, d_y, masked, count = y.spec.shape.count()](std::byte* scratch) {
    const float* __restrict const outputs = y.at(scratch);
    const float* __restrict const gradients = d_y.at(scratch);
    float* __restrict const results = masked.at(scratch);
    for (int64_t i = 0; i < count; ++i) {
      const float gradient = gradients[i];  // read always: without a branch, ten times faster
      results[i] = outputs[i] <= 0 ? 0 : gradient;
    }
  });
  return masked;
}

void add_channel_sums(Program& program, const Operand& of, const Operand& sums,
                      const ChannelSumSettings& settings) {
  const int64_t channels = of.spec.shape.c;
  const Operand totals = program.temporary_bytes(channels * sizeof(double));
  program.add([of, sums, totals, channels, rows = of.spec.shape.count() / channels,
               add = settings.add](std::byte* scratch) {
    double* __restrict const total = reinterpret_cast<double*>(totals.at(scratch));
    std::fill(total, total + channels, 0.0);
    const float* __restrict row = of.at(scratch);
    for (int64_t i = 0; i < rows; ++i, row += channels)
      for (int64_t c = 0; c < channels; ++c) total[c] += row[c];
    float* __restrict const results = sums.at(scratch);
    for (int64_t c = 0; c < channels; ++c) results[c] = static_cast<float>(total[c] + (add ? results[c] : 0));
  });
}

}  // namespace dlfs
