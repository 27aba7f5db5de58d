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
#include "dlfs/train/images.h"

namespace dlfs {

struct Prediction {
  int label = 0;  // -1: the image could not be read
  float probability = 0;
};

// The classes of one image, most likely first. Throws Error where the model gives a number that is none (NaN).
std::vector<Prediction> ranked(std::span<const float> logits);

class Evaluator {
 public:
  static constexpr int largest_batch = 250;

  // requires: the State belongs to the device, which outlives the evaluator, as the State and the model do.
  // `statistics`: what images are normalised by.
  Evaluator(Device& device, State& state, const Model& model, int classes, Precision precision,
            PrepareSettings statistics);

  // Takes the weights of a file. Throws FileError, before anything is changed, where they are not this model's.
  void load(const ModelFile& file);

  // What the model makes of pixels [n,h,w,c] of its own size: [n,classes].
  std::vector<float> logits(std::span<const uint8_t> pixels);

  // One prediction an image, in order, read by so many threads. Throws Error as ranked() does.
  std::vector<Prediction> predict(std::shared_ptr<const Source> images, int threads = 1);

 private:
  void trace_model(Trace& trace, int batch) const;
  void refresh();  // the plans, after the State's last change
  Plan& plan_for(int batch);

  Device& device_;
  State& state_;
  const Model& model_;
  int classes_;
  Precision precision_;
  PrepareSettings statistics_;
  Scratch scratch_;
  std::map<int, std::unique_ptr<Plan>> plans_;  // by batch size: a plan is found by its exact shape
};

int64_t count_correct(const std::vector<Prediction>& predictions, const Subjects& images);

// How many threads should read images for work on this device: what the cores of the machine leave.
int usual_threads(const Device& device);
inline constexpr int fillers_of_a_card = 4;  // that hand batches to its JPEG decoders; more are no faster

}  // namespace dlfs
