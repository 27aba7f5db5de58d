#include <algorithm>

#include "dlfs/base/error.h"
#include "dlfs/base/text.h"
#include "dlfs/main/sources.h"
#include "dlfs/main/verbs.h"
#include "dlfs/models/model_file.h"
#include "dlfs/train/evaluate.h"

namespace dlfs {

std::string accuracy_text(int64_t correct, int64_t count) {
  return concat("accuracy ", fixed(static_cast<double>(correct) / static_cast<double>(count), 4), " (",
                with_separators(correct), " of ", with_separators(count), ")");
}

Model model_of(const ModelDescription& description, const std::string& path) {
  const auto found = std::find_if(models().begin(), models().end(),
                                  [&](const Model& model) { return model.name == description.model; });
  if (found == models().end())
    throw FileError("model file",
                    path + ": is a \"" + description.model + "\", a model that this dlfs does not know");
  if (!found->any_input && found->input != description.input)
    throw FileError("model file", concat(path, ": takes images ", to_string(description.input), ", but a ",
                                         found->name, " takes ", to_string(found->input)));
  Model model = with_input(*found, description.input);
  model.test_resize = description.test_resize;
  return model;
}

void run_verb(const EvalCommand& command, std::ostream& out) {
  const ModelFile file(command.weights);
  const ModelDescription& description = file.description();
  const Model model = model_of(description, command.weights);
  const std::shared_ptr<const Source> test = open_test(command.data, description.classes);

  const std::unique_ptr<Device> device = open_device(command.device, command.precision, out);
  State state(0);
  Evaluator evaluator(*device, state, model, static_cast<int>(description.classes.size()), command.precision,
                      {.mean = description.mean, .deviation = description.deviation});
  evaluator.load(file);
  const auto predictions = evaluator.predict(test, usual_threads(*device));
  out << accuracy_text(count_correct(predictions, *test), test->count()) << "\n";
  const auto unread =
      std::count_if(predictions.begin(), predictions.end(), [](const Prediction& p) { return p.label < 0; });
  if (unread > 0)
    throw PartlyDone("dlfs",
                     concat(unread, " of ", test->count(),
                            " images could not be read, and count as wrong; dlfs data audit names them"));
}

}  // namespace dlfs
