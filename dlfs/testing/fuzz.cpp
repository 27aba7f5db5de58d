#include "dlfs/testing/fuzz.h"

#include "dlfs/base/error.h"

namespace dlfs::testing {
namespace {

constexpr FuzzTarget targets[] = {
    {"jpeg", fuzz_image},
    {"png", fuzz_png},
    {"pgm", fuzz_image},
    {"exif", fuzz_exif},
    {"idx", fuzz_idx},
    {"safetensors", fuzz_safetensors},
    {"json", fuzz_json},
    {"coco", fuzz_coco},
    {"rle", fuzz_rle},
    {"coco_results", fuzz_coco_results},
    {"voc", fuzz_voc},
    {"yolo", fuzz_yolo},
    {"label_studio", fuzz_label_studio},
    {"store", fuzz_store},
    {"events", fuzz_events},
};

}  // namespace

std::span<const FuzzTarget> fuzz_targets() { return targets; }

void fuzz_once(const FuzzTarget& target, std::span<const std::byte> input) try {
  target.run(input);
} catch (const FileError&) {
}

}  // namespace dlfs::testing
