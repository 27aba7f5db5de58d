#include "dlfs/cpu/lines.h"

#include <numeric>

#include "dlfs/cpu/number.h"

namespace dlfs {

constexpr int few = 16;  // lines whose sums may stay in f32

MapLines::MapLines(const Shape& map) : channels(map.c), count(map.count()), width(std::lcm(channels, 8)) {
  while (width < 256) width *= 2;  // long enough for vectors and short enough for the nearest cache
}

void MapLines::spread(const float* by_channel, std::vector<float>& line) const {
  line.resize(width);
  for (int64_t i = 0; i < width; i += channels) std::copy_n(by_channel, channels, line.begin() + i);
}

LineReader::LineReader(const Tensor& map, int64_t longest)
    : map_(map), buffer_(map.spec.dtype == DType::f32 ? 0 : longest) {}

const float* LineReader::read(const MapLine& line) {
  return as_f32(map_, line.first, line.count, buffer_.data());
}

LineWriter::LineWriter(const Tensor& to, int64_t longest, const LineSettings& settings)
    : to_(to), add_(settings.add), buffer_(!to || direct() ? 0 : longest) {}

float* LineWriter::line(const MapLine& line) {
  return direct() ? to_.as<float>() + line.first : buffer_.data();
}

void LineWriter::finish(const MapLine& line) {
  if (direct()) return;
  for_type(to_.spec.dtype,
           [&]<typename T>() { put(buffer_.data(), line.count, to_.as<T>() + line.first, add_); });
}

ChannelSums::ChannelSums(const MapLines& lines)
    : channels_(lines.channels), few_(lines.width), all_(lines.width) {}

void ChannelSums::clear() {
  lines_ = 0;
  std::fill(few_.begin(), few_.end(), 0.0F);
  std::fill(all_.begin(), all_.end(), 0.0);
}

void ChannelSums::finish_line() {
  if (++lines_ == few) flush();
}

void ChannelSums::flush() {
  lines_ = 0;
  const int64_t width = static_cast<int64_t>(few_.size());
  for (int64_t i = 0; i < width; ++i) all_[i] += few_[i];
  std::fill(few_.begin(), few_.end(), 0.0F);
}

double ChannelSums::of(int64_t channel) {
  if (lines_ != 0) flush();
  double sum = 0;
  for (size_t i = channel; i < all_.size(); i += channels_) sum += all_[i];
  return sum;
}

}  // namespace dlfs
