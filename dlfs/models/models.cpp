#include "dlfs/models/models.h"

namespace dlfs {

const std::vector<Model>& models() {
  constexpr Shape small{1, 32, 32, 3}, large{1, 224, 224, 3};
  static const std::vector<Model> all = {
      {.name = "lenet", .input = {1, 28, 28, 1}, .build = lenet},
      {.name = "small_cnn", .input = small, .build = small_cnn},
      {.name = "resnet18", .input = large, .build = resnet18, .stem = Stem::blocks},
      {.name = "resnet34", .input = large, .build = resnet34, .stem = Stem::blocks},
      {.name = "resnet50", .input = large, .build = resnet50, .stem = Stem::blocks},
      {.name = "resnet101", .input = large, .build = resnet101, .stem = Stem::blocks},
      {.name = "resnet152", .input = large, .build = resnet152, .stem = Stem::blocks},
      {.name = "resnext50_32x4d", .input = large, .build = resnext50_32x4d, .stem = Stem::blocks},
      {.name = "resnet18_small",
       .input = small,
       .build = resnet18_small,
       .stem = Stem::padded,
       .any_input = true},
      {.name = "resnet20", .input = small, .build = resnet20, .stem = Stem::padded, .any_input = true},
      {.name = "resnet32", .input = small, .build = resnet32, .stem = Stem::padded, .any_input = true},
      {.name = "resnet44", .input = small, .build = resnet44, .stem = Stem::padded, .any_input = true},
      {.name = "resnet56", .input = small, .build = resnet56, .stem = Stem::padded, .any_input = true},
      {.name = "squeezenet1_1", .input = large, .build = squeezenet1_1, .stem = Stem::padded},
  };
  return all;
}

const Model& find_model(const std::string& name) {
  std::vector<std::string> names;
  for (const Model& model : models()) {
    if (model.name == name) return model;
    names.push_back(model.name);
  }
  const std::string near = nearest(name, names);
  throw UsageError("model", "there is no model " + name +
                                (near.empty() ? "" : "; did you mean " + near + "?") +
                                (near.empty() ? "; models: " : " Models: ") + join(names, ", "));
}

// Gray images have no form, and blocks are of 2x2 pixels.
Model with_input(const Model& model, const Shape& input) {
  Model made = model;
  made.input = input;
  if (input.c != 3 || (model.stem == Stem::blocks && (input.h % 2 != 0 || input.w % 2 != 0)))
    made.stem = Stem::plain;
  return made;
}

}  // namespace dlfs
