#include "dlfs/data/review/findings.h"

namespace dlfs {

std::string to_string(Level level) {
  return level == Level::error ? "error" : level == Level::warning ? "warning" : "note";
}

const std::vector<FaultKind>& fault_kinds() {
  using enum Level;
  static const std::vector<FaultKind> kinds = {
      {Fault::missing, error, "missing", "files that are not there"},
      {Fault::unreadable, error, "unreadable", "files that cannot be read"},
      {Fault::truncated, error, "truncated", "files that end too early"},
      {Fault::undecodable, error, "undecodable", "files that are no image, or a broken one"},
      {Fault::wrong_size, error, "wrong_size", "images of another size than the store says"},
      {Fault::outside, error, "outside", "boxes that lie outside of their image"},
      {Fault::leaked, error, "leaked", "files that are in two splits"},
      {Fault::changed, warning, "changed", "files that changed since the store took their hash"},
      {Fault::copied, warning, "copied", "files that are there twice"},
      {Fault::leaked_alike, warning, "leaked_alike", "images that look like one of another split"},
      {Fault::crossing, warning, "crossing", "boxes that cross the border of their image"},
      {Fault::degenerate, warning, "degenerate", "boxes no wider or higher than a pixel"},
      {Fault::doubled, warning, "doubled", "boxes that are drawn twice (one class, IoU above 0.95)"},
      {Fault::relabelled, warning, "relabelled", "images with several labels"},
      {Fault::untrained, warning, "untrained", "classes in val or test that train does not show"},
      {Fault::alike, note, "alike", "images that look like another"},
      {Fault::rotated, note, "rotated", "images that are turned upright by their EXIF orientation"},
      {Fault::cmyk, note, "cmyk", "JPEG files in CMYK"},
      {Fault::gray, note, "gray", "gray images in a set of colour"},
      {Fault::blank, note, "blank", "images of one colour"},
      {Fault::tiny, note, "tiny", "boxes of fewer than 16 pixels"},
      {Fault::unlabelled, note, "unlabelled", "images without labels"},
      {Fault::unused, note, "unused", "classes without labels"},
      {Fault::learned, note, "learned", "images whose size the store did not know, and now does"},
  };
  return kinds;
}

void Findings::add(Fault fault, Finding finding) {
  const std::scoped_lock lock(mutex_);
  Group& group = groups_[static_cast<size_t>(fault)];
  ++group.count;
  const std::pair key{finding.image, finding.annotation};
  if (group.first.size() >= listed_ && (listed_ == 0 || std::prev(group.first.end())->first <= key)) return;
  group.first.emplace(key, std::move(finding));
  if (group.first.size() > listed_) group.first.erase(std::prev(group.first.end()));
}

std::vector<FindingGroup> Findings::take() {
  std::vector<FindingGroup> found;
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i].count == 0) continue;
    FindingGroup& group = found.emplace_back(FindingGroup{&fault_kinds()[i], groups_[i].count, {}});
    for (auto& [key, finding] : groups_[i].first) group.listed.push_back(std::move(finding));
  }
  return found;
}

}  // namespace dlfs
