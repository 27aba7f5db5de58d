// What a person sees of a training run: on a terminal one bar that moves, with loss, rate of images and time left;
// elsewhere a plain line an epoch. A Hook; one thread.
#pragma once

#include <chrono>
#include <ostream>

#include "dlfs/train/train.h"

namespace dlfs {

class Progress : public Hook {
 public:
  using Columns = int (*)();  // asks a terminal how wide it is now

  Progress(std::ostream& out, Columns columns) : out_(out), columns_(columns) {}  // null: no terminal
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() override { clear(); }  // what is said next, an error say, stands on a line of its own
  void after_step(const StepEvent& event) override;
  void after_epoch(const EpochEvent& event) override;

 private:
  void clear();

  std::ostream& out_;
  Columns columns_;
  bool bar_shown_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), drawn_{};
  std::optional<float> loss_;  // the last that was read
};

// The terminal that standard output is; null where it is none.
Progress::Columns terminal_columns();

}  // namespace dlfs
