// JSON in and out. JsonWriter makes one line of valid JSON, whatever strings and numbers it is given; Json is
// what was read: a plain tree, which its readers ask by type and judge in their own words. A text is believed
// only within limits of size and depth, and no object may hold one name twice. Any thread, one object each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace dlfs {

// JsonWriter().object().field("epoch", 3).key("losses").array().value(0.5).close().close().text()
class JsonWriter {
 public:
  JsonWriter& object() { return open('{'); }
  JsonWriter& array() { return open('['); }
  JsonWriter& close();  // the innermost object or array
  JsonWriter& key(std::string_view name);

  // Text (what is not UTF-8 becomes U+FFFD), bool, nullptr, integers, and float or double with the fewest
  // digits that read back the same; NaN and infinities, which JSON lacks, become null. Arrays and vectors of these.
  template <typename Value>
  JsonWriter& value(const Value& value) {
    if constexpr (std::is_same_v<Value, bool>)
      return literal(value ? "true" : "false");
    else if constexpr (std::is_same_v<Value, std::nullptr_t>)
      return literal("null");
    else if constexpr (std::is_integral_v<Value>)
      return literal(std::to_string(value));
    else if constexpr (std::is_floating_point_v<Value>)
      return number(value);
    else if constexpr (std::is_convertible_v<Value, std::string_view>)
      return string(value);
    else
      return items(value);
  }
  template <typename Value>
  JsonWriter& field(std::string_view name, const Value& value) {
    return key(name).value(value);
  }

  const std::string& text() const;  // requires: everything that was opened is closed

 private:
  JsonWriter& open(char bracket);
  JsonWriter& literal(std::string_view text);
  JsonWriter& number(float value);
  JsonWriter& number(double value);
  JsonWriter& string(std::string_view value);
  template <typename Values>
  JsonWriter& items(const Values& values) {
    array();
    for (const auto& one : values) value(one);
    return close();
  }
  void comma();

  std::string text_, open_;
};

struct JsonLimits {
  size_t max_bytes = size_t{16} << 20;
  size_t max_depth = 32;  // of objects and arrays within each other; an empty innermost one is free
};

class Json {
 public:
  struct Member;
  using Items = std::vector<Json>;
  using Members = std::vector<Member>;

  // A FileError starts with `source`, the name of the file or request that the text is from.
  static Json parse(std::string_view text, const std::string& source, JsonLimits limits = {});

  // "null", "bool", "number", "string", "array" or "object": for tests and for messages
  const char* kind() const;

  std::optional<bool> boolean() const;
  std::optional<int64_t> integer() const;  // of numbers written without a point or an exponent
  std::optional<double> number() const;
  const std::string* string() const;              // null where it is none
  const Items& items() const;                     // empty where it is no array
  const Members& members() const;                 // in their order; empty where it is no object
  const Json* find(std::string_view name) const;  // null where it is no object or has no such member

  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Items, Members> value;
};

struct Json::Member {
  std::string name;
  Json value;
};

}  // namespace dlfs
