#include "dlfs/data/review/browse.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/loader/sample.h"
#include "dlfs/data/review/drawing.h"
#include "dlfs/data/review/page.h"

namespace dlfs {
namespace {

constexpr Size largest = {360, 270};  // of an image on the page

class Browser {
 public:
  Browser(const Store& store, const BrowseRequest& request)
      : request_(request), images_(std::make_shared<const Snapshot>(store)) {
    for (const Category& category : images_->categories()) names_.push_back(category.name);
    page_.title = std::filesystem::path(store.path()).filename().string();
  }

  BrowseCounts run() {
    const std::vector<size_t> candidates = find_candidates();
    make_folder();
    std::vector<uint32_t> chosen =
        permutation(static_cast<uint32_t>(candidates.size()), combine(key_of("browse"), request_.seed));
    chosen.resize(std::min<size_t>(chosen.size(), request_.count));
    std::sort(chosen.begin(), chosen.end());
    counts_ = {.shown = static_cast<int64_t>(chosen.size()), .of = static_cast<int64_t>(candidates.size())};
    for (const uint32_t one : chosen) add_card(candidates[one]);
    add_words();
    write_file(request_.out + "/index.html", html(page_));
    return counts_;
  }

 private:
  std::vector<size_t> find_candidates() const;
  void make_folder() const;
  void add_card(size_t image);
  void add_words();
  std::string details(size_t image);
  const StoreSource& source(Split split);
  uint32_t place(size_t image) const;
  PageImage write(const Picture& picture, const char* what);
  Picture as_stored(const StoreSource& source, uint32_t at);
  Picture as_network_sees(const StoreSource& source, uint32_t at);

  const BrowseRequest& request_;
  std::shared_ptr<const Snapshot> images_;
  std::vector<std::string> names_;                       // of classes
  std::array<std::unique_ptr<StoreSource>, 4> sources_;  // by split
  std::map<int32_t, int64_t> labels_;                    // of the images that are shown
  SampleMaker maker_;
  Page page_;
  BrowseCounts counts_;
};

std::vector<size_t> Browser::find_candidates() const {
  const auto wanted = std::find(names_.begin(), names_.end(), request_.category);
  if (!request_.category.empty() && wanted == names_.end()) {
    const std::string near = nearest(request_.category, names_);
    throw UsageError("browse",
                     concat("there is no class ", request_.category,
                            near.empty() ? "; dlfs data audit lists them" : "; did you mean " + near + "?"));
  }
  const auto label = static_cast<int32_t>(wanted - names_.begin());
  std::vector<size_t> found;
  for (size_t i = 0; i < images_->size(); ++i) {
    if (request_.split && images_->split(i) != *request_.split) continue;
    const std::span<const SnapshotBox> boxes = images_->boxes(i);
    const bool shows =
        request_.category.empty() || images_->label(i) == label ||
        std::any_of(boxes.begin(), boxes.end(), [&](const SnapshotBox& one) { return one.label == label; });
    if (shows) found.push_back(i);
  }
  if (found.empty())
    throw UsageError("browse",
                     concat("the store has no such image among its ", images_->size(),
                            request_.split ? "; the split is " + to_string(*request_.split) : "",
                            request_.category.empty() ? "" : "; the class is " + request_.category));
  return found;
}

void Browser::make_folder() const {
  std::error_code ignored;
  if (std::filesystem::exists(request_.out, ignored) && !std::filesystem::is_empty(request_.out, ignored))
    throw FileError("browse", request_.out + " holds something already; name another folder, or remove it");
  make_directories(request_.out + "/img");
}

const StoreSource& Browser::source(Split split) {
  std::unique_ptr<StoreSource>& found = sources_[static_cast<size_t>(split)];
  if (!found) found = std::make_unique<StoreSource>(images_, split, Purpose::detect);
  return *found;
}

// Of an image in the source of its split: both are by id.
uint32_t Browser::place(size_t image) const {
  uint32_t before = 0;
  for (size_t i = 0; i < image; ++i) before += images_->split(i) == images_->split(image);
  return before;
}

// "640 x 480, train: 2 cat, 1 dog"
std::string Browser::details(size_t image) {
  std::map<int32_t, int64_t> labels;
  if (images_->label(image) >= 0) ++labels[images_->label(image)];
  for (const SnapshotBox& one : images_->boxes(image)) ++labels[one.label];
  std::vector<std::string> words;
  for (const auto& [label, count] : labels) {
    labels_[label] += count;
    words.push_back(images_->boxes(image).empty() ? names_[label] : concat(count, " ", names_[label]));
  }
  const Size size = images_->image_size(image);
  return concat(size.width, " × ", size.height, " · ", to_string(images_->split(image)), " · ",
                words.empty() ? "no labels" : join(words, ", "));
}

void Browser::add_card(size_t image) {
  const StoreSource& source = this->source(images_->split(image));
  const uint32_t at = place(image);
  Card& card = page_.cards.emplace_back();
  card.name = std::string(images_->path(image));
  card.details = details(image);
  try {
    card.stored = write(as_stored(source, at), "stored");
    card.seen = write(as_network_sees(source, at), "seen");
  } catch (const FileError& error) {
    card.fault = error.fact();
    ++counts_.unreadable;
  }
}

PageImage Browser::write(const Picture& picture, const char* what) {
  const std::string file = concat("img/", page_.cards.size(), "-", what, ".png");
  write_png(request_.out + "/" + file, picture);
  return {.file = file, .size = picture.size()};
}

Picture Browser::as_stored(const StoreSource& source, uint32_t at) {
  const Subject subject = source.subject(at);
  Bytes file;
  Decoded decoded;
  source.load(at, {.channels = 3, .at_least = largest}, file, decoded);
  Picture picture = fitted(decoded.image, largest);
  draw_boxes(picture, {.image = subject.size, .boxes = subject.boxes, .names = names_});
  return picture;
}

Picture Browser::as_network_sees(const StoreSource& source, uint32_t at) {
  const Recipe& recipe = request_.recipe;
  std::vector<uint8_t> pixels(size_t{1} * recipe.slot.width * recipe.slot.height * recipe.channels);
  const Drawn drawn = maker_.make(source, recipe, at, sample_key(request_.seed, 1, at), pixels);
  Picture picture = fitted(as_seen(recipe, drawn, pixels), largest);
  draw_boxes(picture, {.image = drawn.size, .boxes = drawn.boxes, .names = names_});
  return picture;
}

void Browser::add_words() {
  const Size slot = request_.recipe.slot;
  page_.lines.push_back(concat(with_separators(counts_.shown), " of ", with_separators(counts_.of), " images",
                               request_.split ? " in " + to_string(*request_.split) : "",
                               request_.category.empty() ? "" : " that show " + request_.category,
                               ", chosen by chance (seed ", request_.seed, "); revision ",
                               images_->revision()));
  page_.lines.push_back(concat("Left: as stored. Right: as a network sees it, in ", slot.width, " × ",
                               slot.height, " pixels: ", request_.recipe_words));
  for (const auto& [label, count] : labels_)
    page_.legend.push_back({.name = names_[label], .color = class_color(label), .count = count});
  std::stable_sort(page_.legend.begin(), page_.legend.end(),
                   [](const LegendEntry& a, const LegendEntry& b) { return a.count > b.count; });
}

}  // namespace

BrowseCounts browse(const Store& store, const BrowseRequest& request) {
  refuse_nonsense(request.recipe);
  return Browser(store, request).run();
}

}  // namespace dlfs
