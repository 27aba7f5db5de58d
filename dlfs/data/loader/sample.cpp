#include "dlfs/data/loader/sample.h"

#include <chrono>
#include <utility>

namespace dlfs {
namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Drawn SampleMaker::make(const Source& source, const Recipe& recipe, uint32_t image, uint64_t key,
                        std::span<uint8_t> out) {
  const int channels = recipe.channels == 3 ? 4 : 1;  // of what is decoded: as the renderer likes it
  const Clock::time_point start = Clock::now();
  double decoding = 0;
  Drawn drawn = draw(recipe, source, image, key);
  renderer_.begin(recipe, drawn, out);
  for (const Part& part : drawn.parts) {
    const Clock::time_point before = Clock::now();
    try {
      source.load(part.image, request_for(part, source.subject(part.image).size, channels), file_, decoded_);
    } catch (const FileError& error) {
      throw UnreadableImage(part.image, error);
    }
    decoding += seconds(before, Clock::now());
    renderer_.show(part, decoded_);
  }
  seconds_.decode += decoding;
  seconds_.transform += seconds(start, Clock::now()) - decoding;
  return drawn;
}

SampleMaker::Seconds SampleMaker::take_seconds() { return std::exchange(seconds_, {}); }

}  // namespace dlfs
