// The folder of one training run: config.json, log.jsonl (a line a logged step and a line an epoch), model.safetensors,
// result.json, learning_curve.png, predictions.png. It is a Hook: it writes the log while the run goes on and the rest
// at its end. A folder that holds a run already is refused, never overwritten. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dlfs/base/file.h"
#include "dlfs/models/model_file.h"
#include "dlfs/train/train.h"

namespace dlfs {

struct RunConfig {
  std::string model, data, device;
  TrainSettings settings;
  int test_resize = 0;       // Model::test_resize
  std::string weights = {};  // that it began with, or ""
};

class RunFolder : public Hook {
 public:
  // Makes the folder and writes config.json. Throws FileError where it cannot be made, or holds a run.
  RunFolder(const std::string& path, const RunConfig& config);

  void after_step(const StepEvent& event) override;
  void after_epoch(const EpochEvent& event) override;

  // The weights first, the pictures, and result.json last: where it stands, all of the run does.
  void finish(const State& state, Device& device, const ModelDescription& description,
              const TrainResult& result, const Source& test);

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  RunConfig config_;
  std::unique_ptr<LineFile> log_;
  std::vector<StepEvent> losses_;
  std::vector<EpochEvent> epochs_;
};

}  // namespace dlfs
