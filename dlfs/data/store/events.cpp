#include "dlfs/data/store/events.h"

#include "dlfs/base/error.h"
#include "dlfs/data/store/rows.h"
#include "dlfs/schema/events_generated.h"

namespace dlfs {
namespace {

namespace fb = flatbuffers;

constexpr size_t most_bytes = size_t{1} << 20;

[[noreturn]] void fail(const std::string& fact) { throw FileError("events", fact); }

// ---- records to messages ----

fb::Offset<fb::String> text_or_none(fb::FlatBufferBuilder& builder, const std::string& text) {
  return text.empty() ? fb::Offset<fb::String>() : builder.CreateString(text);
}

schema::Box box_of(const BoundingBox& box) { return {box.x, box.y, box.width, box.height}; }

fb::Offset<schema::Annotation> add(fb::FlatBufferBuilder& builder,
                                   const std::optional<Annotation>& annotation) {
  if (!annotation) return {};
  const Annotation& a = *annotation;
  const auto segmentation = text_or_none(builder, a.segmentation), extra = text_or_none(builder, a.extra);
  const schema::Box box = box_of(a.box.value_or(BoundingBox()));
  return schema::CreateAnnotation(builder, a.id, a.image, a.category, a.box ? &box : nullptr, a.area, a.crowd,
                                  static_cast<schema::Origin>(a.origin), a.deleted,
                                  a.source_id ? fb::Optional<int64_t>(*a.source_id) : fb::nullopt,
                                  segmentation, extra);
}

Bytes finish(fb::FlatBufferBuilder& builder, schema::Message type, fb::Offset<void> message) {
  schema::FinishEnvelopeBuffer(builder, schema::CreateEnvelope(builder, type, message));
  if (builder.GetSize() >= most_bytes)
    fail(concat("a message has ", builder.GetSize(), " bytes, and must have less than ", most_bytes));
  const auto* start = reinterpret_cast<const std::byte*>(builder.GetBufferPointer());
  return {start, start + builder.GetSize()};
}

// ---- messages to records ----

std::string text_of(const fb::String* text) { return text == nullptr ? "" : text->str(); }

std::optional<BoundingBox> box_of(const schema::Box* box) {
  if (box == nullptr) return {};
  return BoundingBox{.x = box->x(), .y = box->y(), .width = box->width(), .height = box->height()};
}

std::optional<Annotation> annotation_of(const schema::Annotation* from) {
  if (from == nullptr) return {};
  Annotation annotation{.id = from->id(),
                        .image = from->image(),
                        .category = from->category(),
                        .box = box_of(from->box()),
                        .area = from->area(),
                        .crowd = from->crowd(),
                        .origin = static_cast<Origin>(from->origin()),
                        .deleted = from->deleted(),
                        .segmentation = text_of(from->segmentation()),
                        .extra = text_of(from->extra())};
  if (const auto source = from->source_id()) annotation.source_id = *source;
  if (const std::string fault = fault_of(annotation); !fault.empty())
    fail("a label event is damaged: " + fault);
  return annotation;
}

// A message whose every offset lies within it, for as long as the guard lives. Its first byte is aligned, since numbers
// are read in place.
class Verified {
 public:
  explicit Verified(std::span<const std::byte> message) {
    if (message.size() >= most_bytes)
      fail(concat("a message has ", message.size(), " bytes, and must have less than ", most_bytes));
    bytes_.assign(message.begin(), message.end());
    fb::Verifier verifier(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
    if (!schema::VerifyEnvelopeBuffer(verifier))
      fail(concat(bytes_.size(), " bytes are no message of dlfs (DLFE)"));
  }

  template <typename Table>
  const Table& as(const char* name) const {
    const Table* table = schema::GetEnvelope(bytes_.data())->template message_as<Table>();
    if (table == nullptr) fail(concat("a message is no ", name));
    return *table;
  }

 private:
  Bytes bytes_;
};

}  // namespace

Bytes encode(const LabelEvent& event) {
  fb::FlatBufferBuilder builder;
  const auto who = builder.CreateString(event.who);
  const auto before = add(builder, event.before), after = add(builder, event.after);
  const auto message =
      schema::CreateLabelEvent(builder, event.revision, event.at_ns, who,
                               static_cast<schema::LabelAction>(event.action), event.image, before, after);
  return finish(builder, schema::Message::LabelEvent, message.Union());
}

Bytes encode(const ImagePrediction& prediction) {
  fb::FlatBufferBuilder builder;
  std::vector<fb::Offset<schema::PredictedBox>> boxes;
  for (const PredictedBox& predicted : prediction.boxes) {
    const schema::Box box = box_of(predicted.box.value_or(BoundingBox()));
    boxes.push_back(schema::CreatePredictedBox(builder, predicted.category, predicted.box ? &box : nullptr,
                                               predicted.score));
  }
  const auto model = builder.CreateString(prediction.model);
  const auto message = schema::CreateImagePrediction(builder, prediction.image, model, prediction.revision,
                                                     prediction.at_ns, builder.CreateVector(boxes));
  return finish(builder, schema::Message::ImagePrediction, message.Union());
}

LabelEvent decode_label_event(std::span<const std::byte> message) {
  const Verified verified(message);
  const auto& from = verified.as<schema::LabelEvent>("label event");
  if (from.action() > schema::LabelAction::import_)
    fail(concat("a label event has the unknown action ", static_cast<int>(from.action())));
  return {.revision = from.revision(),
          .at_ns = from.at_ns(),
          .who = text_of(from.who()),
          .action = static_cast<LabelAction>(from.action()),
          .image = from.image(),
          .before = annotation_of(from.before()),
          .after = annotation_of(from.after())};
}

ImagePrediction decode_prediction(std::span<const std::byte> message) {
  const Verified verified(message);
  const auto& from = verified.as<schema::ImagePrediction>("prediction");
  ImagePrediction prediction{.image = from.image(),
                             .model = text_of(from.model()),
                             .revision = from.revision(),
                             .at_ns = from.at_ns()};
  if (from.boxes() == nullptr) return prediction;
  for (const schema::PredictedBox* box : *from.boxes()) {
    prediction.boxes.push_back(
        {.category = box->category(), .box = box_of(box->box()), .score = box->score()});
    if (const std::string fault = fault_of(prediction.boxes.back()); !fault.empty())
      fail("a prediction is damaged: " + fault);
  }
  return prediction;
}

}  // namespace dlfs
