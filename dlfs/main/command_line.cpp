#include "dlfs/main/command_line.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

constexpr const char* about = R"(dlfs trains and evaluates vision models, on a GPU where there is one.

  dlfs train     train a model on labelled images
  dlfs eval      measure a model file on labelled test images
  dlfs describe  show a model's layers, parameters and memory
  dlfs doctor    say what this machine has, and what it lacks

  dlfs VERB --help shows what a verb can be told, dlfs --version the version.

For example:
  dlfs train lenet --data idx:/usr/share/datasets/fashion-mnist --run runs/first
  dlfs eval runs/first/model.safetensors \
      --data idx:/usr/share/datasets/fashion-mnist
)";

[[noreturn]] void refuse(const std::string& fact) { throw UsageError("dlfs", fact); }

// "--run --data idx:x": the parser takes the next flag for the value.
void refuse_no_value(const std::string& name, const std::string& kind, const std::string& word) {
  if (word.empty() || word.rfind("--", 0) == 0)
    refuse(concat(name, " needs a value, ", kind, word.empty() ? "" : ", before " + word));
}

// A flag or a positional word with one value. The parser hands the word over as it is, so that what is wrong with it is
// said in our words, and the same way for all: "--lr is abc, but must be a number above 0".
void add_value(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
               const std::function<void(const std::string&)>& take) {
  const auto take_word = [=](const CLI::results_t& words) {
    refuse_no_value(name, kind, words[0]);
    take(words[0]);
    return true;
  };
  verb.add_option(name, take_word, what)->type_name(kind);
}

void add_text(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
              std::string& text) {
  add_value(verb, name, kind, what, [&text](const std::string& word) { text = word; });
}

template <typename Number>
struct Allowed {
  const char* words;
  bool (*has)(Number);
};

template <typename Number>
void add_number(CLI::App& verb, const std::string& name, const std::string& what, Number& number,
                Allowed<Number> allowed) {
  const auto take = [=, &number](const std::string& word) {
    Number read{};
    const char* end = word.data() + word.size();
    const auto [stop, error] = std::from_chars(word.data(), end, read);
    if (error != std::errc{} || stop != end || !allowed.has(read))
      refuse(concat(name, " is ", word, ", but must be ", allowed.words));
    number = read;
  };
  add_value(verb, name, "N", concat(what, " [", number, "]"), take);
}

void add_data(CLI::App& verb, std::string& data) {
  add_text(verb, "--data", "idx:DIR", "a folder with MNIST's four files, plain or .gz", data);
  verb.get_option("--data")->required();
}

void add_device(CLI::App& verb, std::string& device, Precision& precision) {
  add_text(verb, "--device", "NAME", "auto (a GPU where there is one), cpu or gpu:N [auto]", device);
  const auto take = [&precision](const std::string& word) {
    if (word != "f32" && word != "tf32") refuse("--precision is " + word + ", but can be f32 or tf32");
    precision = word == "f32" ? Precision::f32 : Precision::tf32;
  };
  add_value(verb, "--precision", "TYPE", "f32, or tf32: faster, a GPU's 10-bit products [f32]", take);
}

void add_train(CLI::App& verb, TrainCommand& train) {
  TrainSettings& s = train.settings;
  add_text(verb, "MODEL", "MODEL", "the model: lenet", train.model);
  verb.get_option("MODEL")->required();
  add_data(verb, train.data);
  add_text(verb, "--run", "DIR", "a new folder for the run [runs/MODEL-DATE-TIME]", train.run);
  add_number<int>(verb, "--epochs", "passes over the training images", s.epochs,
                  {"a whole number from 1 to 100000", [](int n) { return n >= 1 && n <= 100000; }});
  add_number<int>(verb, "--batch", "images a step", s.batch,
                  {"a whole number above 0", [](int n) { return n >= 1; }});
  // Before --lr and --weight-decay, which overrule what it sets.
  const auto take_optimizer = [&verb, &s](const std::string& word) {
    for (const Optimizer optimizer : {Optimizer::sgd, Optimizer::adam, Optimizer::adamw})
      if (word == to_string(optimizer)) {
        const TrainSettings usual = usual_settings(s.optimizer = optimizer);
        s.rate = usual.rate;
        s.weight_decay = usual.weight_decay;
        if (optimizer != Optimizer::sgd && verb.count("--momentum") > 0)
          refuse("--momentum belongs to sgd, but --optimizer is " + word);
        return;
      }
    refuse("--optimizer is " + word + ", but can be sgd, adam or adamw");
  };
  add_value(verb, "--optimizer", "NAME", "sgd, adam (lr 0.001, decay 0) or adamw (0.001, 0.01) [sgd]",
            take_optimizer);
  add_number<float>(verb, "--lr", "learning rate at first; falls along a cosine to 0", s.rate,
                    {"a number above 0", [](float x) { return x > 0 && std::isfinite(x); }});
  add_number<float>(verb, "--momentum", "of sgd", s.momentum,
                    {"a number from 0 to below 1", [](float x) { return x >= 0 && x < 1; }});
  add_number<float>(verb, "--weight-decay", "how strongly weights are pulled to 0", s.weight_decay,
                    {"a number of at least 0", [](float x) { return x >= 0 && std::isfinite(x); }});
  add_number<uint64_t>(verb, "--seed", "of weights and order: same seed, same bits", s.seed,
                       {"a whole number from 0 to 2^64 - 1", [](uint64_t) { return true; }});
  add_device(verb, train.device, s.precision);
  verb.add_flag("--check", train.check, "rerun each step on the CPU, stop where one differs")
      ->disable_flag_override();
  verb.add_flag("--profile", train.profile, "time every kernel of the step, train nothing")
      ->disable_flag_override();
  verb.add_flag("--table", train.table, "print the step's kernels and tensors, train nothing")
      ->disable_flag_override();
}

void add_eval(CLI::App& verb, EvalCommand& eval) {
  add_text(verb, "FILE", "FILE", "a model.safetensors that train wrote", eval.weights);
  verb.get_option("FILE")->required();
  add_data(verb, eval.data);
  add_device(verb, eval.device, eval.precision);
}

void add_describe(CLI::App& verb, DescribeCommand& describe) {
  add_text(verb, "MODEL", "MODEL", "the model: lenet", describe.model);
  verb.get_option("MODEL")->required();
  add_number<int>(verb, "--batch", "images at a time", describe.batch,
                  {"a whole number above 0", [](int n) { return n >= 1; }});
  add_number<int>(verb, "--classes", "that it tells apart", describe.classes,
                  {"a whole number from 2 to 65535", [](int n) { return n >= 2 && n <= 65535; }});
}

// "--data idx:DIR", "--check", "MODEL"
std::string form_of(const CLI::Option& option) {
  if (option.get_lnames().empty()) return option.get_name();
  return "--" + option.get_lnames()[0] +
         (option.get_items_expected_max() > 0 ? " " + option.get_type_name() : "");
}

// In 80 columns.
std::string help_of(const CLI::App& verb) {
  std::string usage = "dlfs " + verb.get_name(), rows;
  bool more = false;
  for (const CLI::Option* option : verb.get_options()) {
    const std::string form = form_of(*option);
    if (option->get_required()) usage += " " + form;
    more |= !option->get_required() && form != "--help";
    rows += "  " + form + std::string(form.size() < 18 ? 20 - form.size() : 2, ' ') +
            option->get_description() + "\n";
  }
  return concat(usage, more ? " [flags]" : "", ": ", verb.get_description(), "\n\n", rows);
}

// "--eposh" -> "there is no --eposh; did you mean --epochs?"
std::string unknown_word(const CLI::App& verb, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  const bool flag = bare.size() < name.size(), whole = verb.get_parent() == nullptr;
  std::vector<std::string> known;
  if (flag)
    for (const CLI::Option* option : verb.get_options())
      for (const std::string& long_name : option->get_lnames()) known.push_back(long_name);
  else
    for (const CLI::App* other : verb.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(other->get_name());
  const std::string near = nearest(bare, known), who = whole ? "dlfs" : "dlfs " + verb.get_name();
  const std::string fact = flag    ? "there is no " + name
                           : whole ? "there is no verb " + name
                                   : verb.get_name() + " has no place for " + name;
  return fact + (near.empty() ? "; " + who + " --help shows what there is"
                              : concat("; did you mean ", flag ? "--" : "", near, "?"));
}

// Why the parser refused the words of a verb.
std::string refusal(const CLI::App& verb, const CLI::ParseError& error) {
  std::string text = error.what();
  const std::string name = text.substr(0, text.find_first_of(": "));  // of the option that it is about
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_name() != name && option->get_name() != "--" + name) continue;
    if (option->get_items_expected_max() == 0) return option->get_name() + " takes no value";
    if (option->count() > 1) return concat(name, " is given ", option->count(), " times");
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
      return name + " needs a value, " + option->get_type_name();
  }
  for (const CLI::Option* option : verb.get_options())
    if (option->get_required() && option->count() == 0)
      return concat(verb.get_name(), " needs ", form_of(*option), ", ", option->get_description());
  return text;
}

}  // namespace

Command parse_command_line(int count, const char* const* words) {
  const std::string version = std::string("dlfs ") + DLFS_VERSION;
  CLI::App program("", "dlfs");
  program.set_version_flag("--version", version);
  program.require_subcommand(0, 1);
  TrainCommand train;
  CLI::App& train_verb = *program.add_subcommand("train", "train a model on labelled images");
  add_train(train_verb, train);
  EvalCommand eval;
  CLI::App& eval_verb = *program.add_subcommand("eval", "measure a model file on test images");
  add_eval(eval_verb, eval);
  DescribeCommand describe;
  CLI::App& describe_verb = *program.add_subcommand("describe", "show a model's layers and sizes");
  add_describe(describe_verb, describe);
  CLI::App& doctor_verb = *program.add_subcommand("doctor", "say what this machine has, and lacks");
  for (CLI::App* app : {&train_verb, &eval_verb, &describe_verb, &doctor_verb, &program}) {
    app->allow_extras();
    app->set_help_flag("-h,--help", "show this text");  // set anew, it comes last
  }

  const auto spoken_to = [&]() -> const CLI::App& {
    const auto verbs = program.get_subcommands();
    return verbs.empty() ? program : *verbs[0];
  };
  const auto refuse_unknown_words = [&] {
    for (const CLI::App* app : std::initializer_list<const CLI::App*>{&spoken_to(), &program})
      if (const auto unknown = app->remaining(); !unknown.empty()) refuse(unknown_word(*app, unknown[0]));
  };
  try {
    program.parse(count, words);
  } catch (const CLI::CallForHelp&) {
    return ShowText{&spoken_to() == &program ? about : help_of(spoken_to())};
  } catch (const CLI::CallForVersion&) {
    return ShowText{version + "\n"};
  } catch (const CLI::ParseError& error) {
    // A flag taken for a value, or a word that nobody knows, explains a missing one better.
    for (const CLI::Option* option : spoken_to().get_options())
      if (option->get_items_expected_max() > 0 && option->count() > 0)
        refuse_no_value(option->get_name(), option->get_type_name(), option->results()[0]);
    refuse_unknown_words();
    refuse(refusal(spoken_to(), error));
  }
  refuse_unknown_words();
  if (train_verb.parsed()) return train;
  if (eval_verb.parsed()) return eval;
  if (describe_verb.parsed()) return describe;
  if (doctor_verb.parsed()) return DoctorCommand{};
  return ShowText{about};
}

}  // namespace dlfs
