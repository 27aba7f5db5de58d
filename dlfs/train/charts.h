// The two pictures that a training run leaves behind: how it learnt, and what it now sees. Any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dlfs/data/picture.h"

namespace dlfs {

struct LearningCurve {
  std::string title;               // such as "LeNet on Fashion-MNIST"
  std::vector<float> losses = {};  // of the steps at which train() reads them; what is not finite is left out
  std::vector<float> accuracies = {};  // on the test images, after each epoch, 0 to 1
};

// Two panels over the epochs: the losses that were read and their running mean, and the accuracy of each epoch.
Picture learning_curve(const LearningCurve& curve);

struct PredictionSheet {
  std::string title;
  Size image;                            // the size of each
  int channels = 1;                      // or 3
  std::span<const uint8_t> pixels = {};  // [n,h,w,channels]
  std::vector<int> predicted = {}, actual = {};
  std::vector<std::string> class_names;
  int columns = 10;
};

// The images in rows. Below each its predicted class: green where right, red where wrong with the right one below.
Picture prediction_sheet(const PredictionSheet& sheet);

}  // namespace dlfs
