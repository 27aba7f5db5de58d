// prepare in front of other ops, which its own room does not know.
#include <gtest/gtest.h>

#include <array>

#include "dlfs/graph/plan.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/prepare/prepare.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/testing/devices.h"

namespace dlfs::testing {

// As the first op of a net that learns: what comes after has a gradient, and nobody asks prepare for one.
TEST(PrepareInANet, StandsBeforeALearningNet) {
  const auto cpu = open_cpu();
  State state(1);
  Trace trace(state);
  const Value y = prepare(
      trace.input("pixels", {{2, 4, 4, 3}, DType::u8}), trace.input("looks", {{2, 1, 1, look_numbers}}),
      {.mean = {0.485F, 0.456F, 0.406F}, .deviation = {0.229F, 0.224F, 0.225F}, .channels = 4});
  const Value w = trace.param(state.add("w", {{1, 1, 1, 4}}, Role::parameter, {.value = 1}));
  trace.loss("loss", mean(y * w, Over::all));
  trace.output("d_w", trace.gradient(w));
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  const std::vector<Look> looks(2, {.width = 4, .height = 4});
  const std::vector<uint8_t> pixels(2 * 4 * 4 * 3, 0);
  cpu->upload(plan["pixels"], pixels.data(), cpu->stream());
  cpu->upload(plan["looks"], looks.data(), cpu->stream());
  plan.run(cpu->stream());
  std::array<float, 4> d_w{};
  cpu->download(plan["d_w"], d_w.data(), cpu->stream());
  EXPECT_FLOAT_EQ(d_w[0], -0.485F / 0.229F / 4);
  EXPECT_EQ(d_w[3], 0);
}

}  // namespace dlfs::testing
