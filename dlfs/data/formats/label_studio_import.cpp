// Label Studio's JSON export: a list of tasks, each an image with annotations by people. Of several the latest counts that
// was not cancelled; drafts and predictions do not. Boxes are in percent of the upright image.
#include <algorithm>
#include <cctype>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/json_cursor.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

constexpr uint64_t largest_file = uint64_t{4} << 30;

bool is_hex(char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; }

std::string without_percent_codes(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool code = text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2]);
    plain += code ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i];
    if (code) i += 2;
  }
  return plain;
}

// "/data/upload/1/1a2b3c4d-cat.jpg", "/data/local-files/?d=cats/cat.jpg", "https://host/cats/cat.jpg" -> the longest end of
// the path that is a file of the folder, with or without what an upload puts before a name; else its last part.
std::optional<std::string> find_image(const std::string& place, const Intake& intake) {
  std::string path = place;
  if (const size_t scheme = path.find("://"); scheme != std::string::npos) path.erase(0, scheme + 3);
  if (const size_t local = path.find("?d="); local != std::string::npos) path.erase(0, local + 3);
  path = without_percent_codes(path);
  std::replace(path.begin(), path.end(), '\\', '/');
  constexpr size_t longest = 4096;  // of a path of any system: what stands before names no file
  if (path.size() > longest) path.erase(0, path.size() - longest);
  std::optional<std::string> last;
  for (size_t start = 0; start < path.size();) {
    const std::string end = path.substr(start);
    const size_t slash = end.find('/');
    last = relative_path(end);
    if (last && intake.has(*last)) return last;
    if (slash == std::string::npos) break;
    start += slash + 1;
  }
  const bool uploaded =
      last && last->size() > 9 && (*last)[8] == '-' && std::all_of(last->begin(), last->begin() + 8, is_hex);
  if (uploaded && intake.has(last->substr(9))) return last->substr(9);
  return last;
}

class Task {
 public:
  Task(const Json& json, const JsonCursor& cursor, Intake& intake)
      : json_(json), cursor_(cursor), intake_(intake) {
    const Json* data = json.find("data");
    const Json* place = data != nullptr ? data->find("image") : nullptr;
    if (place == nullptr && data != nullptr)  // any name may be given to it
      for (const Json::Member& member : data->members())
        if (member.value.string() != nullptr && is_image_name(*member.value.string())) place = &member.value;
    if (place == nullptr || place->string() == nullptr) fail("has no data.image");
    const std::optional<std::string> path = find_image(*place->string(), intake);
    if (!path) fail(concat("data.image is ", quoted(*place->string()), ", which names no file"));
    image.path = *path;
    image.size = intake.size_of(*path);
    if (const Json* id = json.find("id")) image.source_id = id->integer();
    if (const Json* latest = latest_annotation())
      if (const Json* results = latest->find("result"))
        for (const Json& result : results->items()) read(result);
  }

  ImageRecord image;
  std::vector<Annotation> annotations;

 private:
  [[noreturn]] void fail(const std::string& fact) const { cursor_.fail(fact); }

  const Json* latest_annotation() const {
    const Json* list = json_.find("annotations");
    if (list == nullptr) list = json_.find("completions");  // their name before version 1.0
    if (list == nullptr) return nullptr;
    const Json* latest = nullptr;
    std::string latest_time;
    for (const Json& one : list->items()) {
      const Json* cancelled = one.find("was_cancelled");
      if (cancelled != nullptr && cancelled->boolean().value_or(false)) continue;
      const Json* time = one.find("updated_at");
      if (time == nullptr) time = one.find("created_at");
      const std::string said =
          time != nullptr && time->string() != nullptr ? *time->string() : "";  // ISO 8601: sorts as text
      if (latest == nullptr || said >= latest_time) latest = &one, latest_time = said;
    }
    return latest;
  }

  double number(const Json& in, const char* name, std::optional<double> absent = {}) const {
    const Json* found = in.find(name);
    const std::optional<double> value = found != nullptr ? found->number() : absent;
    if (!value) fail(concat("a result has no number ", name));
    return *value;
  }

  void read(const Json& result) {
    const Json* type = result.find("type");
    const Json* value = result.find("value");
    const std::string kind = type != nullptr && type->string() != nullptr ? *type->string() : "";
    if (value == nullptr || (kind != "rectanglelabels" && kind != "choices"))
      return intake_.leave_out(1, "results that are neither rectanglelabels nor choices");
    const Json* labels = value->find(kind);
    if (labels == nullptr || labels->items().empty()) return intake_.leave_out(1, "results without a label");
    std::optional<BoundingBox> box;
    if (kind == "rectanglelabels") box = read_box(result, *value);
    for (const Json& label : labels->items()) {
      if (label.string() == nullptr || label.string()->empty())
        fail(concat("a result has a label that is no text"));
      annotations.push_back(label_of(intake_.category({.name = *label.string()}), box));
    }
  }

  BoundingBox read_box(const Json& result, const Json& value) {
    if (image.size.width == 0) image.size = {side(result, "original_width"), side(result, "original_height")};
    for (const double angle : {number(value, "rotation", 0), number(result, "image_rotation", 0)})
      if (std::abs(angle) > 1e-3)
        fail(concat("a box or its image is rotated by ", angle,
                    " degrees, and only upright boxes are stored"));
    const double x = number(value, "x") / 100 * image.size.width,
                 y = number(value, "y") / 100 * image.size.height;
    const double width = number(value, "width") / 100 * image.size.width,
                 height = number(value, "height") / 100 * image.size.height;
    for (const double part : {x, y, width, height})
      if (!(std::abs(part) < 1e9)) fail(concat("a box has ", part, " pixels"));
    if (width < 0 || height < 0) fail(concat("a box is ", width, " x ", height, " pixels"));
    return {static_cast<float>(x), static_cast<float>(y), static_cast<float>(width),
            static_cast<float>(height)};
  }

  int side(const Json& result, const char* name) const {
    const double value = number(result, name);
    if (!(value >= 1 && value <= 1 << 24)) fail(concat(name, " is ", value));
    return static_cast<int>(value);
  }

  const Json& json_;
  const JsonCursor& cursor_;
  Intake& intake_;
};

}  // namespace

ImportReport import_label_studio(Store& store, const ImportRequest& request) {
  const std::string path = request.json.empty() ? request.path : request.json;
  const Bytes bytes = read_file(path, {.max_bytes = largest_file});
  Intake intake(store, request, path);
  const size_t slash = path.rfind('/');
  intake.folder(!request.images.empty()      ? request.images
                : slash == std::string::npos ? "."
                                             : path.substr(0, slash + 1));
  JsonCursor cursor("label-studio", path, without_mark(text_of(bytes)));
  cursor.array([&] {
    const std::string_view text = cursor.skip();
    Task task(Json::parse(text, path), cursor, intake);
    intake.image(std::move(task.image), task.annotations);
  });
  cursor.end();
  return intake.commit();
}

}  // namespace dlfs
