#include "dlfs/graph/check.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/tensor/half.h"

namespace dlfs::testing {
namespace {

// Writes 4 numbers: `first` by the kernel that is made first (the subject's), `second` by the next (the reference's).
class TwoAnswers : public Function {
 public:
  using Numbers = std::vector<float>;
  TwoAnswers(Numbers first, Numbers second) : answers_{std::move(first), std::move(second)} {}
  std::string name() const override { return "two_answers"; }
  Signature infer(const Inputs& in) const override {
    return {.outputs = {in[0]}, .saved = {}, .updates = {}};
  }
  KernelPtr forward(Device&, const Site& site) const override {
    class Fill : public Kernel {
     public:
      Fill(Numbers numbers, const Tensor& to) : numbers_(std::move(numbers)), to_(to) {}
      void run(Stream) override {
        for (size_t i = 0; i < numbers_.size(); ++i) set_number(to_.data, to_.spec.dtype, i, numbers_[i]);
      }

     private:
      Numbers numbers_;
      Tensor to_;
    };
    return std::make_unique<Fill>(answers_[made_++], site.out[0]);
  }

 private:
  Numbers answers_[2];
  mutable int made_ = 0;
};

bool check_passes(const std::vector<float>& subject, const std::vector<float>& reference,
                  DType dtype = DType::f32) {
  const auto cpu = open_cpu(), other = open_cpu();
  State state(1);
  Trace trace(state);
  const Value x = trace.input("x", {{1, 1, 1, 4}, dtype});
  trace.output("y", trace.apply(std::make_shared<TwoAnswers>(subject, reference), {x})[0]);
  Plan plan(std::move(trace));
  plan.compile(*cpu);
  const std::vector<float> zeros(4);
  cpu->upload(plan["x"], zeros.data(), cpu->stream());
  Check check(*cpu, *other);
  try {
    plan.run(cpu->stream(), check);
    return true;
  } catch (const CheckError&) {
    return false;
  }
}

const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();

TEST(Check, AllowsRoundingAndNoMore) {
  EXPECT_TRUE(check_passes({1, 2, 3, 4}, {1, 2, 3, 4}));
  EXPECT_TRUE(check_passes({1, 2, 3, 4.000001F}, {1, 2, 3, 4}));
  EXPECT_FALSE(check_passes({1, 2, 3, 4.00001F}, {1, 2, 3, 4}));
}

// The reference answers in f32: what is stored in 16 bits may lie two of its roundings away.
TEST(Check, AllowsTheRoundingOf16BitsAndNoMore) {
  EXPECT_TRUE(check_passes({1, 2, 3, 4}, {1.003F, 2, 3, 4.01F}, DType::bf16));
  EXPECT_FALSE(check_passes({1, 2, 3, 4}, {1, 2, 3, 4.06F}, DType::bf16));
  EXPECT_TRUE(check_passes({1, 2, 3, 4}, {1.0004F, 2, 3, 4.001F}, DType::f16));
  EXPECT_FALSE(check_passes({1, 2, 3, 4}, {1, 2, 3, 4.01F}, DType::f16));
  EXPECT_TRUE(check_passes({infinity, nan, 3, 4}, {infinity, nan, 3, 4.01F}, DType::bf16));
  EXPECT_FALSE(check_passes({infinity, 2, 3, 4}, {70000, 2, 3, 4}, DType::f16))
      << "an overflow is a difference";
}

TEST(Check, ComparesInfinitiesAndNanByThemselves) {
  EXPECT_TRUE(check_passes({infinity, nan, 3, 4.000001F}, {infinity, nan, 3, 4}));
  EXPECT_FALSE(check_passes({0, 7, 14, 21}, {infinity, 1, 1, 1}));
  EXPECT_FALSE(check_passes({-infinity, 1, 1, 1}, {infinity, 1, 1, 1}));
  EXPECT_FALSE(check_passes({nan, 1, 1, 1}, {1, 1, 1, 1}));
  EXPECT_FALSE(check_passes({1, 1, 1, 1}, {nan, 1, 1, 1}));
  EXPECT_FALSE(check_passes({infinity, 2, 1, 1}, {infinity, 1, 1, 1}));
}

}  // namespace
}  // namespace dlfs::testing
