#include "dlfs/models/resnet.h"

#include "dlfs/models/layers.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/subsample/subsample.h"

namespace dlfs {
namespace {

// relu(the branch + the shortcut); `filters` of its narrow convolutions.
Value block(Value x, int filters, int stride, const ResNet& net) {
  const int channels = net.bottleneck ? 4 * filters : filters;
  Value y = x;
  ConvNorm last{.filters = channels, .zero_scale = net.zero_last};
  if (net.bottleneck) {
    const int width = filters * net.group_width / 64 * net.groups, first = net.stride_in_1x1 ? stride : 1;
    y = conv_norm({"conv1", "bn1"}, y, {.filters = width, .size = 1, .stride = first});
    y = conv_norm({"conv2", "bn2"}, y, {.filters = width, .stride = stride / first, .groups = net.groups});
    last.size = 1;
  } else {
    y = conv_norm({"conv1", "bn1"}, y, {.filters = filters, .stride = stride});
  }
  Shortcut shortcut{x};
  if (stride != 1 || x.shape().c != channels)
    shortcut = net.bare_shortcuts ? Shortcut{subsample(x, {.stride = stride, .channels = channels})}
                                  : projection({"downsample.0", "downsample.1"}, x,
                                               {.filters = channels, .size = 1, .stride = stride});
  const std::string number = net.bottleneck ? "3" : "2";
  return conv_norm({"conv" + number, "bn" + number}, y, last, shortcut);
}

ResNet cifar(int blocks) {
  return {.blocks = {blocks, blocks, blocks},
          .width = 16,
          .zero_last = false,
          .small_images = true,
          .bare_shortcuts = true};
}

}  // namespace

Value resnet(Value images, int classes, const ResNet& net) {
  ConvNorm stem{.filters = net.width, .stem = true};
  if (!net.small_images) stem.size = 7, stem.stride = 2, stem.pool = {.size = 3, .stride = 2, .pad = 1};
  Value x = conv_norm({"conv1", "bn1"}, images, stem);
  for (size_t stage = 0; stage < net.blocks.size(); ++stage) {
    const Trace::Scope scope = x.trace().scope(concat("layer", stage + 1));
    for (int i = 0; i < net.blocks[stage]; ++i) {
      const Trace::Scope scope_of_block = x.trace().scope(std::to_string(i));
      x = block(x, net.width << stage, i == 0 && stage > 0 ? 2 : 1, net);
    }
  }
  return linear_layer("fc", global_average_pool(x), {.outputs = classes, .init = linear_uniform});
}

Value resnet18(Value images, int classes) { return resnet(images, classes, {.blocks = {2, 2, 2, 2}}); }
Value resnet34(Value images, int classes) { return resnet(images, classes, {.blocks = {3, 4, 6, 3}}); }
Value resnet50(Value images, int classes) {
  return resnet(images, classes, {.blocks = {3, 4, 6, 3}, .bottleneck = true});
}
Value resnet101(Value images, int classes) {
  return resnet(images, classes, {.blocks = {3, 4, 23, 3}, .bottleneck = true});
}
Value resnet152(Value images, int classes) {
  return resnet(images, classes, {.blocks = {3, 8, 36, 3}, .bottleneck = true});
}
Value resnext50_32x4d(Value images, int classes) {
  return resnet(images, classes,
                {.blocks = {3, 4, 6, 3}, .bottleneck = true, .groups = 32, .group_width = 4});
}
Value resnet18_small(Value images, int classes) {
  return resnet(images, classes, {.blocks = {2, 2, 2, 2}, .small_images = true});
}
Value resnet20(Value images, int classes) { return resnet(images, classes, cifar(3)); }
Value resnet32(Value images, int classes) { return resnet(images, classes, cifar(5)); }
Value resnet44(Value images, int classes) { return resnet(images, classes, cifar(7)); }
Value resnet56(Value images, int classes) { return resnet(images, classes, cifar(9)); }

}  // namespace dlfs
