#include "dlfs/data/augment/recipe.h"

#include <algorithm>
#include <limits>
#include <string>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

constexpr int most_side = 16384;
constexpr int64_t any = std::numeric_limits<int64_t>::max();

// Goes through a recipe as draw() does, but with the largest canvas that there may be.
class Judge {
 public:
  explicit Judge(const Recipe& recipe) : recipe_(recipe) {}

  void judge() {
    who_ = "recipe";
    within("channels", recipe_.channels, 1, 3);
    if (recipe_.channels == 2) fail("2 channels, but images have 1 or 3");
    size("slot", recipe_.slot);
    within("least_visible", recipe_.least_visible, 0, 1);
    for (const Transform& transform : recipe_.transforms) {
      std::visit([&](const auto& t) { one(t); }, transform);
    }
    who_ = "recipe";
    if (width_ == any || height_ == any)
      fail(
          "no transform gives images a size of their own: add a Stretch, Letterbox or crop, or a "
          "ShortestEdge");
    if (width_ > recipe_.slot.width || height_ > recipe_.slot.height)
      fail(concat("images may grow to ", width_, " x ", height_, ", but the slot is ", recipe_.slot.width,
                  " x ", recipe_.slot.height));
  }

 private:
  void one(const Stretch& t) { sized("Stretch", t.to); }
  void one(const ShortestEdge& t) {
    who_ = "ShortestEdge";
    if (t.lengths.empty()) fail("lengths are none, but at least one is needed");
    for (const int length : t.lengths) within("lengths", length, 1, most_side);
    within("longest", t.longest, 1, most_side);
    width_ = height_ = t.longest;
    shaped();
  }
  void one(const Letterbox& t) { sized("Letterbox", t.to); }
  void one(const CenterCrop& t) { sized("CenterCrop", t.to); }
  void one(const RandomFlip& t) {
    who_ = "RandomFlip";
    within("horizontal", t.horizontal, 0, 1);
    within("vertical", t.vertical, 0, 1);
    shaped();
  }
  void one(const RandomCrop& t) {
    sized("RandomCrop", t.to);
    within("pad", t.pad, 0, most_side);
  }
  void one(const RandomResizedCrop& t) {
    sized("RandomResizedCrop", t.to);
    range("area", t.least_area, t.most_area, 1e-6, 1);
    range("aspect", t.least_aspect, t.most_aspect, 0.01, 100);
  }
  void one(const IouCrop& t) {
    who_ = "IouCrop";
    range("scale", t.least_scale, t.most_scale, 0.01, 1);
    range("aspect", t.least_aspect, t.most_aspect, 0.01, 100);
    within("trials", t.trials, 1, 1000);
    shaped();
  }
  void one(const ZoomOut& t) {
    who_ = "ZoomOut";
    within("probability", t.probability, 0, 1);
    within("most", t.most, 1, 16);
    for (int64_t* side : {&width_, &height_})
      if (*side != any) *side = static_cast<int64_t>(static_cast<double>(*side) * double{t.most});
    shaped();
  }
  void one(const RandomAffine& t) {
    who_ = "RandomAffine";
    within("degrees", t.degrees, 0, 180);
    within("translate", t.translate, 0, 1);
    within("shear", t.shear, 0, 80);
    range("scale", t.least_scale, t.most_scale, 0.01, 100);
    once(affine_, "a canvas that was turned cannot be turned again");
    shaped();
  }
  void one(const Mosaic& t) {
    const int64_t width = width_, height = height_;
    sized("Mosaic", t.to);
    within("probability", t.probability, 0, 1);
    once(mosaic_, "four images of four");
    if (t.probability < 1) {
      width_ = std::max(width_, width);
      height_ = std::max(height_, height);
    }
  }
  void one(const ColourJitter& t) {
    who_ = "ColourJitter";
    within("brightness", t.brightness, 0, 16);
    within("contrast", t.contrast, 0, 16);
    within("saturation", t.saturation, 0, 16);
    within("hue", t.hue, 0, 0.5);
    if (recipe_.channels == 1 && (t.saturation > 0 || t.hue > 0))
      fail("saturation and hue are of colours, but the recipe has 1 channel");
  }
  void one(const RandomErase& t) {
    who_ = "RandomErase";
    within("probability", t.probability, 0, 1);
    range("area", t.least_area, t.most_area, 0, 1);
    within("least_aspect", t.least_aspect, 0.01, 1);
    once(erase_, "one rectangle is erased");
  }
  void one(const Mixup& t) {
    who_ = "Mixup";
    within("probability", t.probability, 0, 1);
    within("alpha", t.alpha, 0.01, 100);
    once(mixup_, "a sample has two labels at most");
    shaped();
  }

  void sized(const char* who, Size to) {
    who_ = who;
    size("to", to);
    width_ = to.width;
    height_ = to.height;
    shaped();
  }
  void shaped() const {
    if (erase_) fail("comes after RandomErase, whose rectangle would not follow: put RandomErase last");
  }
  void once(bool& seen, const char* why) const {
    if (seen) fail(concat("stands twice in the recipe: ", why));
    seen = true;
  }
  void size(const char* what, Size size) const {
    if (size.width < 1 || size.height < 1 || size.width > most_side || size.height > most_side)
      fail(concat(what, " is ", size.width, " x ", size.height, ", but sides are from 1 to ", most_side));
  }
  void within(const char* what, double value, double least, double most) const {
    if (!(value >= least && value <= most))
      fail(concat(what, " is ", value, ", but must be from ", least, " to ", most));
  }
  void range(const char* what, double low, double high, double least, double most) const {
    within(concat("least_", what).c_str(), low, least, most);
    within(concat("most_", what).c_str(), high, low, most);
  }
  [[noreturn]] void fail(const std::string& fact) const { throw UsageError(who_, fact); }

  const Recipe& recipe_;
  const char* who_ = "recipe";
  int64_t width_ = any, height_ = any;  // at most
  bool affine_ = false, mosaic_ = false, mixup_ = false, erase_ = false;
};

}  // namespace

void refuse_nonsense(const Recipe& recipe) { Judge(recipe).judge(); }

}  // namespace dlfs
