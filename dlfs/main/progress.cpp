#include "dlfs/main/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "dlfs/base/text.h"
#include "dlfs/main/verbs.h"

namespace dlfs {
namespace {

constexpr int widest_bar = 28;
constexpr std::chrono::milliseconds between_drawings{100};

std::string clock_text(double seconds) {
  const long whole = std::lround(seconds);
  return concat(whole / 60, ":", whole % 60 < 10 ? "0" : "", whole % 60);
}

}  // namespace

Progress::Columns terminal_columns() {
  if (::isatty(STDOUT_FILENO) == 0) return nullptr;
  return [] {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? int{size.ws_col} : 80;
  };
}

void Progress::after_step(const StepEvent& event) {
  if (event.loss) loss_ = event.loss;
  const auto now = std::chrono::steady_clock::now();
  if (columns_ == nullptr || (now - drawn_ < between_drawings && event.step < event.steps)) return;
  drawn_ = now;
  const double done = static_cast<double>(event.step) / static_cast<double>(event.steps);
  const double spent = std::chrono::duration<double>(now - start_).count();
  std::string figures =
      concat(" ", static_cast<int>(done * 100), " %  ", loss_ ? "loss " + fixed(*loss_, 3) + "  " : "",
             with_separators(static_cast<int64_t>(event.images_per_second)), " img/s  ",
             clock_text(spent * (1 - done) / done), " left");
  // The last column stays free: to fill it would wrap the line.
  const int columns = columns_() - 1, width = std::min(widest_bar, columns - int(figures.size()));
  if (width < 0) figures.resize(std::max(columns, 0));
  const int filled = static_cast<int>(done * width);
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < filled ? "━" : i == filled ? "╸" : " ";
  clear();
  out_ << bar << figures << std::flush;
  bar_shown_ = true;
}

void Progress::after_epoch(const EpochEvent& event) {
  clear();
  out_ << "epoch " << event.epoch << "/" << event.epochs << "  loss " << fixed(event.train_loss, 4)
       << "  test " << accuracy_text(event.correct, event.count) << "  " << fixed(event.train_seconds, 1)
       << " s" << std::endl;
}

void Progress::clear() {
  if (bar_shown_) out_ << "\r\033[K" << std::flush;
  bar_shown_ = false;
}

}  // namespace dlfs
