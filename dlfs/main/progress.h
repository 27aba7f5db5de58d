// What a person sees of a training run: on a terminal one bar that moves, with loss, rate of images and time left;
// elsewhere a plain line an epoch. A Hook; one thread.
#pragma once

#include <chrono>
#include <ostream>

#include "dlfs/train/train.h"

namespace dlfs {

class Progress : public Hook {
 public:
  Progress(std::ostream& out, bool terminal) : out_(out), terminal_(terminal) {}
  void after_step(const StepEvent& event) override;
  void after_epoch(const EpochEvent& event) override;

 private:
  std::ostream& out_;
  bool terminal_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), drawn_{};
  float loss_ = 0;
};

}  // namespace dlfs
