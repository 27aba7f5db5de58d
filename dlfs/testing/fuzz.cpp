#include "dlfs/testing/fuzz.h"

#include "dlfs/base/error.h"

namespace dlfs::testing {
namespace {

constexpr FuzzTarget targets[] = {
    {"jpeg", fuzz_image}, {"png", fuzz_png}, {"pgm", fuzz_image},
    {"exif", fuzz_exif},  {"idx", fuzz_idx}, {"safetensors", fuzz_safetensors},
    {"coco", fuzz_coco},  {"voc", fuzz_voc}, {"yolo", fuzz_yolo},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return targets; }

void fuzz_once(const FuzzTarget& target, std::span<const std::byte> input) try {
  target.run(input);
} catch (const FileError&) {
}

}  // namespace dlfs::testing
