#include "dlfs/base/json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

void append_escaped(std::string& out, char character) {
  constexpr std::string_view hex = "0123456789abcdef";
  switch (character) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out.append("\\u00").append({hex[character >> 4 & 15], hex[character & 15]});
  }
}

template <typename Number>
std::string shortest(Number value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer{};
  char *const begin = buffer.data(), *const end = begin + buffer.size();
  if (std::abs(value) < Number{1e18}) return {begin, std::to_chars(begin, end, value).ptr};
  // With an exponent: digits alone would be a whole number, and of these nobody reads more than 64 bits.
  return {begin, std::to_chars(begin, end, value, std::chars_format::scientific).ptr};
}

[[noreturn]] void fail(const std::string& source, const std::string& fact) {
  throw FileError("json", source + ": " + fact);
}

void refuse_double_names(const Json::Members& members, const std::string& source) {
  std::vector<std::string_view> names;
  for (const Json::Member& member : members) names.emplace_back(member.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail(source, concat("an object has \"", *twice, "\" twice"));
}

Json convert(const simdjson::dom::element& element, const std::string& source) {
  using simdjson::dom::element_type;
  switch (element.type()) {
    case element_type::NULL_VALUE:
      return {nullptr};
    case element_type::BOOL:
      return {bool{element}};
    case element_type::INT64:
      return {int64_t{element}};
    case element_type::UINT64:
      return {static_cast<double>(uint64_t{element})};  // 2^63 and above
    case element_type::DOUBLE:
      return {double{element}};
    case element_type::STRING:
      return {std::string(std::string_view(element))};
    case element_type::ARRAY: {
      Json::Items items;
      for (const simdjson::dom::element item : simdjson::dom::array(element))
        items.push_back(convert(item, source));
      return {std::move(items)};
    }
    case element_type::OBJECT: {
      Json::Members members;
      for (const auto& [name, value] : simdjson::dom::object(element)) {
        members.push_back({std::string(name), convert(value, source)});
      }
      refuse_double_names(members, source);
      return {std::move(members)};
    }
  }
  fail(source, "holds a value of an unknown kind");
}

}  // namespace

void JsonWriter::comma() {
  if (!text_.empty() && std::string_view("{[:").find(text_.back()) == std::string_view::npos) text_ += ',';
}

JsonWriter& JsonWriter::literal(std::string_view text) {
  comma();
  text_ += text;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  comma();
  text_ += bracket;
  open_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::close() {
  DLFS_CHECK(!open_.empty(), "nothing is open after ", text_);
  text_ += open_.back() == '{' ? '}' : ']';
  open_.pop_back();
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  DLFS_CHECK(!open_.empty() && open_.back() == '{', "\"", name, "\" is in no object");
  string(name);
  text_ += ':';
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
  comma();
  text_ += '"';
  while (!value.empty()) {
    const size_t length = character_length(value);
    const unsigned char first = static_cast<unsigned char>(value.front());
    if (length == 0)
      text_ += "\xEF\xBF\xBD";
    else if (first < 0x20 || first == '"' || first == '\\')
      append_escaped(text_, value.front());
    else
      text_ += value.substr(0, length);
    value.remove_prefix(std::max<size_t>(length, 1));
  }
  text_ += '"';
  return *this;
}

JsonWriter& JsonWriter::number(float value) { return literal(shortest(value)); }
JsonWriter& JsonWriter::number(double value) { return literal(shortest(value)); }

const std::string& JsonWriter::text() const {
  DLFS_CHECK(open_.empty(), "still open: ", open_);
  return text_;
}

Json Json::parse(std::string_view text, const std::string& source, JsonLimits limits) {
  if (text.size() > limits.max_bytes)
    fail(source, concat("has ", text.size(), " bytes of JSON, and at most ", limits.max_bytes, " are read"));
  // simdjson passes it in newer versions, and refused it in older ones: the same texts are read everywhere.
  if (text.starts_with("\xEF\xBB\xBF")) fail(source, "is no JSON: it begins with a byte order mark");
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  simdjson::error_code error = parser.allocate(std::max<size_t>(text.size(), 64), limits.max_depth + 1);
  if (error == simdjson::SUCCESS) error = parser.parse(text.data(), text.size()).get(root);
  if (error == simdjson::DEPTH_ERROR)
    fail(source, concat("its JSON is nested deeper than ", limits.max_depth, " levels"));
  if (error != simdjson::SUCCESS) fail(source, concat("is no JSON: ", simdjson::error_message(error)));
  return convert(root, source);
}

const char* Json::kind() const {
  constexpr std::array names = {"null", "bool", "number", "number", "string", "array", "object"};
  return names[value.index()];
}

std::optional<bool> Json::boolean() const {
  const bool* found = std::get_if<bool>(&value);
  return found ? std::optional(*found) : std::nullopt;
}

std::optional<int64_t> Json::integer() const {
  const int64_t* found = std::get_if<int64_t>(&value);
  return found ? std::optional(*found) : std::nullopt;
}

std::optional<double> Json::number() const {
  if (const double* found = std::get_if<double>(&value)) return *found;
  if (const int64_t* found = std::get_if<int64_t>(&value)) return static_cast<double>(*found);
  return std::nullopt;
}

const std::string* Json::string() const { return std::get_if<std::string>(&value); }

const Json::Items& Json::items() const {
  static const Items none;
  const Items* found = std::get_if<Items>(&value);
  return found ? *found : none;
}

const Json::Members& Json::members() const {
  static const Members none;
  const Members* found = std::get_if<Members>(&value);
  return found ? *found : none;
}

const Json* Json::find(std::string_view name) const {
  for (const Member& member : members()) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

}  // namespace dlfs
