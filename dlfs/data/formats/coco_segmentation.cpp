#include "dlfs/data/formats/coco_file.h"

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

constexpr size_t longest = size_t{8} << 20;
constexpr int64_t largest_side = int64_t{1} << 24;  // so that no sum of runs leaves 64 bits

void read_polygons(JsonCursor& cursor) {
  cursor.array([&] {
    if (cursor.kind() != '[') cursor.fail("segmentation is no list of polygons, each [x, y, x, y, ...]");
    size_t count = 0;
    cursor.array([&] {
      cursor.skip_number();
      ++count;
    });
    if (count % 2 != 0)
      cursor.fail(concat("segmentation has a polygon of ", count, " numbers, which is odd"));
  });
}

// Adds runs up, none of them negative.
struct Runs {
  void add(int64_t run) {
    if (run < 0 || run > largest_side * largest_side || (sum += run) > largest_side * largest_side)
      cursor.fail(concat("segmentation has a run of ", run, " pixels"));
  }
  JsonCursor& cursor;
  int64_t sum = 0;
};

// The run lengths of pycocotools' text: each a signed number in digits of five bits, lowest first, the sixth bit saying
// that another follows; from the third on, what is added to the run before the last one.
void add_compressed(const std::string& text, Runs& runs) {
  int64_t before[2] = {0, 0};  // the last run but one, and the last
  size_t at = 0;
  for (size_t index = 0; at < text.size(); ++index) {
    int64_t value = 0;
    for (int shift = 0;; shift += 5) {
      const int digit = at < text.size() ? text[at++] - 48 : -1;
      if (digit < 0 || digit > 63 || shift > 50)
        runs.cursor.fail("segmentation has counts that are no run lengths");
      value |= int64_t{digit & 0x1F} << shift;
      if ((digit & 0x20) != 0) continue;
      if ((digit & 0x10) != 0) value -= int64_t{1} << (shift + 5);
      break;
    }
    if (index > 2) value += before[0];
    runs.add(value);
    before[0] = before[1];
    before[1] = value;
  }
}

void read_runs(JsonCursor& cursor) {
  Runs runs{cursor};
  bool counted = false;
  std::vector<int64_t> size;
  cursor.object([&](std::string_view name) {
    if (name == "counts") {
      counted = true;
      if (cursor.kind() == '"')
        add_compressed(cursor.string("counts"), runs);
      else
        cursor.array([&] { runs.add(cursor.integer("a count")); });
    } else if (name == "size") {
      cursor.array([&] { size.push_back(cursor.integer("a size")); });
    } else {
      cursor.skip();
    }
  });
  const auto is_side = [](int64_t side) { return side > 0 && side <= largest_side; };
  if (!counted || size.size() != 2 || !is_side(size[0]) || !is_side(size[1]))
    cursor.fail("segmentation has no counts, or no size of two numbers");
  if (runs.sum != size[0] * size[1])
    cursor.fail(concat("segmentation has runs of ", runs.sum, " pixels, but its size [", size[0], ", ",
                       size[1], "] has ", size[0] * size[1]));
}

}  // namespace

std::string_view read_segmentation(JsonCursor& cursor) {
  if (cursor.null()) return {};
  const std::string_view text = cursor.passed([&] {
    if (cursor.kind() == '[')
      read_polygons(cursor);
    else if (cursor.kind() == '{')
      read_runs(cursor);
    else
      cursor.fail("segmentation is neither a list of polygons nor run lengths");
  });
  if (text.size() > longest)
    cursor.fail(concat("segmentation has ", text.size(), " bytes, and at most ", longest, " are kept"));
  return text;
}

}  // namespace dlfs
