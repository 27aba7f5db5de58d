// The labels of a store, image by image: what is wrong with them, and what they are like as a whole. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dlfs/data/review/findings.h"
#include "dlfs/data/store/store.h"

namespace dlfs {

using SplitCounts = std::array<int64_t, 4>;  // by Split

struct ClassCounts {
  std::string name;
  SplitCounts labels{};  // boxes, and images that are labelled as a whole
  int64_t all() const { return labels[0] + labels[1] + labels[2] + labels[3]; }
};

// How many boxes lie from each bound up to the next; the first from 0, the last without end.
struct Histogram {
  std::vector<double> bounds;
  std::vector<int64_t> counts = std::vector<int64_t>(bounds.size() + 1);
  void add(double value);
};

struct LabelFacts {
  SplitCounts images{}, boxes{}, image_labels{}, unlabelled{};
  int64_t crowds = 0;                        // boxes; no count below has them
  int64_t small = 0, medium = 0, large = 0;  // COCO's: of less than 32 x 32 pixels, than 96 x 96, and of more
  Histogram sides{{8, 16, 32, 64, 128, 256, 512}};  // the square root of a box's area, in pixels
  Histogram aspects{{0.25, 0.5, 0.8, 1.25, 2, 4}};  // width by height
  Histogram per_image{{1, 2, 3, 5, 9, 17, 33, 65}};
  int64_t most_per_image = 0;
  std::vector<ClassCounts> classes;  // by id
};

class LabelCheck {
 public:
  LabelCheck(const std::vector<Category>& categories, Findings& findings);

  // `size`: of the upright image; 0 x 0 where nobody knows. `name`: of its file, in findings.
  void take(const ImageWithBoxes& labelled, Size size, const std::string& name);
  LabelFacts finish();  // adds what can be said of classes

 private:
  struct Scene {
    const ImageWithBoxes& labelled;
    Size size;
    const std::string& name;
  };
  void add(Fault fault, const Scene& scene, const Annotation& annotation, const std::string& what);
  void check_box(const Scene& scene, const Annotation& annotation, const BoundingBox& box);
  void check_doubled(const Scene& scene);
  ClassCounts* find_class(int64_t category);
  std::string class_name(int64_t category);

  Findings& findings_;
  LabelFacts facts_;
  std::vector<int64_t> ids_;  // of the categories, sorted
};

}  // namespace dlfs
