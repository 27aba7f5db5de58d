#include "dlfs/base/json.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>

#include "dlfs/testing/error.h"
#include "dlfs/testing/json_texts.h"

namespace dlfs {
namespace {

using testing::error_of;

template <typename Value>
std::string written(const Value& value) {
  return JsonWriter().value(value).text();
}

TEST(JsonWriter, NestsObjectsAndArrays) {
  JsonWriter json;
  json.object()
      .field("epoch", 3)
      .field("done", false)
      .key("losses")
      .array()
      .value(0.5)
      .value(nullptr)
      .close();
  json.key("empty").object().close().field("name", std::string("lenet")).close();
  EXPECT_EQ(json.text(), R"({"epoch":3,"done":false,"losses":[0.5,null],"empty":{},"name":"lenet"})");
}

TEST(JsonWriter, EscapesEverythingThatAStringMayHold) {
  EXPECT_EQ(written("a\"b\\c\n\t\r\x01"), R"("a\"b\\c\n\t\u000d\u0001")");
  EXPECT_EQ(written(std::string("\0", 1)), R"("\u0000")");
  EXPECT_EQ(written("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98"),
            "\"gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x90\x98\"");
}

TEST(JsonWriter, ReplacesWhatIsNotUtf8) {
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(written("a\xFF"
                    "b"),
            "\"a" + bad + "b\"");
  EXPECT_EQ(written("\xC3"), "\"" + bad + "\"");                                // cut short
  EXPECT_EQ(written("\xC0\xAF"), "\"" + bad + bad + "\"");                      // overlong
  EXPECT_EQ(written("\xED\xA0\x80"), "\"" + bad + bad + bad + "\"");            // a surrogate
  EXPECT_EQ(written("\xF4\x90\x80\x80"), "\"" + bad + bad + bad + bad + "\"");  // above U+10FFFF
}

TEST(JsonWriter, WhateverItWritesIsRead) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), '\x80', '\x80'};
      ASSERT_NE(Json::parse(written(text), "test").string(), nullptr) << first << " " << second;
    }
  }
}

TEST(JsonWriter, WritesNumbersThatReadBackTheSame) {
  EXPECT_EQ(written(0.1F), "0.1");
  EXPECT_EQ(written(0.1), "0.1");
  EXPECT_EQ(written(1.0), "1");
  EXPECT_EQ(written(std::numeric_limits<int64_t>::min()), "-9223372036854775808");
  EXPECT_EQ(written(std::numeric_limits<double>::infinity()), "null");
  EXPECT_EQ(written(std::numeric_limits<float>::quiet_NaN()), "null");
  // from 2^64 on, digits without a point or an exponent are no number to who reads whole ones
  for (const double value : {1.0 / 3, 1e300, -5e-324, 0.9123, 123456789.123, 9007199254740993.0,
                             18446744073709551616.0, -9223372036854777856.0, 123456789012345678901.0}) {
    EXPECT_EQ(Json::parse(written(value), "test").number(), value);
  }
}

TEST(JsonWriter, ChecksThatItIsUsedRightly) {
  EXPECT_THROW(JsonWriter().array().text(), InternalError);
  EXPECT_THROW(JsonWriter().close(), InternalError);
  EXPECT_THROW(JsonWriter().array().key("a"), InternalError);
}

TEST(Json, GivesEachKindAndNothingElse) {
  const Json json = Json::parse(
      R"({"n": null, "b": true, "i": -7, "d": 2.5, "s": "x\u0000", "a": [1, 2], "o": {"k": 3}})", "test");
  EXPECT_STREQ(json.kind(), "object");
  ASSERT_EQ(json.members().size(), 7U);
  EXPECT_STREQ(json.find("n")->kind(), "null");
  EXPECT_EQ(json.find("b")->boolean(), true);
  EXPECT_EQ(json.find("i")->integer(), -7);
  EXPECT_EQ(json.find("i")->number(), -7.0);
  EXPECT_EQ(json.find("d")->number(), 2.5);
  EXPECT_EQ(json.find("d")->integer(), std::nullopt);
  EXPECT_EQ(*json.find("s")->string(), std::string("x\0", 2));
  EXPECT_EQ(json.find("a")->items()[1].integer(), 2);
  EXPECT_EQ(json.find("o")->find("k")->integer(), 3);
  EXPECT_EQ(json.find("none"), nullptr);
  EXPECT_EQ(json.find("a")->find("k"), nullptr);
  EXPECT_EQ(json.string(), nullptr);
  EXPECT_EQ(json.boolean(), std::nullopt);
  EXPECT_TRUE(json.items().empty());
}

TEST(Json, HasNoIntegerAbove63Bits) {
  EXPECT_EQ(Json::parse("9223372036854775807", "test").integer(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Json::parse("18446744073709551615", "test").integer(), std::nullopt);
  EXPECT_EQ(Json::parse("18446744073709551615", "test").number(), 18446744073709551616.0);
}

TEST(Json, TakesWhatIsJson) {
  for (const std::string_view text : testing::json_texts)
    EXPECT_EQ(error_of([&] { Json::parse(text, "a.json"); }), "no error") << text;
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const std::string_view text : testing::no_json_texts)
    EXPECT_EQ(error_of([&] { Json::parse(text, "a.json"); }).find("[json] a.json: "), 0U) << text;
  EXPECT_EQ(
      error_of([] { Json::parse("99999999999999999999999", "a.json"); }).find("[json] a.json: is no JSON: "),
      0U);
  EXPECT_EQ(error_of([] { Json::parse(R"([{"a": 1, "b": 2, "a": 3}])", "a.json"); }),
            "[json] a.json: an object has \"a\" twice");
}

TEST(Json, KeepsToItsLimits) {
  const auto nested = [](int depth) { return std::string(depth, '[') + "1" + std::string(depth, ']'); };
  EXPECT_STREQ(Json::parse(nested(32), "test").kind(), "array");
  EXPECT_EQ(error_of([&] { Json::parse(nested(33), "a.json"); }),
            "[json] a.json: its JSON is nested deeper than 32 levels");
  EXPECT_EQ(error_of([&] { Json::parse(nested(1000000), "a.json"); }),
            "[json] a.json: its JSON is nested deeper than 32 levels");
  EXPECT_EQ(error_of([] { Json::parse("12345", "a.json", {.max_bytes = 4}); }),
            "[json] a.json: has 5 bytes of JSON, and at most 4 are read");
}

}  // namespace
}  // namespace dlfs
