#include "dlfs/data/review/label_check.h"

#include <algorithm>
#include <cmath>

#include "dlfs/base/text.h"

namespace dlfs {
namespace {

constexpr float slack = 0.5F;     // a box may pass the border by so many pixels
constexpr float no_side = 1;      // a box that is no wider or higher than this shows nothing
constexpr double tiny_area = 16;  // in pixels
constexpr double doubled_iou = 0.95;
constexpr size_t most_compared =
    256;  // each box with so many that follow: an end for labels that were made to take long

std::string text_of(const BoundingBox& box) {
  return concat(box.width, " x ", box.height, " at ", box.x, ", ", box.y);
}

double iou(const BoundingBox& a, const BoundingBox& b) {
  const double width = double{std::min(a.x + a.width, b.x + b.width)} - std::max(a.x, b.x),
               height = double{std::min(a.y + a.height, b.y + b.height)} - std::max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  return width * height / (area(a) + area(b) - width * height);
}

bool is_finite(const BoundingBox& box) {
  return std::isfinite(box.x) && std::isfinite(box.y) && std::isfinite(box.width) &&
         std::isfinite(box.height);
}

}  // namespace

void Histogram::add(double value) {
  ++counts[std::upper_bound(bounds.begin(), bounds.end(), value) - bounds.begin()];
}

LabelCheck::LabelCheck(const std::vector<Category>& categories, Findings& findings) : findings_(findings) {
  for (const Category& category : categories) {  // by id
    ids_.push_back(category.id);
    facts_.classes.push_back({.name = category.name});
  }
}

ClassCounts* LabelCheck::find_class(int64_t category) {
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), category);
  return found != ids_.end() && *found == category ? &facts_.classes[found - ids_.begin()] : nullptr;
}

std::string LabelCheck::class_name(int64_t category) {
  const ClassCounts* found = find_class(category);
  return found != nullptr ? found->name : "?";
}

void LabelCheck::add(Fault fault, const Scene& scene, const Annotation& annotation, const std::string& what) {
  findings_.add(fault, {.image = scene.labelled.image.id,
                        .annotation = annotation.id,
                        .name = scene.name,
                        .what = class_name(annotation.category) + " " + what});
}

void LabelCheck::check_box(const Scene& scene, const Annotation& annotation, const BoundingBox& box) {
  const auto width = static_cast<float>(scene.size.width), height = static_cast<float>(scene.size.height);
  const float right = box.x + box.width, bottom = box.y + box.height;
  if (!is_finite(box) || !(box.width > no_side && box.height > no_side)) {
    add(Fault::degenerate, scene, annotation, text_of(box));
    return;
  }
  if (area(box) < tiny_area) add(Fault::tiny, scene, annotation, text_of(box));
  if (width < 1 || height < 1) return;
  const std::string where = concat(text_of(box), " in ", width, " x ", height);
  if (box.x >= width || box.y >= height || right <= 0 || bottom <= 0)
    add(Fault::outside, scene, annotation, where);
  else if (std::max({-box.x, -box.y, right - width, bottom - height}) > slack)
    add(Fault::crossing, scene, annotation, where);
}

// Boxes by their left edge, then the upper one: those that overlap much begin near to each other.
void LabelCheck::check_doubled(const Scene& scene) {
  std::vector<const Annotation*> boxes;
  for (const Annotation& one : scene.labelled.annotations)
    if (one.box && !one.crowd && is_finite(*one.box) && one.box->width > 0) boxes.push_back(&one);
  std::stable_sort(boxes.begin(), boxes.end(), [](const Annotation* a, const Annotation* b) {
    return std::pair(a->box->x, a->box->y) < std::pair(b->box->x, b->box->y);
  });
  const auto by_id = [](const Annotation* a, const Annotation* b) { return a->id < b->id; };
  for (size_t i = 0; i < boxes.size(); ++i) {
    const BoundingBox& box = *boxes[i]->box;
    const double last = box.x + (1 - doubled_iou) * box.width;  // where the other may begin
    const size_t end = std::min(boxes.size(), i + 1 + most_compared);
    for (size_t j = i + 1; j < end && boxes[j]->box->x <= last; ++j)
      if (boxes[j]->category == boxes[i]->category && iou(box, *boxes[j]->box) > doubled_iou) {
        add(Fault::doubled, scene, *std::max(boxes[i], boxes[j], by_id), text_of(*boxes[j]->box));
        break;
      }
  }
}

void LabelCheck::take(const ImageWithBoxes& labelled, Size size, const std::string& name) {
  const Scene scene{labelled, size, name};
  const auto split = static_cast<size_t>(labelled.image.split);
  int64_t boxes = 0;
  std::vector<std::string> labels;  // of the whole image
  for (const Annotation& one : labelled.annotations) {
    if (ClassCounts* counts = find_class(one.category)) ++counts->labels[split];
    if (!one.box) {
      labels.push_back(class_name(one.category));
      continue;
    }
    check_box(scene, one, *one.box);
    ++facts_.boxes[split];
    facts_.crowds += one.crowd;
    if (one.crowd || !is_finite(*one.box)) continue;
    ++boxes;
    ++(one.area < 32 * 32 ? facts_.small : one.area < 96 * 96 ? facts_.medium : facts_.large);
    const double box_area = std::max(area(*one.box), 0.0);
    facts_.sides.add(std::sqrt(box_area));
    if (box_area > 0) facts_.aspects.add(double{one.box->width} / one.box->height);
  }
  check_doubled(scene);
  ++facts_.images[split];
  facts_.image_labels[split] += static_cast<int64_t>(labels.size());
  facts_.per_image.add(static_cast<double>(boxes));
  facts_.most_per_image = std::max(facts_.most_per_image, boxes);
  if (labels.size() > 1)
    findings_.add(Fault::relabelled, {.image = labelled.image.id, .name = name, .what = join(labels, ", ")});
  if (labelled.annotations.empty()) {
    ++facts_.unlabelled[split];
    findings_.add(Fault::unlabelled, {.image = labelled.image.id, .name = name, .what = ""});
  }
}

LabelFacts LabelCheck::finish() {
  constexpr auto train = static_cast<size_t>(Split::train),
                 validation = static_cast<size_t>(Split::validation), test = static_cast<size_t>(Split::test);
  for (size_t i = 0; i < ids_.size(); ++i) {
    const ClassCounts& counts = facts_.classes[i];
    // The id keeps the order of classes; a finding of theirs is about no image.
    const auto add_class = [&](Fault fault, const std::string& what) {
      findings_.add(fault, {.annotation = ids_[i], .name = counts.name, .what = what});
    };
    if (counts.all() == 0) add_class(Fault::unused, "");
    const int64_t tested = counts.labels[validation] + counts.labels[test];
    if (facts_.images[train] > 0 && counts.labels[train] == 0 && tested > 0)
      add_class(Fault::untrained,
                concat(counts.labels[validation], " in val, ", counts.labels[test], " in test"));
  }
  return facts_;
}

}  // namespace dlfs
