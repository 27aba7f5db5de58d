// Tasks with predictions, which Label Studio's import shows to who labels: those of a model, or the labels that are there.
#include <cctype>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/export.h"

namespace dlfs {
namespace {

struct Shown {
  int64_t category = 0;
  std::optional<BoundingBox> box;
  std::optional<float> score;
};

void write_result(JsonWriter& json, const Shown& one, size_t index, Size size, const std::string& label) {
  json.object().field("id", std::to_string(index)).field("type", one.box ? "rectanglelabels" : "choices");
  json.field("from_name", one.box ? "label" : "choice").field("to_name", "image");
  json.field("original_width", size.width).field("original_height", size.height).field("image_rotation", 0);
  if (one.score) json.field("score", *one.score);
  json.key("value").object();
  if (one.box) {
    const BoundingBox& box = *one.box;
    json.field("x", 100.0 * box.x / size.width).field("y", 100.0 * box.y / size.height);
    json.field("width", 100.0 * box.width / size.width).field("height", 100.0 * box.height / size.height);
    json.field("rotation", 0);
  }
  json.key(one.box ? "rectanglelabels" : "choices").array().value(label).close().close().close();
}

// For a web address: all but what stands for itself in a path.
std::string percent_coded(const std::string& path) {
  std::string coded;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::string_view("-_.~/").find(c) != std::string_view::npos)
      coded += c;
    else
      coded += {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
  }
  return coded;
}

std::string task(const ImageRecord& image, const std::string& name, const std::string& model,
                 const std::vector<Shown>& all, const Selection& selection) {
  JsonWriter json;
  json.object().key("data").object().field("image", "/data/local-files/?d=" + percent_coded(name)).close();
  json.key("predictions").array().object().field("model_version", model).key("result").array();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].box && (image.size.width <= 0 || image.size.height <= 0))
      throw FileError("label-studio", name + ": its size is not known, but boxes are in percent of it");
    write_result(json, all[i], i, image.size, selection.category(all[i].category).name);
  }
  return json.close().close().close().close().text();
}

}  // namespace

ExportCounts export_label_studio(const Store& store, const ExportRequest& request) {
  const Selection selection(store, request);
  ExportCounts counts{.root = selection.root()};
  NewFile file(new_path(request.path));
  selection.for_each([&](const ImageWithBoxes& found) {
    std::vector<Shown> all;
    if (request.model.empty())
      for (const Annotation& one : found.annotations)
        all.push_back({.category = one.category, .box = one.box, .score = {}});
    else
      for (const PredictedBox& one : last_predicted(store, found.image.id, request.model))
        all.push_back({.category = one.category, .box = one.box, .score = one.score});
    file.write(counts.images++ == 0 ? "[\n" : ",\n");
    file.write(task(found.image, selection.name(found.image),
                    request.model.empty() ? "labels" : request.model, all, selection));
    counts.annotations += static_cast<int64_t>(all.size());
  });
  file.write("\n]\n");
  if (!request.model.empty() && counts.annotations == 0) refuse_unknown_model(store, request);
  file.commit();
  return counts;
}

}  // namespace dlfs
