// Training steps of LeNet from formula-made weights and batches, as tools/golden.py and bench/peers/lenet.py make them
// in PyTorch (momentum 0.9, no decay), on any device, recorded or step by step.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/graph/plan.h"
#include "dlfs/testing/op_case.h"

namespace dlfs::testing {

// One compiled step with formula-made weights.
class LenetStep {
 public:
  LenetStep(Device& device, int batch, Precision precision);

  void upload_batch(int number);  // images and labels, functions of the number
  void upload_rate(float rate);
  float loss() const;

  Plan& plan() { return *plan_; }
  const State& state() const { return state_; }

 private:
  Device& device_;
  int batch_;
  State state_{1};
  std::unique_ptr<Plan> plan_;
};

struct LenetRunSettings {
  int steps = 10;  // of batch 64
  Precision precision = Precision::f32;
  bool recorded = true;
  bool changing_rate = false;  // otherwise 0.01 throughout
  Device* check = nullptr;     // rerun every step there
};

struct LenetRun {
  std::vector<float> losses;                          // one a step
  std::map<std::string, std::vector<float>> weights;  // after the last, in memory order
  std::map<std::string, Numbers> file_weights;        // the same as PyTorch orders them
  int64_t allocations = 0;                            // of the device during the steps
};

LenetRun run_lenet(Device& device, const LenetRunSettings& settings = {});

}  // namespace dlfs::testing
