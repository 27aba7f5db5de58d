#include "dlfs/ops/stem/stem.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class StemFilter : public OpFunction<StemFilterSettings> {
 public:
  explicit StemFilter(const StemFilterSettings& settings)
      : OpFunction("stem_filter", settings, DLFS_HALVES(stem_filter)) {}

  std::string settings() const override { return concat(R"({"form": ")", to_string(settings_.form), "\"}"); }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, "stem_filter takes w");
    const Shape w = in[0].shape;
    check_map(name(), "w", in[0]);
    if (settings_.form == ImageForm::blocks && (w.h != 7 || w.w != 7 || w.c != 3))
      refuse("w is ", to_string(w), ", but blocks are for filters [k,7,7,3]");
    if (settings_.form == ImageForm::padded && w.c > 8)
      refuse("w is ", to_string(w), ", but must have at most 8 channels");
    const Shape y = settings_.form == ImageForm::blocks   ? Shape{w.n, 4, 4, 16}
                    : settings_.form == ImageForm::padded ? Shape{w.n, w.h, w.w, 8}
                                                          : w;
    return {.outputs = {{y, in[0].dtype}}};
  }
};

}  // namespace

FunctionPtr stem_filter_function(const StemFilterSettings& settings) {
  return std::make_shared<StemFilter>(settings);
}

Value stem_filter(Value w, const StemFilterSettings& settings) {
  if (settings.form == ImageForm::plain) return w;
  return w.trace().apply(stem_filter_function(settings), {w})[0];
}

}  // namespace dlfs
