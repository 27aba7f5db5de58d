// Layers: an op with its parameters, named below the trace's scope as torchvision names them (PATH.weight, PATH.bias),
// which can be traced again with the same State. A model's code is the same for training and inference: there a batch
// norm is folded into the convolution before it.
#pragma once

#include <optional>
#include <string>

#include "dlfs/models/initialisers.h"
#include "dlfs/ops/batch_norm/batch_norm.h"
#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/linear/linear.h"
#include "dlfs/ops/max_pool/max_pool.h"

namespace dlfs {

struct ConvLayer {
  int filters = 1;
  int size = 3;  // of the square filter
  bool bias = true;
  // The net's first: x is images of 1 or 3 channels, or one of their forms (ops/image_form.h), for which a map of 8 or
  // 16 channels is taken.
  bool stem = false;
  Init (*init)(const Shape& w) = kaiming_uniform;
  ConvSettings settings = {};
};

// x [n,h,w,c] -> [n,oh,ow,filters]
Value conv_layer(const std::string& name, Value x, const ConvLayer& layer);

// A convolution without bias, a batch norm, and where asked for a ReLU and a pool behind it.
struct ConvNorm {
  int filters = 1;
  int size = 3;
  int stride = 1;
  int groups = 1;
  bool relu = true;
  bool zero_scale = false;      // the norm begins at 0, not 1: the block that it ends begins as its shortcut
  bool stem = false;            // as ConvLayer's: x is images, in any form
  std::optional<int> pad = {};  // size / 2 where it is not given: the map keeps its size at stride 1
  // No shortcut comes with it. In inference it is what applies the folded bias and the ReLU.
  std::optional<MaxPoolSettings> pool = {};
};
struct ConvNormNames {
  std::string conv, norm;
};

// x [n,h,w,c] -> relu(norm(conv(x)) + shortcut). Running statistics: PATH.running_mean and PATH.running_var.
Value conv_norm(const ConvNormNames& names, Value x, const ConvNorm& layer, const Shortcut& shortcut = {});

// norm(conv(x)) as the shortcut of another conv_norm, which applies the norm; `relu` does not count.
Shortcut projection(const ConvNormNames& names, Value x, const ConvNorm& layer);

struct LinearLayer {
  int outputs = 1;
  bool bias = true;
  Init (*init)(const Shape& w) = kaiming_uniform;
  LinearSettings settings = {};
};

// x [n,h,w,c] -> [n,1,1,outputs]
Value linear_layer(const std::string& name, Value x, const LinearLayer& layer);

}  // namespace dlfs
