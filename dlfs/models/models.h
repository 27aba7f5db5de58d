// The models by name: an explicit list. Any thread.
#pragma once

#include <string>
#include <vector>

#include "dlfs/graph/trace.h"

namespace dlfs {

// What a model's first convolution takes beside plain images (ops/stem/stem.h): padded, for any; blocks, for a 7x7 with
// stride 2 and pad 3.
enum class Stem : uint8_t { plain, padded, blocks };

struct Model {
  std::string name;
  Shape input;  // of one image [1,h,w,c]
  Value (*build)(Value images,
                 int classes);  // images [n,h,w,c], or in a form of its stem -> logits [n,1,1,classes]
  Stem stem = Stem::plain;
  bool any_input =
      false;  // images of other sizes, gray or in colour, will do: MNIST's files are taken as they are
  // How long the shorter side of test images becomes before their middle is cut out; 0: each side is stretched.
  int test_resize = 0;
};

const std::vector<Model>& models();
const Model& find_model(const std::string& name);  // throws UsageError with the nearest name and all of them
Model with_input(const Model& model, const Shape& input);  // the same for images [1,h,w,c]

// LeNet after Caffe's examples/mnist (LeCun et al., "Gradient-based learning applied to document recognition", 1998,
// with ReLU): conv 20@5x5, max pool 2, conv 50@5x5, max pool 2, linear 500, linear to the classes. 431,080 parameters.
Value lenet(Value images, int classes);  // [n,28,28,1] -> [n,1,1,classes]

// Four convolutions 3x3 (32, 32, 64, 64 filters, with ReLU), a max pool 2 behind each two, the mean over space, linear to
// the classes. 65,738 parameters for ten.
Value small_cnn(Value images, int classes);  // [n,32,32,3] -> [n,1,1,classes]

// Residual nets for ImageNet, see resnet.h: 11.7, 21.8, 25.6, 44.5, 60.2 and 25.0 million parameters for 1000 classes.
// [n,224,224,3] -> [n,1,1,classes]
Value resnet18(Value images, int classes);
Value resnet34(Value images, int classes);
Value resnet50(Value images, int classes);
Value resnet101(Value images, int classes);
Value resnet152(Value images, int classes);
Value resnext50_32x4d(Value images, int classes);

// Residual nets for small images: ResNet-18 without its first stride and pool, 11.17 million parameters; those of the paper,
// 0.27, 0.46, 0.66 and 0.85 million. [n,32,32,3] -> [n,1,1,classes]
Value resnet18_small(Value images, int classes);
Value resnet20(Value images, int classes);
Value resnet32(Value images, int classes);
Value resnet44(Value images, int classes);
Value resnet56(Value images, int classes);

// SqueezeNet 1.1 (Iandola et al., 2016): 1,235,496 parameters for 1000 classes. [n,224,224,3] -> [n,1,1,classes]
Value squeezenet1_1(Value images, int classes);

}  // namespace dlfs
