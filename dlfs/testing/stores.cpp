#include "dlfs/testing/stores.h"

#include <gtest/gtest.h>

#include <bit>
#include <type_traits>

#include "dlfs/base/random.h"
#include "dlfs/base/text.h"

namespace dlfs::testing {
namespace {

// Numbers of one stream, each taken once.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : random_(combine(key_of("store contents"), seed)) {}
  uint32_t below(uint32_t bound) { return random_.below(next_++, bound); }
  float uniform() { return random_.uniform(next_++); }

 private:
  Random random_;
  uint64_t next_ = 0;
};

Annotation random_annotation(Numbers& numbers, const ContentSettings& settings, Size size) {
  const auto width = static_cast<float>(size.width), height = static_cast<float>(size.height);
  Annotation annotation;
  annotation.category = 1 + numbers.below(static_cast<uint32_t>(settings.categories));
  if (numbers.below(20) != 0) {  // else the whole image
    const float x = numbers.uniform() * width, y = numbers.uniform() * height;
    annotation.box = {
        .x = x, .y = y, .width = numbers.uniform() * (width - x), .height = numbers.uniform() * (height - y)};
    annotation.area = double{annotation.box->width} * annotation.box->height;
  }
  annotation.crowd = numbers.below(50) == 0;
  annotation.origin = static_cast<Origin>(numbers.below(3));
  if (settings.segmentations && annotation.box) {
    annotation.segmentation = "[[";
    const uint32_t points = 10 + numbers.below(40);
    for (uint32_t i = 0; i < points; ++i)
      annotation.segmentation += concat(i == 0 ? "" : ",", numbers.uniform() * width);
    annotation.segmentation += "]]";
  }
  if (numbers.below(10) == 0) annotation.extra = R"({"difficult":1})";
  return annotation;
}

std::string words_of(const ImageRecord& image) {
  return concat(image.id, " ", image.path, " ", image.size.width, "x", image.size.height, " ",
                to_string(image.split), " ", image.sha256, " ", image.source_id.value_or(-1), " ",
                image.extra);
}

}  // namespace

size_t Contents::annotations() const {
  size_t count = 0;
  for (const ImageWithBoxes& one : images) count += one.annotations.size();
  return count;
}

Contents random_contents(const ContentSettings& settings) {
  Numbers numbers(settings.seed);
  Contents contents;
  for (int64_t i = 0; i < settings.categories; ++i) {
    contents.categories.push_back(
        {.id = i + 1,
         .name = concat("category ", i),
         .supercategory = i % 2 == 0 ? "even" : "",
         .source_id = settings.source_ids ? std::optional(3 * i + 1) : std::nullopt});
  }
  int64_t last_annotation = 0;
  for (int64_t i = 0; i < settings.images; ++i) {
    ImageWithBoxes one;
    one.image = {.id = i + 1,
                 .folder = 1,
                 .path = concat("some/", i, "-", numbers.below(1000), ".jpg"),
                 .size = {.width = static_cast<int>(200 + numbers.below(441)),
                          .height = static_cast<int>(200 + numbers.below(441))},
                 .split = static_cast<Split>(numbers.below(4)),
                 .sha256 = numbers.below(2) == 0 ? std::string(64, 'a') : "",
                 .source_id = settings.source_ids ? std::optional(1000 + 7 * i) : std::nullopt,
                 .extra = numbers.below(5) == 0 ? R"({"license":3})" : ""};
    const uint32_t boxes = numbers.below(settings.most_boxes + 1);
    for (uint32_t box = 0; box < boxes; ++box) {
      Annotation annotation = random_annotation(numbers, settings, one.image.size);
      annotation.id = ++last_annotation;
      annotation.image = one.image.id;
      if (settings.source_ids) annotation.source_id = 5 * last_annotation;
      one.annotations.push_back(std::move(annotation));
    }
    contents.images.push_back(std::move(one));
  }
  return contents;
}

ImportCounts fill(Store& store, const std::string& image_folder, const Contents& contents) {
  Import import(store, "test");
  const int64_t folder = import.folder(image_folder);
  std::vector<int64_t> categories;
  for (const Category& category : contents.categories) categories.push_back(import.category(category));
  for (const ImageWithBoxes& one : contents.images) {
    ImageRecord record = one.image;
    record.folder = folder;
    const int64_t image = import.image(record);
    for (Annotation annotation : one.annotations) {
      annotation.image = image;
      annotation.category = categories.at(static_cast<size_t>(annotation.category - 1));
      import.annotation(annotation);
    }
  }
  return import.commit();
}

std::vector<ImageWithBoxes> all_of(const Store& store) {
  std::vector<ImageWithBoxes> all;
  store.for_each_image([&](const ImageWithBoxes& one) { all.push_back(one); });
  return all;
}

std::string words_of(const Annotation& annotation) {
  const BoundingBox box = annotation.box.value_or(BoundingBox{-1, -1, -1, -1});
  const auto bits = [](auto value) {
    return std::bit_cast<std::conditional_t<sizeof value == 4, uint32_t, uint64_t>>(value);
  };
  return concat(annotation.id, " ", annotation.image, " ", annotation.category, " ",
                annotation.box.has_value(), " ", bits(box.x), " ", bits(box.y), " ", bits(box.width), " ",
                bits(box.height), " ", bits(annotation.area), " ", annotation.crowd, " ",
                static_cast<int>(annotation.origin), " ", annotation.deleted, " ",
                annotation.source_id.value_or(-1), " ", annotation.segmentation, " ", annotation.extra);
}

std::string words_of(const Snapshot& snapshot) {
  std::string words = concat("revision ", snapshot.revision(), "\n");
  for (size_t i = 0; i < snapshot.size(); ++i) {
    words += concat(snapshot.id(i), " ", snapshot.folders()[snapshot.folder(i)].path, " ", snapshot.path(i),
                    " ", snapshot.image_size(i).width, "x", snapshot.image_size(i).height, " ",
                    to_string(snapshot.split(i)), " ", snapshot.label(i), "\n");
    for (const SnapshotBox& box : snapshot.boxes(i)) {
      words += concat("  ", box.id, " ", box.label, " ", box.crowd, " ", box.box.x, " ", box.box.y, " ",
                      box.box.width, " ", box.box.height, "\n");
    }
  }
  return words;
}

void expect_equal(const std::vector<ImageWithBoxes>& found, const std::vector<ImageWithBoxes>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(words_of(found[i].image), words_of(expected[i].image));
    ASSERT_EQ(found[i].annotations.size(), expected[i].annotations.size()) << "image " << found[i].image.id;
    for (size_t at = 0; at < found[i].annotations.size(); ++at) {
      ASSERT_EQ(words_of(found[i].annotations[at]), words_of(expected[i].annotations[at]));
    }
  }
}

}  // namespace dlfs::testing
