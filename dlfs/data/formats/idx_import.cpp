// MNIST's four files: their images become PNG files, which a store can point to.
#include <filesystem>
#include <iomanip>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/data/codec/png.h"
#include "dlfs/data/formats/intake.h"
#include "dlfs/data/formats/paths.h"
#include "dlfs/data/idx.h"

namespace dlfs {
namespace {

// A file that is there already must be this very image, or its beginning: an import was ended while it wrote.
void write_image(const std::string& path, const ImageView& image) {
  const Bytes png = encode_png(image);
  if (!is_file(path)) return write_new(path, text_of(png));
  const Bytes there = read_file(path);
  if (there == png) return;
  if (!text_of(png).starts_with(text_of(there)))
    throw FileError("idx",
                    path + ": is there already, and is another image; name a new folder with --images");
  std::filesystem::remove(path);
  write_new(path, text_of(png));
}

}  // namespace

ImportReport import_idx(Store& store, const ImportRequest& request) {
  if (request.images.empty())
    throw UsageError("idx", "needs --images, the folder to write its images to as PNG files");
  Intake intake(store, request, request.path);
  std::vector<int64_t> categories;
  for (const Split split : {Split::train, Split::test}) {
    const LabelledImages images = read_idx(request.path, split);
    if (categories.empty())
      for (const std::string& name : class_names(request.path, max_label(images) + 1))
        categories.push_back(intake.category({.name = name}));
    const std::string folder = concat(request.images, "/", to_string(split));
    make_directories(folder);
    intake.folder(folder);
    const size_t bytes = static_cast<size_t>(images.width) * static_cast<size_t>(images.height);
    for (int i = 0; i < images.count; ++i) {
      const size_t label = images.labels[static_cast<size_t>(i)];
      if (label >= categories.size())
        throw FileError(
            "idx", concat(request.path, ": image ", i, " for ", to_string(split), " has the label ", label,
                          ", but the largest for training is ", categories.size() - 1));
      const ImageRecord image{.path = concat(std::setfill('0'), std::setw(5), i, ".png"),
                              .size = {images.width, images.height},
                              .split = split};
      write_image(concat(folder, "/", image.path),
                  {.size = image.size,
                   .pixels = std::span(images.pixels).subspan(static_cast<size_t>(i) * bytes, bytes)});
      std::vector<Annotation> annotation = {label_of(categories[label], {})};
      intake.image(image, annotation);
    }
  }
  return intake.commit();
}

}  // namespace dlfs
