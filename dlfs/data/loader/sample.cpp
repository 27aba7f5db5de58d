#include "dlfs/data/loader/sample.h"

#include <utility>

#include "dlfs/base/clock.h"

namespace dlfs {
Drawn SampleMaker::make(const Source& source, const Recipe& recipe, uint32_t image, uint64_t key,
                        std::span<uint8_t> out) {
  const int channels = recipe.channels == 3 ? 4 : 1;  // of what is decoded: as the renderer likes it
  const Stopwatch all;
  double decoding = 0;
  Drawn drawn = draw(recipe, source, image, key);
  renderer_.begin(recipe, drawn, out);
  for (const Part& part : drawn.parts) {
    const Stopwatch watch;
    try {
      source.load(part.image, request_for(part, source.subject(part.image).size, channels), file_, decoded_);
    } catch (const FileError& error) {
      throw UnreadableImage(part.image, error);
    }
    decoding += watch.seconds();
    renderer_.show(part, decoded_);
  }
  seconds_.decode += decoding;
  seconds_.transform += all.seconds() - decoding;
  return drawn;
}

SampleMaker::Seconds SampleMaker::take_seconds() { return std::exchange(seconds_, {}); }

}  // namespace dlfs
