#include "dlfs/ops/upsample/upsample.h"

#include <algorithm>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Upsample : public OpFunction<UpsampleSettings> {
 public:
  explicit Upsample(const UpsampleSettings& settings)
      : OpFunction("upsample", settings, DLFS_HALVES(upsample)) {}

  std::string settings() const override {
    return concat(R"({"factor": )", settings_.factor, R"(, "h": )", settings_.h, R"(, "w": )", settings_.w,
                  R"(, "interpolation": ")", bilinear() ? "bilinear" : "nearest", "\"}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 1, "upsample takes x");
    const Shape x = in[0].shape;
    const int factor = settings_.factor, h = settings_.h, w = settings_.w;
    check_map("upsample", "x", in[0]);
    if (!(factor > 0 && h == 0 && w == 0) && !(factor == 0 && h > 0 && w > 0))
      refuse("factor ", factor, ", h ", h, " and w ", w, ": give a factor above 0, or both h and w");
    if (factor > largest / std::max(x.h, x.w))
      refuse("factor ", factor, " times x ", to_string(x), " is more than ", largest, " rows or columns");
    if (std::max(h, w) > largest) refuse("h ", h, " or w ", w, " is more than ", largest, " rows or columns");
    const Shape y = factor > 0 ? Shape{x.n, x.h * factor, x.w * factor, x.c} : Shape{x.n, h, w, x.c};
    const int sides = bilinear() ? 2 : 1;  // inputs that an output reads along one axis
    const auto readers = [&](int from, int to) { return sides * (int64_t{to} / from + 1); };  // at most
    return {.outputs = {{y, in[0].dtype}},
            .terms = int64_t{sides} * sides,
            .gradient_terms = {readers(x.h, y.h) * readers(x.w, y.w)}};
  }

 private:
  static constexpr int largest = 1 << 24;  // exact in a float
  bool bilinear() const { return settings_.interpolation == Interpolation::bilinear; }
};

UpsampleSource nearest_source(int from, int to, int output) {
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  const int input = std::min(static_cast<int>(static_cast<float>(output) * scale), from - 1);
  return {input, input, 0};
}

// k + t = ((2 output + 1) * from - to) / (2 to), in whole numbers.
UpsampleSource bilinear_source(int from, int to, int output) {
  const int64_t halves = std::max<int64_t>(0, (2 * int64_t{output} + 1) * from - to), whole = 2 * int64_t{to};
  const int low = static_cast<int>(halves / whole);
  if (halves % whole == 0 || low + 1 == from) return {low, low, 0};
  return {low, low + 1, static_cast<float>(static_cast<double>(halves % whole) / static_cast<double>(whole))};
}

}  // namespace

FunctionPtr upsample_function(const UpsampleSettings& settings) {
  return std::make_shared<Upsample>(settings);
}

Value upsample(Value x, const UpsampleSettings& settings) {
  return x.trace().apply(upsample_function(settings), {x})[0];
}

std::vector<UpsampleSource> upsample_sources(int from, int to, Interpolation interpolation) {
  const auto source = interpolation == Interpolation::nearest ? nearest_source : bilinear_source;
  std::vector<UpsampleSource> sources(to);
  for (int output = 0; output < to; ++output) sources[output] = source(from, to, output);
  return sources;
}

std::vector<UpsampleReaders> upsample_readers(int from, const std::vector<UpsampleSource>& sources) {
  std::vector<UpsampleReaders> readers(from);
  const int outputs = static_cast<int>(sources.size());
  int first = 0, last = 0;
  for (int input = 0; input < from; ++input) {
    while (first < outputs && sources[first].high < input) ++first;
    while (last < outputs && sources[last].low <= input) ++last;
    readers[input] = {first, last};
  }
  return readers;
}

}  // namespace dlfs
