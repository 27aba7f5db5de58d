// What happens to labels, and what models say: the records that stream while people label and models train. Each is a
// row of the store and a FlatBuffers message (schema/events.fbs), whose layout is frozen: fields are only ever added at
// the end. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dlfs/base/file.h"
#include "dlfs/data/records.h"

namespace dlfs {

enum class LabelAction : uint8_t { add, change, remove, import };  // import: everything of one import at once

struct LabelEvent {
  int64_t revision = 0;
  int64_t at_ns = 0;  // since 1970, UTC
  std::string who = {};
  LabelAction action = LabelAction::add;
  int64_t image = 0;                      // 0 for an import
  std::optional<Annotation> before = {};  // of change and remove
  std::optional<Annotation> after = {};   // of add and change
};

struct PredictedBox {
  int64_t category = 0;
  std::optional<BoundingBox> box = {};  // without one it is of the whole image
  float score = 0;
  bool operator==(const PredictedBox&) const = default;
};

struct ImagePrediction {
  int64_t image = 0;
  std::string model = {};
  int64_t revision = 0;  // of the store, up to which the model had learned
  int64_t at_ns = 0;
  std::vector<PredictedBox> boxes = {};
};

Bytes encode(const LabelEvent& event);
Bytes encode(const ImagePrediction& prediction);
// Throws FileError where the bytes are no such message, or hold what cannot be (NaN, an unknown action).
LabelEvent decode_label_event(std::span<const std::byte> message);
ImagePrediction decode_prediction(std::span<const std::byte> message);

}  // namespace dlfs
