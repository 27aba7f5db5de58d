#include "dlfs/main/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

constexpr const char* about =
    "dlfs trains, evaluates and serves vision models, on a GPU where there is one.\n\n"
    "  dlfs train lenet --data idx:/usr/share/datasets/fashion-mnist --run runs/first\n"
    "  dlfs eval runs/first/model.safetensors --data idx:/usr/share/datasets/fashion-mnist\n"
    "  dlfs doctor\n";

const std::map<std::string, Precision> precisions = {{"f32", Precision::f32}, {"tf32", Precision::tf32}};

void add_data(CLI::App& verb, std::string& data) {
  verb.add_option("--data", data, "idx:DIR, a folder with MNIST's four files, .gz or plain")->required();
}

void add_device(CLI::App& verb, std::string& device, std::string& precision) {
  verb.add_option("--device", device, "auto (a GPU where there is one), cpu, or gpu:N")
      ->capture_default_str();
  verb.add_option("--precision", precision,
                  "f32, or tf32: matrix work on Tensor Cores, inputs rounded to 10 bits")
      ->capture_default_str();
}

// "--eposh" -> "there is no --eposh; did you mean --epochs?"
std::string unknown_word(const CLI::App& verb, const std::string& word) {
  std::vector<std::string> known;
  for (const CLI::Option* option : verb.get_options())
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  for (const CLI::App* other : verb.get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(other->get_name());
  const std::string name = word.substr(0, word.find('='));
  const std::string near = nearest(name, known);
  const bool verb_wanted = name.rfind("-", 0) != 0 && verb.get_parent() == nullptr;
  return concat(verb_wanted ? "there is no verb " : "there is no ", name,
                near.empty() ? "" : "; did you mean " + near + "?",
                near.empty() ? concat("; dlfs ", verb.get_parent() ? verb.get_name() + " " : "",
                                      "--help shows what there is")
                             : "");
}

Precision read_precision(const std::string& word) {
  const auto found = precisions.find(word);
  if (found == precisions.end())
    throw UsageError("dlfs", "--precision is " + word + ", but can be f32 or tf32");
  return found->second;
}

void refuse_nonsense(const TrainSettings& settings) {
  const auto refuse = [](const auto&... fact) { throw UsageError("dlfs", concat(fact...)); };
  if (settings.epochs < 1 || settings.epochs > 100000)
    refuse("--epochs is ", settings.epochs, ", but must be 1 to 100000");
  if (settings.batch < 1) refuse("--batch is ", settings.batch, ", but must be at least 1");
  if (!(settings.rate > 0) || !std::isfinite(settings.rate))
    refuse("--lr is ", settings.rate, ", but must be above 0");
  if (!(settings.momentum >= 0 && settings.momentum < 1))
    refuse("--momentum is ", settings.momentum, ", but must be at least 0 and below 1");
  if (!(settings.weight_decay >= 0) || !std::isfinite(settings.weight_decay))
    refuse("--weight-decay is ", settings.weight_decay, ", but must be at least 0");
}

}  // namespace

Command parse_command_line(int count, const char* const* words) {
  CLI::App program(about, "dlfs");
  program.set_version_flag("--version", std::string("dlfs ") + DLFS_VERSION);
  program.require_subcommand(0, 1);
  std::string precision = "f32";

  TrainCommand train;
  CLI::App& train_verb = *program.add_subcommand("train", "train a model on labelled images");
  train_verb.add_option("model", train.model, "the model: lenet")->required();
  add_data(train_verb, train.data);
  train_verb.add_option("--run", train.run, "the folder of the run [runs/MODEL-DATE-TIME]");
  train_verb.add_option("--epochs", train.settings.epochs, "passes over the training images")
      ->capture_default_str();
  train_verb.add_option("--batch", train.settings.batch, "images a step")->capture_default_str();
  train_verb.add_option("--lr", train.settings.rate, "learning rate at first; falls along a cosine to 0")
      ->capture_default_str();
  train_verb.add_option("--momentum", train.settings.momentum, "of SGD")->capture_default_str();
  train_verb.add_option("--weight-decay", train.settings.weight_decay, "of SGD")->capture_default_str();
  train_verb
      .add_option("--seed", train.settings.seed, "of weights and order; the same seed gives the same bits")
      ->capture_default_str();
  add_device(train_verb, train.device, precision);
  train_verb.add_flag("--check", train.check,
                      "rerun every step on the CPU and stop at the first that differs");
  train_verb.add_flag("--table", train.table, "print the step's kernels and tensors instead of training");

  EvalCommand eval;
  CLI::App& eval_verb = *program.add_subcommand("eval", "measure a model file on labelled test images");
  eval_verb.add_option("weights", eval.weights, "a model.safetensors that train wrote")->required();
  add_data(eval_verb, eval.data);
  add_device(eval_verb, eval.device, precision);

  CLI::App& doctor_verb = *program.add_subcommand("doctor", "say what this machine has, and what it lacks");

  for (CLI::App* app : {&program, &train_verb, &eval_verb, &doctor_verb}) app->allow_extras();
  try {
    program.parse(count, words);
  } catch (const CLI::CallForHelp&) {
    return ShowText{program.help()};
  } catch (const CLI::CallForVersion&) {
    return ShowText{std::string("dlfs ") + DLFS_VERSION + "\n"};
  } catch (const CLI::ParseError& error) {
    // A word that nobody knows explains a missing one better than the parser does.
    for (const CLI::App* app : {&train_verb, &eval_verb, &doctor_verb, &program})
      if (app->parsed() && !app->remaining().empty())
        throw UsageError("dlfs", unknown_word(*app, app->remaining()[0]));
    throw UsageError("dlfs", error.what());
  }
  for (const CLI::App* app : {&train_verb, &eval_verb, &doctor_verb, &program})
    if (app->parsed() && !app->remaining().empty())
      throw UsageError("dlfs", unknown_word(*app, app->remaining()[0]));

  if (train_verb.parsed()) {
    refuse_nonsense(train.settings);
    train.settings.precision = read_precision(precision);
    return train;
  }
  if (eval_verb.parsed()) {
    eval.precision = read_precision(precision);
    return eval;
  }
  if (doctor_verb.parsed()) return DoctorCommand{};
  return ShowText{program.help()};
}

}  // namespace dlfs
