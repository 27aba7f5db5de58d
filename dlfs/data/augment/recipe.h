// What is done to an image before the net sees it, as plain data: a list of transforms in their order. A recipe says
// nothing about pixels: draw.h turns it into one sample's numbers, render.h makes the pixels. Any thread.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "dlfs/data/image.h"

namespace dlfs {

// ---- the shape: each gives a new canvas, and boxes follow ----
struct Stretch {  // each side by itself
  Size to;
};
// To one of these lengths, by chance; but the longest edge to `longest` at most (Detectron2).
struct ShortestEdge {
  std::vector<int> lengths;
  int longest = 1333;
};
struct Letterbox {  // as large as fits, in the middle, the rest filled
  Size to;
};
struct CenterCrop {
  Size to;
};
struct RandomFlip {
  float horizontal = 0.5F, vertical = 0;  // probabilities
};
struct RandomCrop {  // after `pad` filled pixels on each side
  Size to;
  int pad = 0;
};
struct RandomResizedCrop {  // Szegedy et al., "Going deeper with convolutions", 2015; as torchvision draws it
  Size to;
  float least_area = 0.08F, most_area = 1;
  float least_aspect = 3.0F / 4, most_aspect = 4.0F / 3;
};
struct IouCrop {  // Liu et al., "SSD", 2016; as torchvision draws it
  float least_scale = 0.3F, most_scale = 1;
  float least_aspect = 0.5F, most_aspect = 2;
  int trials = 40;
};
struct ZoomOut {  // onto a filled canvas that is larger (SSD)
  float probability = 0.5F, most = 4;
};
// About the middle, on a canvas of the same size; the shear is along x. One in a recipe.
struct RandomAffine {
  float degrees = 0, translate = 0, shear = 0;  // most, either way; translate in parts of the size
  float least_scale = 1, most_scale = 1;
};
// With three other images (Bochkovskiy et al., "YOLOv4", 2020), which have been through the transforms before it too: each
// as large as fits into half of `to`, a corner of it at a place by chance in the middle half. One in a recipe.
struct Mosaic {
  Size to;
  float probability = 1;
};

// ---- the look: `prepare` does it on the device ----
// Factors from 1 - x to 1 + x in an order by chance; contrast about 127.5; hue turns by parts of the circle, in YIQ. It is
// of the whole sample: a mosaic's and a mixup's other images share it.
struct ColourJitter {
  float brightness = 0, contrast = 0, saturation = 0, hue = 0;
};
// Zhong et al., "Random erasing data augmentation", 2020: a rectangle becomes the mean. After all changes of the shape.
struct RandomErase {
  float probability = 0.5F;
  float least_area = 0.02F, most_area = 1.0F / 3, least_aspect = 0.3F;
};

// ---- the sample ----
// With one other sample (Zhang et al., "mixup", 2018), which has been through the transforms before it too: its weight by
// Beta(alpha, alpha), in 256ths. Where it has no pixels, the first stays as it is.
struct Mixup {
  float probability = 1, alpha = 0.2F;
};

using Transform =
    std::variant<Stretch, ShortestEdge, Letterbox, CenterCrop, RandomFlip, RandomCrop, RandomResizedCrop,
                 IouCrop, ZoomOut, RandomAffine, Mosaic, ColourJitter, RandomErase, Mixup>;

struct Recipe {
  std::vector<Transform> transforms;
  Size slot;           // in which images are delivered; what is smaller is padded on the right and below
  int channels = 3;    // 1 or 3
  uint8_t fill = 114;  // of what no image covers
  // A box of which less than this part of its area is left is dropped, and any that is empty.
  float least_visible = 0;
};

// Throws UsageError, with the transform and its value, where a recipe makes no sense or may exceed its slot.
void refuse_nonsense(const Recipe& recipe);

}  // namespace dlfs
