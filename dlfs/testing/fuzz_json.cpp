#include <algorithm>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/json_cursor.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {
namespace {

void write(JsonWriter& json, const Json& from) {
  if (const auto* text = from.string())
    json.value(*text);
  else if (const auto whole = from.integer())
    json.value(*whole);
  else if (const auto number = from.number())
    json.value(*number);
  else if (const auto truth = from.boolean())
    json.value(*truth);
  else if (from.kind() == std::string_view("array")) {
    json.array();
    for (const Json& item : from.items()) write(json, item);
    json.close();
  } else if (from.kind() == std::string_view("object")) {
    json.object();
    for (const auto& [name, value] : from.members()) write(json.key(name), value);
    json.close();
  } else
    json.value(nullptr);
}

bool same(const Json& a, const Json& b) {
  const auto same_member = [](const Json::Member& x, const Json::Member& y) {
    return x.name == y.name && same(x.value, y.value);
  };
  return a.kind() == std::string_view(b.kind()) && a.number() == b.number() && a.boolean() == b.boolean() &&
         (a.string() == nullptr || *a.string() == *b.string()) &&
         std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), same) &&
         std::equal(a.members().begin(), a.members().end(), b.members().begin(), b.members().end(),
                    same_member);
}

bool has_long_number(std::string_view text) {
  size_t digits = 0;
  return std::any_of(text.begin(), text.end(), [&](char c) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    return digits > 18;
  });
}

}  // namespace

// What is read can be written, and is read from that as the same. The cursor takes what the tree takes; what it takes
// beyond are whole numbers of more than 64 bits, and more depth.
void fuzz_json(std::span<const std::byte> input) {
  const std::string_view text(reinterpret_cast<const char*>(input.data()), input.size());
  std::string refusal;
  try {
    const Json json = Json::parse(text, "input");
    JsonWriter writer;
    write(writer, json);
    try {
      DLFS_CHECK(same(json, Json::parse(writer.text(), "written")), writer.text());
    } catch (const FileError& error) {
      throw InternalError("fuzz", concat("what was written is not read: ", error.what()));
    }
  } catch (const FileError& error) {
    refusal = error.what();
  }
  std::string cursor_refusal;
  try {
    JsonCursor cursor("cursor", "input", text);
    cursor.skip();
    cursor.end();
  } catch (const FileError& error) {
    cursor_refusal = error.what();
  }
  const bool deep = refusal.find("nested deeper") != std::string::npos;
  if (!deep && (refusal.empty() || !has_long_number(text)))
    DLFS_CHECK(refusal.empty() == cursor_refusal.empty(), refusal, " against ", cursor_refusal);
}

}  // namespace dlfs::testing
