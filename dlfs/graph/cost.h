// What a step costs at least: the bytes that it must move and the products that it must add up; and, from the rates that
// a device was measured to reach, the time below which no kernel gets (the roofline of Williams, Waterman and Patterson,
// 2009). Tensors that stay in a cache move faster than memory does, so small steps may be found below it. Any thread.
#pragma once

#include "dlfs/graph/plan.h"

namespace dlfs {

struct Cost {
  double bytes = 0;  // of every tensor that is read or written, once; twice where it is both
  double flops = 0;  // of matrix work alone: a product and a sum each, the gradient of a bias left out

  Cost& operator+=(const Cost& other) {
    bytes += other.bytes;
    flops += other.flops;
    return *this;
  }
};

// What a device was measured to reach, a second.
struct Rates {
  double bytes = 1, flops = 1;
};

int64_t products(const Signature& signature);  // of matrix work, forward
Cost cost_of(const Step& step);
double floor_seconds(const Cost& cost, const Rates& rates);

}  // namespace dlfs
