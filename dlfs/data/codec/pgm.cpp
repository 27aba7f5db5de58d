#include "dlfs/data/codec/pgm.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/pixel.h"

namespace dlfs {
namespace {

class Reader {
 public:
  Reader(std::span<const std::byte> file, const std::string& source)
      : text_(text_of(file)), source_(source) {}

  [[noreturn]] void refuse(const std::string& fact) const { throw FileError("pgm", source_ + ": " + fact); }

  // The next number in decimal digits, after white space and comments; `index`: which of those, from 1.
  int number(const char* name, int most, size_t index = 0) {
    const auto what = [&] { return index > 0 ? concat(name, " ", index) : name; };
    skip();
    const size_t start = at_;
    int64_t value = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
      value = 10 * value + (text_[at_] - '0');
      if (value > most) refuse(concat(what(), " is above ", most));
    }
    if (at_ == start) refuse(at_ == text_.size() ? "ends before " + what() : what() + " is no number");
    return static_cast<int>(value);
  }

  void skip() {
    while (at_ < text_.size() && (is_space(text_[at_]) || text_[at_] == '#'))
      at_ = text_[at_] == '#' ? std::min(text_.find('\n', at_), text_.size()) : at_ + 1;
  }

  // requires: a space is next, or a comment where one may stand.
  void expect_space(const char* after, bool or_comment) const {
    if (at_ < text_.size() && !is_space(text_[at_]) && !(or_comment && text_[at_] == '#'))
      refuse(concat("no white space follows ", after));
  }
  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::string_view take(size_t count) { return text_.substr(std::exchange(at_, at_ + count), count); }
  size_t left() const { return text_.size() - at_; }

 private:
  static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  std::string_view text_;
  const std::string& source_;
  size_t at_ = 0;
};

std::string bytes_text(size_t count) { return concat(count, count == 1 ? " byte" : " bytes"); }

// What stands before the maximum.
struct Start {
  bool as_text = false;
  Size size;
};

Start read_start(Reader& reader) {
  constexpr int largest = std::numeric_limits<int>::max();
  const bool as_text = reader.take(2) == "P2";
  reader.expect_space(as_text ? "P2" : "P5", true);
  const int width = reader.number("its width", largest), height = reader.number("its height", largest);
  return {.as_text = as_text, .size = {width, height}};
}

}  // namespace

ImageHeader inspect_pgm(std::span<const std::byte> file, const std::string& source) {
  Reader reader(file, source);
  return {.codec = Codec::pgm, .size = read_start(reader).size, .channels = 1};
}

void decode_pgm(std::span<const std::byte> file, const std::string& source, int channels, Image& into) {
  Reader reader(file, source);
  const auto [as_text, size] = read_start(reader);
  const int maximum = reader.number("its maximum", 65535);
  if (maximum < 1) reader.refuse("its maximum is 0, but must be 1 to 65535");

  const size_t pixels = static_cast<size_t>(size.width) * size.height;
  const size_t sample_bytes = maximum > 255 ? 2 : 1;
  // One white space ends the header; in text each sample has one before it.
  const size_t fewest = as_text ? 2 * pixels : 1 + sample_bytes * pixels;
  if (reader.left() < fewest)
    reader.refuse(concat("has ", bytes_text(reader.left()), " for ", size.width, " x ", size.height,
                         " pixels, which take ", fewest, as_text ? " or more" : ""));
  into.size = size;
  into.channels = channels;
  into.pixels.resize(pixels * channels);
  if (!as_text) {
    reader.expect_space("its maximum", false);
    reader.take(1);
  }
  for (size_t i = 0; i < pixels; ++i) {
    int value = 0;
    if (as_text)
      value = reader.number("sample", maximum, i + 1);
    else
      for (const char byte : reader.take(sample_bytes)) value = 256 * value + static_cast<uint8_t>(byte);
    if (value > maximum) reader.refuse(concat("sample ", i + 1, " is above ", maximum));
    const auto gray = static_cast<uint8_t>((255 * value + maximum / 2) / maximum);
    put_pixel({gray, gray, gray}, channels, &into.pixels[i * channels]);
  }
  as_text ? reader.skip() : reader.skip_space();
  if (reader.left() > 0)
    reader.refuse(concat("goes on for ", bytes_text(reader.left()), " after its last pixel"));
}

}  // namespace dlfs
