// What fuzzing feeds with bytes: one function a format, all of them in the list of fuzz.cpp. A function takes any bytes;
// FileError is a fine answer, and whatever else leaves it is a finding. `./dev fuzz` runs them under libFuzzer; the test
// Fuzz replays the inputs that it kept, dlfs/testing/corpus/NAME. One thread.
#pragma once

#include <cstddef>
#include <span>

namespace dlfs::testing {

struct FuzzTarget {
  const char* name;
  void (*run)(std::span<const std::byte> input);
};

std::span<const FuzzTarget> fuzz_targets();

// One input to one target; a FileError is an answer.
void fuzz_once(const FuzzTarget& target, std::span<const std::byte> input);

void fuzz_image(std::span<const std::byte> input);
void fuzz_png(std::span<const std::byte> input);
void fuzz_exif(std::span<const std::byte> input);
void fuzz_idx(std::span<const std::byte> input);
void fuzz_safetensors(std::span<const std::byte> input);
void fuzz_coco(std::span<const std::byte> input);
void fuzz_rle(std::span<const std::byte> input);
void fuzz_coco_results(std::span<const std::byte> input);
void fuzz_voc(std::span<const std::byte> input);
void fuzz_yolo(std::span<const std::byte> input);
void fuzz_label_studio(std::span<const std::byte> input);
void fuzz_store(std::span<const std::byte> input);
void fuzz_events(std::span<const std::byte> input);
void fuzz_json(std::span<const std::byte> input);

}  // namespace dlfs::testing
