// The observer behind --check: reruns every step on a reference device (the CPU half), from the very tensors that the
// step read, and throws CheckError at the first step whose result differs by more than rounding explains. One thread.
#pragma once

#include <string>

#include "dlfs/graph/plan.h"

namespace dlfs {

class CheckError : public Error {
 public:
  using Error::Error;
};

class Check : public Observer {
 public:
  Check(Device& subject, Device& reference) : subject_(subject), reference_(reference) {}
  void before(const Step& step, Stream stream) override;
  void after(const Step& step, Stream stream) override;
  int64_t steps() const { return steps_; }  // that were checked and found equal

 private:
  Tensor copy(const Tensor& tensor, Stream stream);
  void compare(const Step& step, const std::string& what, const Tensor& wanted, const Tensor& found,
               double tolerance, Stream stream);

  Device& subject_;
  Device& reference_;
  std::vector<MemoryPtr> memories_;  // of the present step's copies
  Scratch scratch_;
  Site site_{{}, {}, {}, {}, {}, scratch_};
  int64_t steps_ = 0;
};

}  // namespace dlfs
