#include "dlfs/data/store/events.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "dlfs/base/text.h"

#include "dlfs/testing/error.h"
#include "dlfs/testing/stores.h"

namespace dlfs {
namespace {

using testing::error_of;

Annotation some_annotation() {
  Annotation annotation;
  annotation.id = 7;
  annotation.image = 8;
  annotation.category = 9;
  annotation.box = BoundingBox{1.5F, -2, 3, 4};
  annotation.area = 0.1;
  annotation.crowd = true;
  annotation.origin = Origin::model;
  annotation.source_id = 0;
  annotation.segmentation = "[[1,2]]";
  annotation.extra = R"({"a":"\u0000"})";
  return annotation;
}

LabelEvent some_event() {
  Annotation after = some_annotation();
  after.box.reset();
  after.source_id.reset();
  after.segmentation.clear();
  return {.revision = 12,
          .at_ns = 1'790'000'000'000'000'000,
          .who = "ann",
          .action = LabelAction::change,
          .image = 8,
          .before = some_annotation(),
          .after = after};
}

ImagePrediction some_prediction() {
  return {.image = 3,
          .model = "retinanet 12",
          .revision = 4,
          .at_ns = 5,
          .boxes = {{.category = 1, .box = BoundingBox{1, 2, 3, 4}, .score = 0.5F},
                    {.category = 2, .box = {}, .score = -1}}};
}

TEST(Events, ComeBackAsTheyWere) {
  const LabelEvent event = some_event(), back = decode_label_event(encode(event));
  EXPECT_EQ(back.revision, 12);
  EXPECT_EQ(back.at_ns, event.at_ns);
  EXPECT_EQ(back.who, "ann");
  EXPECT_EQ(back.action, LabelAction::change);
  EXPECT_EQ(back.image, 8);
  EXPECT_EQ(testing::words_of(*back.before), testing::words_of(*event.before));
  EXPECT_EQ(testing::words_of(*back.after), testing::words_of(*event.after));
  const LabelEvent empty = decode_label_event(encode(LabelEvent()));
  EXPECT_FALSE(empty.before || empty.after);

  const ImagePrediction prediction = decode_prediction(encode(some_prediction()));
  EXPECT_EQ(prediction.model, "retinanet 12");
  EXPECT_EQ(prediction.image, 3);
  EXPECT_EQ(prediction.revision, 4);
  EXPECT_EQ(prediction.at_ns, 5);
  ASSERT_EQ(prediction.boxes.size(), 2U);
  EXPECT_EQ(prediction.boxes[0].box, (BoundingBox{1, 2, 3, 4}));
  EXPECT_EQ(prediction.boxes[0].score, 0.5F);
  EXPECT_EQ(prediction.boxes[1].category, 2);
  EXPECT_FALSE(prediction.boxes[1].box);
}

// some_event() as it was first written, byte for byte in hex: it is read for ever. Where that fails, the schema was
// changed other than by a new field at the end of a table.
constexpr std::string_view first_event =
    "14000000444c46450000000008000e0007000800080000000000000118000000000012002e0014001c000800070024000c00"
    "100012000000000000010401000098000000380000000c000000000000000000f323845bd718080000000000000000001a00"
    "2c000c0014001c00000024000600070000000000000008001a00000000000102240000000700000000000000080000000000"
    "000009000000000000009a9999999999b93f0e0000007b2261223a225c7530303030227d000000001a004800200028003000"
    "08003800060007000000400018001c001a000000000001020000c03f000000c00000404000008040440000002c0000000700"
    "000000000000080000000000000009000000000000009a9999999999b93f00000000000000000e0000007b2261223a225c75"
    "30303030227d0000070000005b5b312c325d5d0003000000616e6e00";

TEST(Events, KeepTheLayoutThatWasFrozen) {
  Bytes bytes;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t at = 0; at < first_event.size(); at += 2) {
    bytes.push_back(static_cast<std::byte>(16 * digit(first_event[at]) + digit(first_event[at + 1])));
  }
  EXPECT_EQ(encode(decode_label_event(bytes)), encode(some_event()));
}

TEST(Events, AreRefusedWhereTheyCannotBe) {
  EXPECT_EQ(error_of([&] { decode_prediction(encode(some_event())); }),
            "[events] a message is no prediction");
  EXPECT_EQ(error_of([&] { decode_label_event(encode(some_prediction())); }),
            "[events] a message is no label event");
  EXPECT_EQ(error_of([&] { decode_label_event({}); }), "[events] 0 bytes are no message of dlfs (DLFE)");
  EXPECT_EQ(error_of([&] { decode_label_event(Bytes(1 << 20)); }),
            "[events] a message has 1048576 bytes, and must have less than 1048576");
  LabelEvent event = some_event();
  event.before->box->y = NAN;
  EXPECT_EQ(error_of([&] { decode_label_event(encode(event)); }),
            "[events] a label event is damaged: its box has the number nan, which is not finite");
  event = some_event();
  event.after->area = INFINITY;
  EXPECT_EQ(error_of([&] { decode_label_event(encode(event)); }),
            "[events] a label event is damaged: its area is inf, which is not finite");
  event = some_event();
  event.action = static_cast<LabelAction>(4);
  EXPECT_EQ(error_of([&] { decode_label_event(encode(event)); }),
            "[events] a label event has the unknown action 4");
  event = some_event();
  event.after->origin = static_cast<Origin>(3);
  EXPECT_EQ(error_of([&] { decode_label_event(encode(event)); }),
            "[events] a label event is damaged: its origin has the unknown number 3");
  event.who = std::string(1 << 20, 'x');
  EXPECT_THROW(encode(event), FileError);
  ImagePrediction prediction = some_prediction();
  prediction.boxes[1].score = NAN;
  EXPECT_EQ(error_of([&] { decode_prediction(encode(prediction)); }),
            "[events] a prediction is damaged: its score is nan, which is not finite");
}

// Each ends in a record or a FileError; a sanitizer sees the rest.
template <typename Decode>
void damage(const Bytes& good, Decode decode) {
  const auto attempt = [&](std::span<const std::byte> bytes) {
    try {
      decode(bytes);
    } catch (const FileError&) {
    }
  };
  for (size_t size = 0; size < good.size(); ++size)
    attempt(Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(size)));
  for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
    Bytes changed = good;
    changed[bit / 8] ^= std::byte(1 << (bit % 8));
    attempt(changed);
  }
  for (size_t at = 0; at + 4 <= good.size(); ++at) {
    for (const uint32_t value : {0U, 1U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU}) {
      Bytes changed = good;
      std::memcpy(changed.data() + at, &value, sizeof value);
      attempt(changed);
    }
  }
}

TEST(Events, OfEveryCutAndChangeAreRecordsOrSentences) {
  damage(encode(some_event()), [](auto bytes) { decode_label_event(bytes); });
  damage(encode(some_prediction()), [](auto bytes) { decode_prediction(bytes); });
}

}  // namespace
}  // namespace dlfs
