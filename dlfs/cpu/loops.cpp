#include "dlfs/cpu/loops.h"

#include <algorithm>

#include "dlfs/cpu/number.h"

namespace dlfs {

void add_relu(Program& program, const Operand& y) {
  for_type(y.spec.dtype, [&]<typename T>() {
    program.add([y, count = y.spec.shape.count()](std::byte* scratch) {
      T* const values = y.at<T>(scratch);
      for (int64_t i = 0; i < count; ++i) values[i] = static_cast<float>(values[i]) < 0 ? T(0) : values[i];
    });
  });
}

void add_sum(Program& program, const Operand& from, const Operand& to) {
  for_type(from.spec.dtype, [&]<typename From>() {
    for_type(to.spec.dtype, [&]<typename To>() {
      program.add([from, to, count = from.spec.shape.count()](std::byte* scratch) {
        const From* __restrict const addends = from.at<From>(scratch);
        To* __restrict const values = to.at<To>(scratch);
        for (int64_t i = 0; i < count; ++i) put(values[i], static_cast<float>(addends[i]), true);
      });
    });
  });
}

Operand add_relu_gradient(Program& program, const Operand& y, const Operand& d_y) {
  const Operand masked = program.temporary(y.spec);
  for_type(y.spec.dtype, [&]<typename T>() {
    program.add([y, d_y, masked, count = y.spec.shape.count()](std::byte* scratch) {
      const T* __restrict const outputs = y.at<T>(scratch);
      const T* __restrict const gradients = d_y.at<T>(scratch);
      T* __restrict const results = masked.at<T>(scratch);
      for (int64_t i = 0; i < count; ++i) {
        const T gradient = gradients[i];  // read always: without a branch, ten times faster
        results[i] = static_cast<float>(outputs[i]) <= 0 ? T(0) : gradient;
      }
    });
  });
  return masked;
}

void add_channel_sums(Program& program, const Operand& of, const Operand& sums,
                      const ChannelSumSettings& settings) {
  const int64_t channels = of.spec.shape.c;
  const int64_t count = settings.squares ? 2 * channels : channels;
  const Operand totals = program.temporary_bytes(count * sizeof(double));
  for_type(of.spec.dtype, [&]<typename T>() {
    program.add([=, rows = of.spec.shape.count() / channels](std::byte* scratch) {
      double* __restrict const total = totals.at<double>(scratch);
      std::fill_n(total, count, 0.0);
      const T* __restrict row = of.at<T>(scratch);
      for (int64_t i = 0; i < rows; ++i, row += channels) {
        for (int64_t c = 0; c < channels; ++c) total[c] += static_cast<float>(row[c]);
        if (settings.squares)
          for (int64_t c = 0; c < channels; ++c) {
            const double value = static_cast<float>(row[c]);
            total[channels + c] += value * value;
          }
      }
      for (int64_t c = 0; c < count; ++c) put(sums.at(scratch)[c], total[c], settings.add);
    });
  });
}

}  // namespace dlfs
