// The filters of a net's first convolution, brought to the form that its images have (ops/image_form.h), differentiably
// and in their own type: each weight has one place in the form, so its gradient is the one that arrives there.
//
//   plain    w [k,r,s,c]
//   padded   w [k,r,s,8]
//   blocks   w [k,4,4,16]         from [k,7,7,3]; the convolution then has stride 1 and pad 0
#pragma once

#include "dlfs/graph/trace.h"
#include "dlfs/ops/image_form.h"

namespace dlfs {

struct StemFilterSettings {
  ImageForm form = ImageForm::padded;
};
// w [k,r,s,c] -> [k,r,s,8], or [k,7,7,3] -> [k,4,4,16]; plain: w itself, no function is called.
Value stem_filter(Value w, const StemFilterSettings& settings);
FunctionPtr stem_filter_function(const StemFilterSettings& settings);

// The halves, chosen in stem.cpp. Site: in {w}, out {formed w}.
KernelPtr stem_filter_forward_cpu(Device&, const Site&, const StemFilterSettings&);
KernelPtr stem_filter_backward_cpu(Device&, const Site&, const StemFilterSettings&);
KernelPtr stem_filter_forward_gpu(Device&, const Site&, const StemFilterSettings&);
KernelPtr stem_filter_backward_gpu(Device&, const Site&, const StemFilterSettings&);

}  // namespace dlfs
