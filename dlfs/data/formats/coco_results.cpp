// COCO's results: what a model found, [{"image_id", "category_id", "bbox", "score"}, ...], by the ids of the ground truth.
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "dlfs/base/clock.h"
#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/export.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/json_cursor.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

constexpr uint64_t largest_file = uint64_t{8} << 30;

// The rows of a store by the ids of their source.
class BySourceId {
 public:
  explicit BySourceId(std::string kind) : kind_(std::move(kind)) {}

  void add(std::optional<int64_t> source_id, int64_t id) {
    if (source_id && !ids_.emplace(*source_id, id).second) ids_[*source_id] = several;
  }
  int64_t find(int64_t source_id, const JsonCursor& cursor) const {
    const auto found = ids_.find(source_id);
    if (found == ids_.end())
      cursor.fail(concat(kind_, "_id is ", source_id,
                         ", which the store does not have: import the ground truth first"));
    if (found->second == several)
      cursor.fail(concat(kind_, "_id is ", source_id, ", which several in the store have"));
    return found->second;
  }

 private:
  static constexpr int64_t several = -1;
  std::string kind_;
  std::unordered_map<int64_t, int64_t> ids_;
};

class Reader {
 public:
  explicit Reader(const Store& store) {
    for (const Category& category : store.categories()) categories_.add(category.source_id, category.id);
    store.for_each_image(
        [&](const ImageWithBoxes& found) { images_.add(found.image.source_id, found.image.id); });
  }

  void read(JsonCursor& cursor) {
    PredictedBox box;
    std::optional<int64_t> image, category;
    std::optional<double> score;
    cursor.object([&](std::string_view name) {
      if (name == "image_id")
        image = images_.find(cursor.integer("image_id"), cursor);
      else if (name == "category_id")
        category = categories_.find(cursor.integer("category_id"), cursor);
      else if (name == "bbox")
        box.box = read_coco_box(cursor);
      else if (name == "score")
        score = cursor.number("score");
      else
        cursor.skip();
    });
    if (!image || !category || !score || !box.box) cursor.fail("has no image_id, category_id, bbox or score");
    if (std::abs(*score) > std::numeric_limits<float>::max())
      cursor.fail(concat("score is ", *score, ", which no float holds"));
    box.category = *category;
    box.score = static_cast<float>(*score);
    by_image[*image].push_back(box);
    ++count;
  }

  std::map<int64_t, std::vector<PredictedBox>> by_image;
  int64_t count = 0;

 private:
  BySourceId categories_{"category"}, images_{"image"};
};

}  // namespace

// In one transaction. What the store has of this model already is not added again.
ImportReport import_coco_results(Store& store, const ImportRequest& request) {
  if (request.model.empty())
    throw UsageError("coco-results", "needs --model, the name of the model that found them");
  const std::string path = request.json.empty() ? request.path : request.json;
  const Bytes bytes = read_file(path, {.max_bytes = largest_file});
  JsonCursor cursor("coco-results", path, without_mark(text_of(bytes)));
  Reader reader(store);
  cursor.array([&] { reader.read(cursor); });
  cursor.end();
  const int64_t now = nanoseconds_now();
  std::vector<ImagePrediction> predictions;
  ImportReport report;
  for (auto& [image, boxes] : reader.by_image) {
    const bool known = last_predicted(store, image, request.model) == boxes;
    (known ? report.known_predictions : report.predictions) += static_cast<int64_t>(boxes.size());
    if (known) continue;
    predictions.push_back({.image = image,
                           .model = request.model,
                           .revision = store.revision(),
                           .at_ns = now,
                           .boxes = std::move(boxes)});
  }
  if (!predictions.empty()) store.put_predictions(predictions);
  return report;
}

ExportCounts export_coco_results(const Store& store, const ExportRequest& request) {
  if (request.model.empty())
    throw UsageError("coco-results", "needs --model, the name of the model whose predictions go out");
  Selection selection(store, request);
  ExportCounts counts{.root = selection.root()};
  NewFile file(new_path(request.path));
  file.write("[");
  selection.for_each([&](const ImageWithBoxes& found) {
    ++counts.images;
    for (const PredictedBox& one : last_predicted(store, found.image.id, request.model)) {
      if (!one.box) {
        ++counts.left_out;
        continue;
      }
      const BoundingBox& box = *one.box;
      JsonWriter json;
      json.object().field("image_id", selection.image_ids.of(found.image.id));
      json.field("category_id", selection.category_ids.of(selection.category(one.category).id));
      json.field("bbox", std::array{box.x, box.y, box.width, box.height});
      file.write(counts.annotations++ == 0 ? "\n" : ",\n");
      file.write(json.field("score", one.score).close().text());
    }
  });
  file.write("]\n");
  if (counts.annotations == 0) refuse_unknown_model(store, request);
  file.commit();
  return counts;
}

}  // namespace dlfs
