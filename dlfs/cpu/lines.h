// A map [n,h,w,c] of f32 or bf16 read and written in f32, a line at a time. A line is a number of whole positions, so that
// what belongs to channels is spread over a line once, and loops run along lines without asking for the channel. For
// CPU halves; one thread.
#pragma once

#include <algorithm>
#include <vector>

#include "dlfs/tensor/tensor.h"

namespace dlfs {

struct MapLine {
  int64_t first, count;  // of the map's numbers
};

struct MapLines {
  explicit MapLines(const Shape& map);

  // All lines in order; the last may be shorter.
  template <typename Visit>
  void each(Visit visit) const {
    for (int64_t first = 0; first < count; first += width)
      visit(MapLine{first, std::min(width, count - first)});
  }
  // by_channel [c], again and again, to a line.
  void spread(const float* by_channel, std::vector<float>& line) const;

  int64_t positions() const { return count / channels; }

  int64_t channels, count;
  int64_t width;  // of a line: a multiple of the channels, and of 8, so that a mask of bits begins at a byte
};

class LineReader {
 public:
  LineReader(const Tensor& map, int64_t longest);
  const float* read(const MapLine& line);  // valid until the next

 private:
  Tensor map_;
  std::vector<float> buffer_;  // where the map is not f32
};

struct LineSettings {
  bool add = false;  // to what is there
};
class LineWriter {
 public:
  LineWriter(const Tensor& to, int64_t longest, const LineSettings& settings = {});
  explicit operator bool() const { return static_cast<bool>(to_); }  // false for a null tensor

  float* line(const MapLine& line);  // where it is made
  void finish(const MapLine& line);  // once it is

 private:
  bool direct() const { return !add_ && to_.spec.dtype == DType::f32; }
  Tensor to_;
  bool add_;
  std::vector<float> buffer_;
};

// Sums by channel of what is added to a line: in f32 over a few lines, in double over those.
class ChannelSums {
 public:
  explicit ChannelSums(const MapLines& lines);
  void clear();
  float* lanes() { return few_.data(); }  // [width], to be added to
  void finish_line();
  double of(int64_t channel);

 private:
  void flush();
  int64_t channels_;
  int lines_ = 0;
  std::vector<float> few_;
  std::vector<double> all_;
};

}  // namespace dlfs
