// Annotation files of strangers. What comes into a store goes out of it and comes in again as the same rows.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/coco_file.h"
#include "dlfs/data/formats/formats.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/formats/xml.h"
#include "dlfs/data/formats/yolo.h"
#include "dlfs/data/store/database.h"
#include "dlfs/testing/folder.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {
namespace {

namespace fs = std::filesystem;

void write(const std::string& path, std::string_view text) {
  make_directories(fs::path(path).parent_path().string());
  std::ofstream(path, std::ios::binary) << text;
}

void empty(Store& store) {
  Transaction transaction(store.database(), Transaction::Kind::write);
  for (const char* sql :
       {"DELETE FROM predicted_box", "DELETE FROM prediction", "DELETE FROM detail", "DELETE FROM annotation",
        "DELETE FROM image", "DELETE FROM category", "DELETE FROM folder", "DELETE FROM label_event"})
    run(store.database(), sql);
  transaction.commit();
}

// A folder with one image, a.pgm, and two stores, made once and emptied for each input.
struct Desk {
  Desk() {
    write(images + "/a.pgm", "P5 64 48 255\n" + std::string(64 * 48, '7'));
    clear();
  }
  void clear() {
    fs::remove_all(in);
    fs::remove_all(out);
    empty(one);
    empty(other);
  }
  Folder folder{Folder::in_memory()};
  std::string in = folder / "in", out = folder / "out", images = folder / "images";
  Store one{folder / "one.db", StoreUse::create}, other{folder / "other.db", StoreUse::create};
};

struct Row {
  std::string words;
  BoundingBox box;
};

// The rows of a store in the columns that the format carries, in their order.
std::vector<Row> rows_of(const Store& store, const std::string& format) {
  const bool coco = format == "coco", voc = format == "voc";
  std::unordered_map<int64_t, std::string> names;
  for (const Category& one : store.categories())
    names[one.id] = coco ? concat(one.name, " of ", one.supercategory, " ", *one.source_id) : one.name;
  std::vector<Row> rows;
  store.for_each_image([&](const ImageWithBoxes& found) {
    const ImageRecord& image = found.image;
    const std::optional<std::string> path = relative_path(image.path);
    DLFS_CHECK(path && *path == image.path, image.path, " leads out of its folder, or has another name");
    rows.push_back({concat(image.path, " ", image.size.width, "x", image.size.height), {}});
    if (coco) rows.back().words += concat(" ", *image.source_id, image.extra);
    if (voc) rows.back().words += " " + to_string(image.split);
    for (const Annotation& one : found.annotations) {
      rows.push_back({names.at(one.category), one.box.value_or(BoundingBox{-1, -1, -1, -1})});
      if (coco)
        rows.back().words += concat(" ", *one.source_id, one.crowd, JsonWriter().value(one.area).text(), " ",
                                    one.segmentation);
      if (coco || voc) rows.back().words += " " + one.extra;
    }
  });
  return rows;
}

// COCO has a box's own numbers; the others have sums and quotients of them.
bool same_box(const BoundingBox& a, const BoundingBox& b, const std::string& format) {
  if (format == "coco") return a == b;
  const auto near = [](float x, float y, float size, float other) {
    return std::abs(double{x} - double{y}) <= 1e-6 * (1 + std::abs(double{size}) + std::abs(double{other}));
  };
  return near(a.x, b.x, a.x, a.width) && near(a.width, b.width, a.x, a.width) &&
         near(a.y, b.y, a.y, a.height) && near(a.height, b.height, a.y, a.height);
}

// The labels of a Label Studio export as its own export has them, once somebody has accepted them.
void accept_predictions(const std::string& json) {
  const Bytes bytes = read_file(json);
  std::string text(text_of(bytes));
  for (size_t at = 0; (at = text.find("\"predictions\":", at)) != std::string::npos;)
    text.replace(at, 13, "\"annotations\"");
  write(json, text);
}

// Of names that no file can have, and of boxes at the edge of what a float holds, no more is asked than an answer.
bool ordinary(const std::vector<Row>& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) {
    const auto small = [](float value) { return std::abs(value) < 1e30F; };
    return row.words.find('/') == std::string::npos && row.words.size() < 200 && small(row.box.x) &&
           small(row.box.y) && small(row.box.width) && small(row.box.height);
  });
}

void round_trip(Desk& desk, ImportRequest request) {
  import_annotations(desk.one, request);
  const std::vector<Row> before = rows_of(desk.one, request.format);
  if (before.empty() || (request.format == "voc" && !ordinary(before))) return;
  try {
    request.path = desk.out;
    request.images = export_annotations(desk.one, {.format = request.format, .path = request.path}).root;
    if (request.format == "label-studio") accept_predictions(request.path);
    import_annotations(desk.other, request);
  } catch (const FileError& error) {
    throw InternalError("fuzz", concat("it comes in, but not out and in again: ", error.what()));
  }
  const std::vector<Row> after = rows_of(desk.other, request.format);
  DLFS_CHECK(after.size() == before.size(), after.size(), " rows, not ", before.size());
  for (size_t i = 0; i < after.size(); ++i) {
    DLFS_CHECK(after[i].words == before[i].words, after[i].words, ", not ", before[i].words);
    DLFS_CHECK(same_box(before[i].box, after[i].box, request.format), before[i].box.x, " ", after[i].box.x,
               ", ", before[i].box.width, " ", after[i].box.width);
  }
}

// The two texts of an input, which a zero byte divides.
std::pair<std::string_view, std::string_view> two_texts(std::span<const std::byte> input) {
  const std::string_view text = text_of(input);
  const size_t end = std::min(text.find('\0'), text.size());
  return {text.substr(0, end), text.substr(std::min(end + 1, text.size()))};
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool same(const XmlElement& a, const XmlElement& b) {
  return a.name == b.name && a.text == b.text &&
         std::equal(a.children.begin(), a.children.end(), b.children.begin(), b.children.end(), same);
}

std::string xml_of(const XmlElement& element) {
  std::string text = concat("<", element.name, ">", escape_xml(element.text));
  for (const XmlElement& child : element.children) text += xml_of(child);
  return concat(text, "</", element.name, ">");
}

// The run lengths of pycocotools' text, as its rleFrString has them.
std::vector<int64_t> runs_of(const std::string& text) {
  std::vector<int64_t> runs;
  for (size_t at = 0; at < text.size();) {
    int64_t value = 0;
    for (int digits = 0, more = 1; more != 0;) {
      const int c = text[at++] - 48;
      value |= (int64_t{c} & 0x1f) << 5 * digits++;
      more = c & 0x20;
      if (more == 0 && (c & 0x10) != 0) value |= -(int64_t{1} << 5 * digits);
    }
    runs.push_back(runs.size() > 2 ? value + runs[runs.size() - 2] : value);
  }
  return runs;
}

}  // namespace

// Its text is parsed by itself first, since most inputs come no further.
void fuzz_coco(std::span<const std::byte> input) {
  static Desk desk;
  const std::string_view text = text_of(input);
  const CocoFile file = read_coco(text, "input");
  DLFS_CHECK(file.starts.size() == file.images.size() + 1 && file.order.size() == file.annotations.size(),
             "");
  for (size_t i = 0; i < file.images.size(); ++i)
    for (size_t k = file.starts[i]; k < file.starts[i + 1]; ++k)
      DLFS_CHECK(file.annotations[file.order[k]].image_id == *file.images[i].source_id, i);
  for (const CocoAnnotation& one : file.annotations) {
    const std::string_view part = one.segmentation;
    DLFS_CHECK(one.category < file.categories.size(), one.category);
    DLFS_CHECK(part.empty() ||
                   (part.data() >= text.data() && part.data() + part.size() <= text.data() + text.size()),
               part);
  }
  desk.clear();
  write(desk.in, text);
  round_trip(desk, {.format = "coco", .path = desk.in, .images = desk.images});
}

// What is taken is a mask: its runs are none of them negative, and cover the picture.
void fuzz_rle(std::span<const std::byte> input) {
  JsonCursor cursor("rle", "input", text_of(input));
  const std::string_view text = read_segmentation(cursor);
  if (!text.starts_with('{')) return;
  std::vector<int64_t> runs, size;
  JsonCursor again("rle", "input", text);
  again.object([&](std::string_view name) {
    if (name == "counts" && again.kind() == '"')
      runs = runs_of(again.string("counts"));
    else if (name == "counts" || name == "size")
      again.array([&] { (name == "size" ? size : runs).push_back(again.integer("one")); });
    else
      again.skip();
  });
  int64_t sum = 0;
  for (const int64_t run : runs) {
    DLFS_CHECK(run >= 0, run);
    sum += run;
  }
  DLFS_CHECK(size.size() == 2 && sum == size[0] * size[1], sum);
}

// The ground truth has three categories and three images, whose ids are 1, 2, 3 and 10, 20, 30.
void fuzz_coco_results(std::span<const std::byte> input) {
  static Desk desk;
  static const bool made = [] {
    for (Store* store : {&desk.one, &desk.other}) {
      Import import(*store, "truth");
      ImageRecord image;
      image.folder = import.folder(desk.images), image.size = {64, 48};
      for (int64_t i = 1; i <= 3; ++i) {
        import.category({.id = 0, .name = concat("kind ", i), .supercategory = "", .source_id = i});
        image.path = concat(i, ".jpg"), image.source_id = 10 * i;
        import.image(image);
      }
      import.commit();
    }
    return true;
  }();
  DLFS_CHECK(made, "");
  for (Store* store : {&desk.one, &desk.other})
    for (const char* sql : {"DELETE FROM predicted_box", "DELETE FROM prediction"})
      run(store->database(), sql);
  fs::remove(desk.out);
  write(desk.in, text_of(input));
  const ImportRequest request{.format = "coco-results", .path = desk.in, .model = "m"};
  const int64_t boxes = import_annotations(desk.one, request).predictions;
  DLFS_CHECK(import_annotations(desk.one, request).predictions == 0, boxes);
  if (boxes == 0) return;
  const ExportCounts counts =
      export_annotations(desk.one, {.format = "coco-results", .path = desk.out, .model = "m"});
  DLFS_CHECK(counts.annotations == boxes, counts.annotations, " of ", boxes);
  const ImportRequest back{.format = "coco-results", .path = desk.out, .model = "m"};
  DLFS_CHECK(import_annotations(desk.other, back).predictions == boxes, boxes);
  DLFS_CHECK(import_annotations(desk.one, back).predictions == 0, boxes);
}

// An XML file, then the list of those that are for training, after a zero byte.
void fuzz_voc(std::span<const std::byte> input) {
  static Desk desk;
  const auto [xml, list] = two_texts(input);
  const XmlElement root = parse_xml(xml, "voc", "input");
  DLFS_CHECK(same(root, parse_xml(xml_of(root), "voc", "written")), xml_of(root));
  desk.clear();
  write(desk.in + "/Annotations/in.xml", xml);
  if (!list.empty()) write(desk.in + "/ImageSets/Main/train.txt", list);
  round_trip(desk, {.format = "voc", .path = desk.in, .images = desk.images});
}

// The names of the classes, as data.yaml or classes.txt, then the label file of the one image, after a zero byte.
void fuzz_yolo(std::span<const std::byte> input) {
  static Desk desk;
  const auto [names, labels] = two_texts(input);
  const bool yaml = names.find("names:") != std::string_view::npos;
  if (yaml)
    parse_yolo(labels, "input",
               {.classes = parse_yaml_names(lines_of(names), "input").size(), .size = {64, 48}});
  desk.clear();
  write(desk.in + (yaml ? "/data.yaml" : "/classes.txt"), names);
  write(desk.in + "/labels/a.txt", labels);
  round_trip(desk, {.format = "yolo", .path = desk.in, .images = desk.images});
}

void fuzz_label_studio(std::span<const std::byte> input) {
  static Desk desk;
  JsonCursor cursor("label-studio", "input", text_of(input));
  cursor.array([&] { cursor.skip(); });
  desk.clear();
  write(desk.in, text_of(input));
  round_trip(desk, {.format = "label-studio", .path = desk.in, .images = desk.images});
}

}  // namespace dlfs::testing
