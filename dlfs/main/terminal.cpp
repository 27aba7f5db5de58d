#include "dlfs/main/terminal.h"

#include <unistd.h>

#include <cmath>
#include <sstream>

#include "dlfs/base/text.h"

namespace dlfs {
namespace {

// The bytes of the character of UTF-8 that begins there, 0 where none does or it would command the terminal.
size_t length_at(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(at);
  if (first < 0x80) return first < 0x20 || first == 0x7F ? 0 : 1;
  const size_t length = first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  const unsigned second = byte(at + 1);
  const bool control = first == 0xC2 && second < 0xA0,  // U+0080 to U+009F
      too_long = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90),
             no_character = (first == 0xED && second > 0x9F) || (first == 0xF4 && second > 0x8F);
  return control || too_long || no_character ? 0 : length;
}

}  // namespace

std::string printable(const std::string& text) {
  constexpr const char* digits = "0123456789ABCDEF";
  std::string shown;
  for (size_t at = 0; at < text.size();) {
    if (const size_t length = length_at(text, at)) {
      shown += text.substr(at, length);
      at += length;
    } else {
      const auto byte = static_cast<unsigned char>(text[at++]);
      shown += {'\\', 'x', digits[byte / 16], digits[byte % 16]};
    }
  }
  return shown;
}

std::string wrapped(const std::string& text, int columns) {
  std::istringstream words(text);
  std::string all;
  int filled = 0;
  for (std::string word; std::getline(words, word, ' ');) {
    const int more = width(word);
    const bool fits = all.empty() || filled + 1 + more <= columns;
    if (!all.empty()) all += fits ? ' ' : '\n';
    filled = all.empty() || !fits ? more : filled + 1 + more;
    all += word;
  }
  return all;
}

std::string bar(double part, int columns) {
  const long halves = std::lround(2 * columns * part);
  std::string text;
  for (long i = 0; i < halves / 2; ++i) text += "━";
  return halves % 2 == 1 ? text + "╸" : text;
}

std::string for_stream(int number, const std::string& text) {
  const std::string shown = printable(text);
  return ::isatty(number) != 0 ? wrapped(shown, 80) : shown;
}

}  // namespace dlfs
