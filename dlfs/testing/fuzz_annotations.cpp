#include <algorithm>
#include <sstream>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/voc.h"
#include "dlfs/data/formats/yolo.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {

static void check_path(const std::string& path) { DLFS_CHECK(relative_path(path) == path, path); }

// What is taken refers to itself only, and its texts are parts of the input.
void fuzz_coco(std::span<const std::byte> input) {
  const std::string_view text = text_of(input);
  const CocoFile file = read_coco(text, "input");
  DLFS_CHECK(file.starts.size() == file.images.size() + 1 && file.starts.back() == file.annotations.size(),
             "");
  for (const uint32_t index : file.order) DLFS_CHECK(index < file.annotations.size(), index);
  for (const ImageRecord& image : file.images) check_path(image.path);
  for (const CocoAnnotation& one : file.annotations) {
    DLFS_CHECK(one.category < file.categories.size(), one.category);
    DLFS_CHECK(one.segmentation.empty() ||
                   (one.segmentation.data() >= text.data() &&
                    one.segmentation.data() + one.segmentation.size() <= text.data() + text.size()),
               "");
  }
}

void fuzz_voc(std::span<const std::byte> input) {
  const VocFile file = parse_voc(text_of(input), "input");
  if (!file.path.empty()) check_path(file.path);
  for (const VocObject& object : file.objects)
    DLFS_CHECK(object.box.width >= 0 && object.box.height >= 0, object.name);
}

// Up to the first empty line names, as in data.yaml; then boxes.
void fuzz_yolo(std::span<const std::byte> input) {
  const std::string_view text = text_of(input);
  const size_t end = std::min(text.find("\n\n"), text.size());
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text.substr(0, end))};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  const size_t classes = parse_yaml_names(lines, "input").size();
  for (const YoloBox& one : parse_yolo(text.substr(end), "input", {.classes = classes, .size = {640, 480}}))
    DLFS_CHECK(one.index < classes && one.box.width >= 0 && one.box.height >= 0, one.index);
}

}  // namespace dlfs::testing
