// Small helpers that make text: concat for messages, thousands separators and byte counts for people. Any
// thread.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace dlfs {

// "a", 3, 0.5 -> "a30.5"
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

// The number that all of `text` is, in the C locale; nothing where it is none, or more than the type holds.
template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end ? std::optional(number) : std::nullopt;
}

std::vector<std::string> split(const std::string& text, char at);  // "a,,b" -> "a", "", "b"
std::string with_separators(int64_t value);                        // 9123 -> "9,123"
std::string human_bytes(size_t bytes);                             // 1536 -> "1.5 KiB"
std::string fixed(double value, int digits);                       // 0.9123, 2 -> "0.91"
std::string join(const std::vector<std::string>& parts, const std::string& between);
template <typename Number>
std::string join(const std::vector<Number>& numbers, const std::string& between) {
  std::vector<std::string> parts;
  for (const Number number : numbers) parts.push_back(concat(number));
  return join(parts, between);
}
// The bytes of the UTF-8 character that `text` begins with, or 0 where that is none.
size_t character_length(std::string_view text);
int width(const std::string& text);                     // in columns of a terminal: one a code point of UTF-8
std::string cut(const std::string& text, int at_most);  // "cudnn engine 11", 10 -> "cudnn eng…"
// Rows of words as aligned columns, two spaces apart; the first row is their heading. Columns of numbers end at one
// edge, others begin at one. Each row ends a line; one that is wider than `at_most` is cut.
std::string columns(const std::vector<std::vector<std::string>>& rows, int at_most = 1000);
int edit_distance(const std::string& a, const std::string& b);  // Levenshtein: for "did you mean"

// The candidate nearest to `word`, or "" where none is near enough to be a slip of the finger.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace dlfs
