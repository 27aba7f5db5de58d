#include "dlfs/data/formats/json_cursor.h"

#include <gtest/gtest.h>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/base/random.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/json_texts.h"

namespace dlfs {
namespace {

using testing::error_of;

// What is wrong with the text; "" where it is JSON.
std::string fault_of(const std::string& text) {
  try {
    JsonCursor cursor("test", "f.json", text);
    cursor.skip();
    cursor.end();
    return "";
  } catch (const FileError& error) {
    return error.what();
  }
}

// Whether an instances file may say it of an image.
bool is_taken_by_coco(const std::string& text) {
  return error_of([&] {
           read_coco(concat(R"({"annotations":[],"categories":[],"images":[{"id":1,"x":)", text,
                            R"(,"file_name":"a"}]})"),
                     "f.json");
         }) == "no error";
}

TEST(JsonCursor, TakesWhatIsJson) {
  for (const std::string_view text : testing::json_texts) {
    EXPECT_EQ(fault_of(std::string(text)), "") << text;
    EXPECT_TRUE(is_taken_by_coco(std::string(text))) << text;
  }
  EXPECT_EQ(fault_of("12345678901234567890123456789012"), "");
}

TEST(JsonCursor, RefusesWhatIsNone) {
  for (const std::string_view text : testing::no_json_texts) {
    EXPECT_NE(fault_of(std::string(text)), "") << text;
    EXPECT_FALSE(is_taken_by_coco(std::string(text))) << text;
  }
}

TEST(JsonCursor, SaysWhereAndWhat) {
  EXPECT_EQ(fault_of("[1, 2, tru]"),
            "[test] f.json: [2]: is no JSON: \"tru]\" stands at byte 7, where a value is expected");
  EXPECT_EQ(fault_of(R"({"a": [{"b": 1}, {"b": }]})"),
            "[test] f.json: a[1]: is no JSON: \"}]}\" stands at byte 23, where a value is expected");
  EXPECT_EQ(fault_of("{\"a\":1"),
            "[test] f.json: is no JSON: the text ends at byte 6, where a comma or } is expected");
  EXPECT_EQ(fault_of(R"({"a":1,"b":2,"a":3})"), "[test] f.json: an object has \"a\" twice");
  EXPECT_EQ(fault_of("\"\xFF\""), "[test] f.json: is no JSON: it is not UTF-8 throughout");
}

TEST(JsonCursor, DoesNotNestWithoutEnd) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(fault_of(nested(64)), "");
  EXPECT_EQ(fault_of(nested(65)), "[test] f.json: [0]: its JSON is nested deeper than 64 levels");
  EXPECT_NE(fault_of(std::string(100'000, '[')), "");
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  EXPECT_NE(fault_of(objects), "");
}

TEST(JsonCursor, FindsNamesThatAreThereTwiceAmongMany) {
  std::string text = "{";
  for (int i = 0; i < 100'000; ++i) text += concat(i == 0 ? "" : ",", "\"", i, "\":0");
  EXPECT_EQ(fault_of(text + "}"), "");
  EXPECT_EQ(fault_of(text + ",\"777\":0}"), "[test] f.json: an object has \"777\" twice");
}

TEST(JsonCursor, NumbersAreExactOrRefused) {
  const auto integer = [](const std::string& text) { return JsonCursor("test", "f", text).integer("id"); };
  EXPECT_EQ(integer("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(integer("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(integer("9007199254740993"), 9007199254740993);  // which no double holds
  for (const char* text : {"9223372036854775808", "1.0", "1e3", "\"1\"", "true", "null", "[1]"})
    EXPECT_EQ(error_of([&] { integer(text); }),
              concat("[test] f: id is ", text, ", but must be a whole number of 64 bits"));
  const auto number = [](const std::string& text) { return JsonCursor("test", "f", text).number("area"); };
  EXPECT_EQ(number("0.1"), 0.1);
  EXPECT_EQ(number("-5"), -5);
  EXPECT_EQ(number("1e-400"), 0);
  EXPECT_EQ(number("4.9406564584124654e-324"), 4.9406564584124654e-324);
  EXPECT_EQ(error_of([&] { number("1e400"); }), "[test] f: 1e400 is more than a double holds");
  EXPECT_EQ(error_of([&] { number("\"1\""); }), "[test] f: area is \"1\", but must be a number");
}

TEST(JsonCursor, TextsAreUnescaped) {
  const auto text = [](const std::string& json) { return JsonCursor("test", "f", json).string("name"); };
  EXPECT_EQ(text(R"("a\"\\\/\b\f\n\r\tz")"), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(text(R"("\u0041\u00e9\u20AC\ud83d\ude00")"), "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  EXPECT_EQ(error_of([&] { text("5"); }), "[test] f: name is 5, but must be a text in quotes");
}

std::string random_json(const Random& random, uint64_t& next, int depth) {
  switch (random.below(next++, depth > 0 ? 7 : 5)) {
    case 0:
      return std::to_string(static_cast<int>(random.below(next++, 2000)) - 1000);
    case 1:
      return concat(random.uniform(next++), "e-7");
    case 2:
      return R"("a\n\u00e9\\ü")";
    case 3:
      return "\"" + std::string(random.below(next++, 20), 'x') + "\"";
    case 4:
      return random.below(next++, 2) == 0 ? "null" : "true";
    default: {
      const bool object = random.below(next++, 2) == 0;
      std::string text = object ? "{" : "[";
      const uint32_t count = random.below(next++, 4);
      for (uint32_t i = 0; i < count; ++i)
        text += concat(i == 0 ? "" : ", ", object ? concat("\"n", i, "\": ") : "",
                       random_json(random, next, depth - 1));
      return text + (object ? "}" : "]");
    }
  }
}

// A changed text is JSON to the cursor just where it is to simdjson, save for the two rules of theirs that differ: whole
// numbers beyond 64 bits, and the depth.
void compare_with_simdjson(int count) {
  const Random random(key_of("json cursor"));
  const std::string alphabet = "{}[]\",:\\ue+-.019 tfn\n\x01\xC3\xFF/";
  uint64_t next = 0;
  int taken = 0;
  for (int i = 0; i < count; ++i) {
    std::string text = random_json(random, next, 4);
    for (uint32_t changes = random.below(next++, 3); changes > 0; --changes) {
      const uint32_t at = random.below(next++, static_cast<uint32_t>(text.size()) + 1),
                     kind = random.below(next++, 3);
      const char c = alphabet[random.below(next++, static_cast<uint32_t>(alphabet.size()))];
      if (kind == 0)
        text.insert(text.begin() + at, c);
      else if (at < text.size() && kind == 1)
        text[at] = c;
      else if (at < text.size())
        text.erase(text.begin() + at);
    }
    const bool json = error_of([&] { Json::parse(text, "f"); }) == "no error";
    EXPECT_EQ(fault_of(text).empty(), json) << text;
    taken += json ? 1 : 0;
  }
  EXPECT_GT(taken, count / 4);
  EXPECT_LT(taken, count * 9 / 10);
}

TEST(JsonCursor, AgreesWithSimdjson) { compare_with_simdjson(20'000); }
TEST(SlowJsonCursor, AgreesWithSimdjson) { compare_with_simdjson(2'000'000); }

}  // namespace
}  // namespace dlfs
