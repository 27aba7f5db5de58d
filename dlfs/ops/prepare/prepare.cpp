#include "dlfs/ops/prepare/prepare.h"

#include <cmath>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Prepare : public OpFunction<PrepareSettings> {
 public:
  explicit Prepare(const PrepareSettings& settings)
      : OpFunction("prepare", settings, DLFS_HALVES_WITHOUT_GRADIENT(prepare_forward)) {}

  std::string settings() const override {
    return concat(R"({"mean": [)", join(settings_.mean, ", "), R"(], "deviation": [)",
                  join(settings_.deviation, ", "), R"(], "form": ")", to_string(settings_.form), "\"}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 2, "prepare takes pixels and looks");
    const Spec& pixels = in[0];
    if (!pixels || pixels.dtype != DType::u8 || (pixels.shape.c != 1 && pixels.shape.c != 3))
      refuse("pixels are ", to_string(pixels), ", but must be u8 with 1 or 3 channels");
    if (const Spec wanted{{pixels.shape.n, 1, 1, look_numbers}, DType::f32}; in[1] != wanted)
      refuse("looks are ", to_string(in[1]), ", but pixels ", to_string(pixels), " need ", to_string(wanted));
    for (const auto& [name, numbers] :
         {std::pair("mean", settings_.mean), {"deviation", settings_.deviation}})
      if (static_cast<int>(numbers.size()) != pixels.shape.c)
        refuse(name, " has ", numbers.size(), " numbers, but pixels ", to_string(pixels), " need ",
               pixels.shape.c);
    for (int k = 0; k < pixels.shape.c; ++k)
      if (!std::isfinite(settings_.mean[k] / settings_.deviation[k]))
        refuse("mean ", settings_.mean[k], " and deviation ", settings_.deviation[k], " of channel ", k,
               " give no number");
    return {.outputs = {{formed(pixels.shape, settings_.form), matrix_type(in.precision)}},
            .terms = pixels.shape.c + 1};
  }
};

}  // namespace

FunctionPtr prepare_function(const PrepareSettings& settings) { return std::make_shared<Prepare>(settings); }

Value prepare(Value pixels, Value looks, const PrepareSettings& settings) {
  return pixels.trace().apply(prepare_function(settings), {pixels, looks})[0];
}

}  // namespace dlfs
