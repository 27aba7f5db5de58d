#include <algorithm>
#include <array>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/yolo.h"

namespace dlfs {
namespace {

class Lines {
 public:
  Lines(std::string_view text, const std::string& source, const YoloLimits& limits)
      : source_(source), limits_(limits) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      read(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  std::vector<YoloBox> found;

 private:
  [[noreturn]] void fail(const std::string& fact) const {
    throw FileError("yolo", concat(source_, ":", line_, ": ", fact));
  }

  void read(std::string_view line) {
    std::vector<std::string_view> words;
    constexpr std::string_view space = " \t\r";
    while (true) {
      line.remove_prefix(std::min(line.find_first_not_of(space), line.size()));
      if (line.empty()) break;
      const size_t end = std::min(line.find_first_of(space), line.size());
      words.push_back(line.substr(0, end));
      line.remove_prefix(end);
    }
    if (words.empty()) return;
    if (words.size() != 5)
      fail(concat("has ", words.size(), " numbers, but a box has 5: class, centre x and y, width, height"));
    if (limits_.size.width == 0) fail("is of an image whose size cannot be read");
    const size_t index = class_index(words[0]);
    found.push_back({index, box({number(words[1]), number(words[2]), number(words[3]), number(words[4])})});
  }

  size_t class_index(std::string_view word) const {
    const std::optional<size_t> index = parse_number<size_t>(word);
    if (!index)
      fail(concat("has the class ", cut(std::string(word), 40), ", but must begin with a whole number"));
    if (*index >= limits_.classes)
      fail(concat("has the class ", *index, ", but there are ", limits_.classes, ", from 0"));
    return *index;
  }

  double number(std::string_view word) const {
    const std::optional<double> value = parse_number<double>(word);
    if (!value || !std::isfinite(*value)) fail(concat(cut(std::string(word), 40), " is no number"));
    if (std::abs(*value) > 10)
      fail(concat(cut(std::string(word), 40), " is no part of the image's size: these go from 0 to 1"));
    return *value;
  }

  BoundingBox box(const std::array<double, 4>& parts) const {
    const double width = parts[2] * limits_.size.width, height = parts[3] * limits_.size.height;
    if (width < 0 || height < 0) fail(concat("has a box of ", width, " x ", height, " pixels"));
    // What rounding leaves of a box that begins at the border.
    const auto edge = [](double value) { return std::abs(value) < 1e-9 ? 0.0F : static_cast<float>(value); };
    return {.x = edge(parts[0] * limits_.size.width - width / 2),
            .y = edge(parts[1] * limits_.size.height - height / 2),
            .width = static_cast<float>(width),
            .height = static_cast<float>(height)};
  }

  const std::string& source_;
  YoloLimits limits_;
  int64_t line_ = 0;
};

}  // namespace

std::vector<YoloBox> parse_yolo(std::string_view text, const std::string& source, const YoloLimits& limits) {
  return Lines(without_mark(text), source, limits).found;
}

}  // namespace dlfs
