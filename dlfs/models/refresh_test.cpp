// A plan for inference keeps what it made of the State (folded norms, packed filters): Plan::refresh() makes it again.
#include <gtest/gtest.h>

#include "dlfs/graph/plan.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/image_form.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/op_case.h"

namespace dlfs::testing {
namespace {

// ResNet-18 on two images in the form that suits the precision on a card.
class Inference {
 public:
  Inference(Device& device, State& state, Precision precision) : device_(device) {
    Trace trace(state, {.mode = Mode::infer, .precision = precision});
    const Shape images =
        formed({2, 64, 64, 3}, precision == Precision::bf16 ? ImageForm::blocks : ImageForm::padded);
    trace.output("logits", resnet18(trace.input("images", {images, matrix_type(precision)}), 10));
    plan_ = std::make_unique<Plan>(std::move(trace));
    plan_->compile(device);
    const Tensor to = (*plan_)["images"];
    const Numbers numbers = random_numbers("refresh/images", images.count(), -1, 2);
    std::vector<std::byte> content(bytes(to.spec));
    for (size_t i = 0; i < numbers.size(); ++i) set_number(content.data(), to.spec.dtype, i, numbers[i]);
    device.upload(to, content.data(), device.stream());
  }

  void refresh() { plan_->refresh(device_.stream()); }
  Numbers logits() {
    plan_->run(device_.stream());
    const Tensor from = (*plan_)["logits"];
    std::vector<std::byte> content(bytes(from.spec));
    device_.download(from, content.data(), device_.stream());
    Numbers numbers;
    for (size_t i = 0; i < 20; ++i) numbers.push_back(number_at(content.data(), from.spec.dtype, i));
    return numbers;
  }

 private:
  Device& device_;
  std::unique_ptr<Plan> plan_;
};

// Norms that began at zero count afterwards; variances stay above it.
void change_everything(State& state, Device& device) {
  for (size_t i = 0; i < state.entries().size(); ++i) {
    const State::Entry& entry = state.entries()[i];
    std::vector<float> values(static_cast<size_t>(entry.spec.shape.count()));
    device.download(entry.tensor, values.data(), device.stream());
    const Numbers factors = random_numbers("refresh/" + entry.name, entry.spec.shape.count(), 0.5, 1.5);
    for (size_t at = 0; at < values.size(); ++at)
      values[at] = static_cast<float>(factors[at]) * (entry.layout == FileLayout::vector ? 1 : values[at]);
    state.set(device, {static_cast<int>(i)}, values.data());
  }
}

void expect_refreshed(Device& device, Precision precision) {
  State state(1);
  Inference kept(device, state, precision);
  const Numbers before = kept.logits();
  EXPECT_EQ(kept.logits(), before);
  change_everything(state, device);
  kept.refresh();
  const Numbers after = kept.logits();
  EXPECT_NE(after, before);
  EXPECT_EQ(after, Inference(device, state, precision).logits());
}

}  // namespace

TEST(Refresh, MakesAPlanAsIfCompiledAnew) { expect_refreshed(*open_cpu(), Precision::bf16); }

TEST(GpuRefresh, MakesAPlanAsIfCompiledAnew) {
  DLFS_NEEDS_GPU(gpu);
  for (const Precision precision : {Precision::f16, Precision::bf16}) expect_refreshed(*gpu, precision);
}

}  // namespace dlfs::testing
