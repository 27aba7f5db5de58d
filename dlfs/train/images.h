// How images reach a net, in training, evaluation and prediction alike: brought to the model's size by a recipe, and
// normalised on the device by the statistics of the training images. Any thread.
#pragma once

#include <string>

#include "dlfs/data/loader/loader.h"
#include "dlfs/graph/plan.h"
#include "dlfs/models/models.h"
#include "dlfs/ops/prepare/prepare.h"
#include "dlfs/ops/stem/stem.h"

namespace dlfs {

// What is done by chance to training images.
struct Augment {
  bool flip = false;  // left and right
  int crop = 0;       // a window of the size that the image had, after so many pixels were added on each side
  bool resized = false;  // a part of it, from 8 to 100 % of the area, at any size (RandomResizedCrop)
  float colour = 0;  // brightness, contrast and saturation by factors up to 1 + this, hue by an eighth of it
  float erase = 0;   // the probability that a rectangle is erased
  bool operator==(const Augment&) const = default;
};
// The model as it takes these images: one of any input takes those of MNIST's files at their own size, in gray.
Model model_for(const Model& model, const Source& source);

Augment usual_augment(const Model& model);
std::string to_string(const Augment& augment);   // "flip,crop=4", "none"; parse_augment() reads it
Augment parse_augment(const std::string& text);  // throws UsageError

Recipe training_recipe(const Model& model, const Augment& augment);
Recipe evaluation_recipe(const Model& model);  // the middle, or all of an image stretched: Model::test_resize

// Mean and deviation of each channel over the images as evaluation sees them: all of a source in memory, 5,000 spread
// evenly over any other. Images that cannot be read do not count; throws FileError where none can.
PrepareSettings pixel_statistics(const Source& source, const Model& model);

// The form of images that suits a model's stem, a precision and a kind of device.
ImageForm image_form(const Model& model, Precision precision, DeviceKind device);

// A batch's images as the net sees them, in that form, from the inputs "pixels" and "looks".
Value loaded_images(Trace& trace, const Model& model, int batch, const PrepareSettings& settings,
                    DeviceKind device = DeviceKind::cpu);
void upload_images(Device& device, const Plan& plan, const LoadedBatch& batch);

}  // namespace dlfs
