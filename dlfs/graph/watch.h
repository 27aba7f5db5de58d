// The observer behind --watch: looks at every f32 tensor that a step wrote, as soon as it is written (outputs, what is
// saved for backward, gradients, what an update changed), and throws WatchError at the first value that is infinite or
// NaN, with the layer, the tensor and what the step had read. One thread.
#pragma once

#include "dlfs/graph/plan.h"

namespace dlfs {

class WatchError : public Error {
 public:
  using Error::Error;
};

class Watch : public Observer {
 public:
  // requires: both outlive the watch; the plan is run with it.
  Watch(Device& device, const Plan& plan) : device_(device), plan_(plan) {}
  void after(const Step& step, Stream stream) override;

 private:
  struct Seen;
  std::vector<Seen> tensors(const Step& step) const;
  std::string origin(const std::vector<Seen>& tensors, Stream stream) const;

  Device& device_;
  const Plan& plan_;
  int64_t runs_ = 0;  // of the plan, the present one included
};

}  // namespace dlfs
