#include "dlfs/data/loader/source.h"

#include <algorithm>

#include "dlfs/base/error.h"

namespace dlfs {

void Source::read(uint32_t image, Bytes&) const {
  throw FileError("data", name(image) + ": is in memory, and no file");
}

MemorySource::MemorySource(LabelledImages images, std::vector<std::string> classes)
    : Source(std::move(classes)), images_(std::move(images)) {}

Subject MemorySource::subject(uint32_t image) const {
  return {.size = {images_.width, images_.height}, .boxes = {}, .label = images_.labels[image]};
}

std::string MemorySource::name(uint32_t image) const { return concat("image ", image); }

void MemorySource::load(uint32_t image, const DecodeRequest& request, Bytes&, Decoded& into) const {
  const size_t pixels = static_cast<size_t>(images_.width) * images_.height;
  const uint8_t* from = images_.pixels.data() + image * pixels;
  into.covers = {0, 0, images_.width, images_.height};
  into.scale = 1;
  into.image.size = {images_.width, images_.height};
  into.image.channels = request.channels;
  into.image.pixels.resize(pixels * request.channels);
  uint8_t* to = into.image.pixels.data();
  for (size_t i = 0; i < pixels; ++i, to += request.channels) std::fill_n(to, request.channels, from[i]);
}

namespace {

std::vector<std::string> names_of(const std::vector<Category>& categories) {
  std::vector<std::string> names;
  names.reserve(categories.size());
  for (const Category& category : categories) names.push_back(category.name);
  return names;
}

}  // namespace

StoreSource::StoreSource(std::shared_ptr<const Snapshot> snapshot, Split split, Purpose purpose)
    : Source(names_of(snapshot->categories())), snapshot_(std::move(snapshot)) {
  for (const ImageFolder& folder : snapshot_->folders()) folders_.emplace_back(folder.path);
  int64_t without_size = 0;
  for (size_t i = 0; i < snapshot_->size(); ++i) {
    if (snapshot_->split(i) != split || (purpose == Purpose::classify && snapshot_->label(i) < 0)) continue;
    images_.push_back(static_cast<uint32_t>(i));
    without_size += snapshot_->image_size(i).width < 1 && has_header(static_cast<uint32_t>(i));
  }
  const char* const labelled = purpose == Purpose::classify ? " and labelled as a whole" : "";
  if (images_.empty())
    throw UsageError("data",
                     concat("of the store's ", snapshot_->size(), " images none is in ", to_string(split),
                            labelled, "; import some, with --split where no folder says it"));
  if (without_size > 0)
    throw UsageError("data", concat("of ", without_size, " of ", images_.size(), " images of the split ",
                                    to_string(split), " no size is known; dlfs data audit reads them"));
}

// A size that nobody knows can be found out where the file has a header; where not, it is an image that cannot be read.
bool StoreSource::has_header(uint32_t at) const {
  const std::string path(snapshot_->path(at));
  try {
    return inspect_image(folders_[snapshot_->folder(at)].read(path), path).size.width > 0;
  } catch (const FileError&) {
    return false;
  }
}

Subject StoreSource::subject(uint32_t image) const {
  const uint32_t at = images_[image];
  const Size size = snapshot_->image_size(at);
  return {.size = size.width < 1 ? Size{1, 1} : size,
          .boxes = snapshot_->boxes(at),
          .label = snapshot_->label(at)};
}

std::string StoreSource::name(uint32_t image) const {
  const uint32_t at = images_[image];
  return snapshot_->folders()[snapshot_->folder(at)].path + "/" + std::string(snapshot_->path(at));
}

void StoreSource::refuse_other_size(uint32_t image, Size is) const {
  const Size known = snapshot_->image_size(images_[image]);
  if (is != known)
    throw FileError("data",
                    concat(name(image), ": is ", is.width, " x ", is.height, " pixels, but the store says ",
                           known.width, " x ", known.height, "; dlfs data audit lists such images"));
}

void StoreSource::read(uint32_t image, Bytes& file) const {
  const uint32_t at = images_[image];
  folders_[snapshot_->folder(at)].read(std::string(snapshot_->path(at)), file);
  refuse_other_size(image, inspect_image(file, name(image)).size);
}

void StoreSource::load(uint32_t image, const DecodeRequest& request, Bytes& file, Decoded& into) const {
  const uint32_t at = images_[image];
  folders_[snapshot_->folder(at)].read(std::string(snapshot_->path(at)), file);
  decode_image(file, name(image), request, into);
  refuse_other_size(image, into.whole);
}

MixedSource::MixedSource(std::vector<std::shared_ptr<const Source>> sources)
    : Source(sources.at(0)->classes()), sources_(std::move(sources)) {
  for (const auto& source : sources_) {
    if (source->classes() != classes())
      throw UsageError("data", concat("the sources of a mix have other classes: ", join(classes(), ", "),
                                      "; and ", join(source->classes(), ", ")));
    firsts_.push_back(firsts_.back() + source->count());
  }
}

MixedSource::Place MixedSource::place(uint32_t image) const {
  const size_t after = std::upper_bound(firsts_.begin(), firsts_.end(), image) - firsts_.begin();
  return {sources_[after - 1].get(), image - firsts_[after - 1]};
}

Subject MixedSource::subject(uint32_t image) const {
  const auto [source, index] = place(image);
  return source->subject(index);
}

std::string MixedSource::name(uint32_t image) const {
  const auto [source, index] = place(image);
  return source->name(index);
}

void MixedSource::read(uint32_t image, Bytes& file) const {
  const auto [source, index] = place(image);
  source->read(index, file);
}

void MixedSource::load(uint32_t image, const DecodeRequest& request, Bytes& file, Decoded& into) const {
  const auto [source, index] = place(image);
  source->load(index, request, file, into);
}

}  // namespace dlfs
