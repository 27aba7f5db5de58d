#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/base/text.h"
#include "dlfs/main/verbs.h"
#include "dlfs/models/model_file.h"
#include "dlfs/train/evaluate.h"

namespace dlfs {

std::string idx_directory(const std::string& source) {
  if (source.rfind("idx:", 0) != 0 || source.size() == 4)
    throw UsageError("dlfs", "--data is " + source + ", but can be idx:DIR, a folder with MNIST's files");
  std::string directory = source.substr(4);
  std::error_code ignored;
  if (std::filesystem::is_directory(directory, ignored)) return directory;
  throw FileError("idx", std::filesystem::exists(directory, ignored)
                             ? directory + " is a file, but idx:DIR names a folder with MNIST's files"
                             : "there is no folder " + directory);
}

std::string accuracy_text(int64_t correct, int64_t count) {
  return concat("accuracy ", fixed(static_cast<double>(correct) / static_cast<double>(count), 4), " (",
                with_separators(correct), " of ", with_separators(count), ")");
}

const Model& model_of(const ModelDescription& description, const std::string& path) {
  const Model* found = nullptr;
  for (const Model& model : models())
    if (model.name == description.model) found = &model;
  if (found == nullptr)
    throw FileError("model file",
                    path + ": is a \"" + description.model + "\", a model that this dlfs does not know");
  if (found->input != description.input)
    throw FileError("model file", concat(path, ": takes images ", to_string(description.input), ", but a ",
                                         found->name, " takes ", to_string(found->input)));
  return *found;
}

void run_eval(const EvalCommand& command, std::ostream& out) {
  const ModelFile file(command.weights);
  const ModelDescription& description = file.description();
  const Model& model = model_of(description, command.weights);
  const LabelledImages test = read_idx(idx_directory(command.data), Split::test);
  const int classes = static_cast<int>(description.classes.size());
  if (test.height != description.input.h || test.width != description.input.w)
    throw UsageError("eval", concat("the images are ", test.height, "x", test.width, ", but the model takes ",
                                    description.input.h, "x", description.input.w));
  if (max_label(test) >= classes)
    throw UsageError("eval", concat("a label is ", max_label(test), ", but the model knows ", classes,
                                    " classes, 0 to ", classes - 1));

  const std::unique_ptr<Device> device = open_device(command.device, command.precision, out);
  State state(0);
  Evaluator evaluator(*device, state, model, classes, command.precision);
  evaluator.load(file);
  const auto predictions =
      evaluator.predict(test, {.mean = description.mean[0], .deviation = description.deviation[0]});
  out << accuracy_text(count_correct(predictions, test), test.count) << "\n";
}

}  // namespace dlfs
