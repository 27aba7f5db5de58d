#include "dlfs/models/layers.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/max_pool/max_pool.h"

namespace dlfs {

Value lenet(Value images, int classes) {
  Value x = conv_layer("conv1", images, {.filters = 20, .size = 5});
  x = max_pool(x, {.size = 2, .relu = true});
  x = conv_layer("conv2", x, {.filters = 50, .size = 5});
  x = max_pool(x, {.size = 2, .relu = true});
  x = linear_layer("fc1", x, {.outputs = 500, .settings = {.relu = true}});
  return linear_layer("fc2", x, {.outputs = classes});
}

}  // namespace dlfs
