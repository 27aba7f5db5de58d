#include "dlfs/models/layers.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/reduce/reduce.h"

namespace dlfs {

Value small_cnn(Value images, int classes) {
  const auto conv = [](const std::string& name, Value x, int filters, bool relu) {
    return conv_layer(name, x, {.filters = filters, .size = 3, .settings = {.pad = 1, .relu = relu}});
  };
  Value x = conv("conv1", images, 32, true);
  x = max_pool(conv("conv2", x, 32, false), {.size = 2, .relu = true});
  x = conv("conv3", x, 64, true);
  x = max_pool(conv("conv4", x, 64, false), {.size = 2, .relu = true});
  return linear_layer("fc", global_average_pool(x), {.outputs = classes});
}

}  // namespace dlfs
