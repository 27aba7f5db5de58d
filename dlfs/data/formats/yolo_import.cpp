#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/intake.h"
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

// A folder of images, and where their labels may be: the first that has a file of an image's name gives its labels.
struct LabelFolder {
  std::string path;
  std::optional<Split> split;  // of images that have their labels here
};
struct Part {
  std::string images;
  std::vector<LabelFolder> labels;
};

// The folders in a folder that are named like a split.
std::vector<std::pair<std::string, Split>> split_folders(const std::string& path) {
  std::vector<std::pair<std::string, Split>> found;
  if (!is_folder(path)) return found;
  for (const std::string& name : names_in(path))
    if (const std::optional<Split> split = split_of(name); split && is_folder(concat(path, "/", name)))
      found.emplace_back(name, *split);
  return found;
}

// images/train beside labels/train; train/images beside train/labels; images beside labels; or all in one folder. Where
// `images` is named, labels are looked for in the same places.
std::vector<Part> find_parts(const std::string& root, const std::string& images) {
  const std::string labels = is_folder(root + "/labels") ? root + "/labels" : root;
  if (!images.empty()) {
    Part part{.images = images, .labels = {{.path = labels, .split = {}}}};
    for (const auto& [name, split] : split_folders(labels))
      part.labels.push_back({concat(labels, "/", name), split});
    for (const auto& [name, split] : split_folders(root))
      part.labels.push_back({concat(root, "/", name, "/labels"), split});
    return {part};
  }
  std::vector<Part> parts;
  for (const auto& [name, split] : split_folders(root + "/images"))
    parts.push_back(
        {.images = concat(root, "/images/", name), .labels = {{concat(root, "/labels/", name), split}}});
  if (parts.empty())
    for (const auto& [name, split] : split_folders(root))
      if (is_folder(concat(root, "/", name, "/images")))
        parts.push_back({.images = concat(root, "/", name, "/images"),
                         .labels = {{concat(root, "/", name, "/labels"), split}}});
  if (parts.empty())
    parts.push_back(
        {.images = is_folder(root + "/images") ? root + "/images" : root, .labels = {{labels, {}}}});
  return parts;
}

int64_t import_part(const Part& part, const std::vector<int64_t>& categories, Intake& intake) {
  struct Labels {
    explicit Labels(const LabelFolder& from) : folder(from.path), split(from.split) {}
    Folder folder;
    std::optional<Split> split;
  };
  std::deque<Labels> labels;
  for (const LabelFolder& folder : part.labels)
    if (is_folder(folder.path)) labels.emplace_back(folder);
  intake.folder(part.images);
  const std::vector<std::string> files = images_beneath(part.images).files;
  for (const std::string& file : files) {
    ImageRecord image{.path = file, .size = intake.size_of(file)};
    const size_t slash = file.find('/');  // its folder may be called like a split, not the file itself
    const auto named = slash == std::string::npos ? std::nullopt : split_of(file.substr(0, slash));
    image.split = part.labels[0].split.value_or(named.value_or(Split::none));
    const std::string name = without_ending(file) + ".txt";
    const auto found =
        std::find_if(labels.begin(), labels.end(), [&](const Labels& l) { return l.folder.has(name); });
    std::vector<Annotation> annotations;
    if (found != labels.end()) {
      const Bytes text = found->folder.read(name, {.max_bytes = uint64_t{64} << 20});
      for (const YoloBox& box : parse_yolo(text_of(text), concat(found->folder.path(), "/", name),
                                           {.classes = categories.size(), .size = image.size}))
        annotations.push_back(label_of(categories[box.index], box.box));
      if (found->split) image.split = *found->split;
    }
    intake.image(std::move(image), annotations);
  }
  return static_cast<int64_t>(files.size());
}

}  // namespace

std::vector<YoloBox> parse_yolo(std::string_view text, const std::string& source, const YoloLimits& limits) {
  return Lines(without_mark(text), source, limits).found;
}

ImportReport import_yolo(Store& store, const ImportRequest& request) {
  const std::string root =
      is_folder(request.path) ? request.path : std::filesystem::path(request.path).parent_path().string();
  Intake intake(store, request, request.path);
  std::vector<int64_t> categories;
  for (const std::string& name : read_yolo_names(request.path)) {
    const auto index = static_cast<int64_t>(categories.size());
    categories.push_back(intake.category({.name = name, .source_id = index}));
  }
  int64_t images = 0;
  for (const Part& part : find_parts(root.empty() ? "." : root, request.images))
    images += import_part(part, categories, intake);
  if (images == 0) throw FileError("yolo", request.path + ": has no images; --images names their folder");
  return intake.commit();
}

}  // namespace dlfs
