// Layers: an op with its parameters. Each names them PATH.weight and PATH.bias below the trace's scope, as torchvision
// does, and can be traced again with the same State.
#pragma once

#include <string>

#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/linear/linear.h"

namespace dlfs {

struct ConvLayer {
  int filters = 1;
  int size = 3;  // of the square filter
  bool bias = true;
  ConvSettings settings = {};
};

// x [n,h,w,c] -> [n,oh,ow,filters]
Value conv_layer(const std::string& name, Value x, const ConvLayer& layer);

struct LinearLayer {
  int outputs = 1;
  bool bias = true;
  LinearSettings settings = {};
};

// x [n,h,w,c] -> [n,1,1,outputs]
Value linear_layer(const std::string& name, Value x, const LinearLayer& layer);

}  // namespace dlfs
