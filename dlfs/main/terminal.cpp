#include "dlfs/main/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "dlfs/base/text.h"

namespace dlfs {

std::string printable(const std::string& text) {
  constexpr const char* digits = "0123456789ABCDEF";
  std::string shown;
  for (std::string_view left = text; !left.empty();) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(left[at]); };
    size_t length = character_length(left);
    const bool is_c1 = length == 2 && byte(0) == 0xC2 && byte(1) < 0xA0;  // U+0080 to U+009F
    if (byte(0) < 0x20 || byte(0) == 0x7F || is_c1) length = 0;
    if (length == 0)
      shown += {'\\', 'x', digits[byte(0) / 16], digits[byte(0) % 16]};
    else
      shown += left.substr(0, length);
    left.remove_prefix(std::max<size_t>(length, 1));
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
