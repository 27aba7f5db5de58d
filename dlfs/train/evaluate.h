// Evaluation: an inference plan over a State, run over a whole set of images. The State may be one that is being
// trained; predictions are made between steps. One thread.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "dlfs/graph/plan.h"
#include "dlfs/models/model_file.h"
#include "dlfs/models/models.h"
#include "dlfs/train/batches.h"

namespace dlfs {

struct Prediction {
  int label = 0;
  float probability = 0;
};

// The classes of one image, most likely first. Throws Error where the model gives a number that is none (NaN).
std::vector<Prediction> ranked(std::span<const float> logits);

class Evaluator {
 public:
  static constexpr int largest_batch = 250;

  // requires: the State belongs to the device, which outlives the evaluator, as the State and the model do.
  Evaluator(Device& device, State& state, const Model& model, int classes, Precision precision);

  // Takes the weights of a file. Throws FileError, before anything is changed, where they are not this model's.
  void load(const ModelFile& file);

  // What the model makes of images that are normalised already: [n,h,w,c] -> [n,classes].
  std::vector<float> logits(std::span<const float> images);

  // One prediction an image, in order. Throws Error as ranked() does.
  std::vector<Prediction> predict(const LabelledImages& images, PixelStatistics statistics);

 private:
  void trace_model(Trace& trace, int batch) const;
  Plan& plan_for(int batch);

  Device& device_;
  State& state_;
  const Model& model_;
  int classes_;
  Precision precision_;
  Scratch scratch_;
  std::map<int, std::unique_ptr<Plan>> plans_;  // by batch size: a plan is found by its exact shape
};

int64_t count_correct(const std::vector<Prediction>& predictions, const LabelledImages& images);

}  // namespace dlfs
