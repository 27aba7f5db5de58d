#include "dlfs/models/models.h"

namespace dlfs {

const std::vector<Model>& models() {
  static const std::vector<Model> all = {
      {.name = "lenet", .input = {1, 28, 28, 1}, .build = lenet},
      {.name = "small_cnn", .input = {1, 32, 32, 3}, .build = small_cnn},
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

}  // namespace dlfs
