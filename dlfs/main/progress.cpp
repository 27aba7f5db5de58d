#include "dlfs/main/progress.h"

#include <algorithm>

#include "dlfs/base/text.h"
#include "dlfs/main/verbs.h"

namespace dlfs {
namespace {

constexpr int bar_width = 28;
constexpr std::chrono::milliseconds between_drawings{100};

std::string clock_text(double seconds) {
  const int whole = static_cast<int>(seconds + 0.5);
  return concat(whole / 60, ":", whole % 60 < 10 ? "0" : "", whole % 60);
}

}  // namespace

void Progress::after_step(const StepEvent& event) {
  if (event.loss) loss_ = *event.loss;
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (now - drawn_ < between_drawings && event.step < event.steps)) return;
  drawn_ = now;
  const double done = static_cast<double>(event.step) / static_cast<double>(event.steps);
  const double spent = std::chrono::duration<double>(now - start_).count();
  const int filled = static_cast<int>(done * bar_width);
  std::string bar;
  for (int i = 0; i < bar_width; ++i) bar += i < filled ? "━" : i == filled ? "╸" : " ";
  out_ << "\r\033[K" << bar << " " << static_cast<int>(done * 100) << " %  loss " << fixed(loss_, 3) << "  "
       << with_separators(static_cast<int64_t>(event.images_per_second)) << " img/s  "
       << clock_text(spent * (1 - done) / done) << " left" << std::flush;
}

void Progress::after_epoch(const EpochEvent& event) {
  if (terminal_) out_ << "\r\033[K";
  out_ << "epoch " << event.epoch << "/" << event.epochs << "  loss " << fixed(event.train_loss, 4)
       << "  test " << accuracy_text(event.correct, event.count) << "  " << fixed(event.train_seconds, 1)
       << " s" << std::endl;
}

}  // namespace dlfs
