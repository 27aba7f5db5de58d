#include "dlfs/models/layers.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/concat/concat.h"
#include "dlfs/ops/dropout/dropout.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/reduce/reduce.h"

namespace dlfs {
namespace {

// Few channels by a 1x1, then many by a 1x1 and a 3x3 side by side.
Value fire(const std::string& name, Value x, int squeeze, int expand) {
  const Trace::Scope scope = x.trace().scope(name);
  const auto conv = [](const char* layer, Value in, int filters, int size) {
    return conv_layer(layer, in,
                      {.filters = filters, .size = size, .settings = {.pad = size / 2, .relu = true}});
  };
  x = conv("squeeze", x, squeeze, 1);
  return concat({conv("expand1x1", x, expand, 1), conv("expand3x3", x, expand, 3)});
}

}  // namespace

// torchvision's pools round their extents up, these down: for images of 224x224 that is the same.
Value squeezenet1_1(Value images, int classes) {
  Value x = conv_layer("features.0", images,
                       {.filters = 64, .stem = true, .settings = {.stride = 2, .relu = true}});
  x = max_pool(x, {.size = 3, .stride = 2});
  x = fire("features.3", x, 16, 64);
  x = fire("features.4", x, 16, 64);
  x = max_pool(x, {.size = 3, .stride = 2});
  x = fire("features.6", x, 32, 128);
  x = fire("features.7", x, 32, 128);
  x = max_pool(x, {.size = 3, .stride = 2});
  x = fire("features.9", x, 48, 192);
  x = fire("features.10", x, 48, 192);
  x = fire("features.11", x, 64, 256);
  x = fire("features.12", x, 64, 256);
  x = conv_layer("classifier.1", dropout(x),
                 {.filters = classes,
                  .size = 1,
                  .init = [](const Shape&) { return normal(0.01F); },
                  .settings = {.relu = true}});
  return global_average_pool(x);
}

}  // namespace dlfs
