#include "dlfs/main/command_line.h"

#include <algorithm>
#include <map>

#include "dlfs/main/flags.h"
#include "dlfs/main/help_notes.h"

namespace dlfs {
namespace {

constexpr const char* about = "dlfs trains, measures and uses vision models, on a GPU where there is one.\n";

constexpr const char* one_of_models = "a model, say lenet or resnet50; any other word lists all";

constexpr Allowed<int> class_count = {2, 65535}, at_least_one = {1, 2147483647}, thread_count = {0, 256};
constexpr Allowed<uint64_t> any_seed = {0, UINT64_MAX, "a whole number from 0 to 2^64 - 1"};
constexpr Allowed<float> below_one = {0, 0x1.fffffep-1F, "a number from 0 to below 1"};

// `files`: how many of them it reads.
void add_data(CLI::App& verb, std::string& data, const std::string& files) {
  add_text(verb, "--data", "DATA", "a store of import's, or idx:DIR, MNIST's " + files, data);
}

void add_device(CLI::App& verb, std::string& device, Precision& precision) {
  add_text(verb, "--device", "NAME", "auto (a GPU where there is one), cpu or gpu:N [auto]", device);
  add_choice<Precision>(verb, "--precision", "TYPE", "f32, bf16, or on a GPU f16 or tf32; see train [f32]",
                        {Precision::f32, Precision::tf32, Precision::f16, Precision::bf16},
                        [&precision](Precision one) { precision = one; });
}

void add_decode(CLI::App& verb, bool& on_device) {
  add_choice<std::string>(verb, "--decode", "WHERE", "cpu: the same pixels everywhere; gpu: by nvJPEG [cpu]",
                          {"cpu", "gpu"},
                          [&on_device](const std::string& word) { on_device = word == "gpu"; });
}

void add_optimizer(CLI::App& verb, TrainSettings& s) {
  // Before --lr and --weight-decay, which overrule what it sets.
  const auto take_optimizer = [&verb, &s](Optimizer optimizer) {
    const TrainSettings usual = usual_settings(s.optimizer = optimizer);
    s.rate = usual.rate;
    s.weight_decay = usual.weight_decay;
    const bool has_momentum = optimizer == Optimizer::sgd || optimizer == Optimizer::lars;
    if (!has_momentum && is_given(verb, "--momentum"))
      refuse("--momentum belongs to sgd and lars, but --optimizer is " + to_string(optimizer));
    if (optimizer != Optimizer::sgd && is_given(verb, "--nesterov"))
      refuse("--nesterov belongs to sgd, but --optimizer is " + to_string(optimizer));
  };
  add_choice<Optimizer>(verb, "--optimizer", "NAME", "sgd, adam, adamw or lars; see below [sgd]",
                        {Optimizer::sgd, Optimizer::adam, Optimizer::adamw, Optimizer::lars}, take_optimizer);
  add_number<float>(verb, "--lr", "learning rate, the highest", s.rate,
                    {1e-30F, 1e30F, "a number from 1e-30 to 1e30"}, "sgd's ");
  add_value(verb, "--schedule", "WORDS", "how it falls: cosine, constant, steps:30,60,80 [cosine]",
            [&s](const std::string& words) {
              const float warmup = s.schedule.warmup;
              s.schedule = parse_schedule(words);
              s.schedule.warmup = warmup;
            });
  add_number<float>(verb, "--warmup", "epochs in which it rises first", s.schedule.warmup, {0, 100000});
  add_number<float>(verb, "--momentum", "of sgd and lars", s.momentum, below_one);
  add_switch(verb, "--nesterov", "of sgd: look ahead along the momentum", s.nesterov);
  add_number<float>(verb, "--weight-decay", "how strongly weights are pulled to 0", s.weight_decay,
                    {0, 1e30F, "a number from 0 to 1e30"}, "sgd's ");
  add_number<float>(verb, "--label-smoothing", "what all other classes share of a label", s.label_smoothing,
                    below_one);
}

void add_train(CLI::App& verb, TrainCommand& train) {
  TrainSettings& s = train.settings;
  add_text(verb, "MODEL", "MODEL", one_of_models, train.model);
  add_data(verb, train.data, "four files");
  add_text(verb, "--run", "DIR", "a new folder for the run [runs/MODEL-DATE-TIME]", train.run);
  add_text(verb, "--weights", "FILE", "of this model, to begin with; see below", train.weights);
  add_number<int>(verb, "--epochs", "passes over the training images", s.epochs, {1, 100000});
  add_number<int>(verb, "--batch", "images a step", s.batch, at_least_one);
  add_number<int>(verb, "--accumulate", "batches that make one step of the weights", s.accumulate,
                  at_least_one);
  add_optimizer(verb, s);
  add_number<uint64_t>(verb, "--seed", "of weights and order: same seed, same bits", s.seed, any_seed);
  const auto take_augment = [&train](const std::string& words) { train.augment = parse_augment(words); };
  add_value(verb, "--augment", "WORDS", "as flip,crop=4, or none; see below [the model's]", take_augment);
  add_number<int>(verb, "--test-resize", "shorter side of test images; see below; 0: stretched",
                  train.test_resize, {0, largest_test_resize});
  add_decode(verb, s.decode_on_device);
  add_number<int>(verb, "--threads", "that read and prepare images; 0: as suits the device", s.threads,
                  thread_count);
  add_device(verb, train.device, s.precision);
  add_switch(verb, "--fast", "of f16: quicker norms, but last bits vary by run", s.fast);
  add_switch(verb, "--check", "rerun each step on the CPU, stop where one differs", train.check);
  add_switch(verb, "--watch", "stop at the first value that is infinite or NaN", s.watch);
  add_switch(verb, "--profile", "time every kernel of the step, train nothing", train.profile);
  add_switch(verb, "--table", "print the step's kernels and tensors, train nothing", train.table);
  require(verb, {"MODEL", "--data"});
}

void add_eval(CLI::App& verb, EvalCommand& eval) {
  add_text(verb, "WEIGHTS", "WEIGHTS", "a model.safetensors that train wrote", eval.weights);
  add_data(verb, eval.data, "two test files");
  add_device(verb, eval.device, eval.precision);
  require(verb, {"WEIGHTS", "--data"});
}

void add_predict(CLI::App& verb, PredictCommand& predict) {
  add_text(verb, "WEIGHTS", "WEIGHTS", "a model.safetensors that train wrote", predict.weights);
  add_list(verb, "IMAGE...", "JPEG, PNG or PGM files", predict.images);
  add_number<int>(verb, "--top", "classes to show of each image", predict.top, at_least_one);
  add_switch(verb, "--json", "one JSON object an image, each on a line", predict.json);
  add_device(verb, predict.device, predict.precision);
  require(verb, {"WEIGHTS", "IMAGE..."});
}

// "224" or "1344x800"
Size parse_size(const std::string& word) {
  const std::vector<std::string> sides = split(word, 'x');
  const Size size = {parse_number<int>(sides.front()).value_or(0),
                     parse_number<int>(sides.back()).value_or(0)};
  const auto fits = [](int side) { return side >= 1 && side <= 8192; };
  if (sides.size() > 2 || !fits(size.width) || !fits(size.height))
    refuse("--size is " + word + ", but must be as 224 or 1344x800, each from 1 to 8192");
  return size;
}

void add_bench(CLI::App& verb, BenchCommand& bench) {
  add_choice<std::string>(verb, "WHAT", "WHAT", "ops: one by one; train, infer: a step; card; load",
                          {"ops", "train", "infer", "card", "load"},
                          [&bench](const std::string& word) { bench.what = word; });
  add_text(verb, "NAME", "NAME", "a part of the names of ops; the model; the store", bench.name);
  add_number<int>(verb, "--batch", "images a step", bench.batch, at_least_one);
  add_number<int>(verb, "--classes", "of train and infer", bench.classes, class_count);
  add_number<int>(verb, "--rounds", "to take the median of; 0: half a second, 3 to 9", bench.rounds,
                  {0, 1000});
  add_switch(verb, "--fast", "of train in f16: quicker norms, but last bits vary by run", bench.fast);
  add_switch(verb, "--profile", "of train and infer: where the time goes, by block and step", bench.profile);
  add_value(verb, "--size", "WxH", "of images [the model's; for load 224x224]",
            [&bench](const std::string& word) { bench.size = parse_size(word); });
  add_decode(verb, bench.decode_on_device);
  add_number<int>(verb, "--threads", "of load; 0: as suits the device", bench.threads, thread_count);
  add_device(verb, bench.device, bench.precision);
  add_switch(verb, "--table", "a short table, as on a terminal, not JSON lines", bench.table);
  require(verb, {"WHAT"});
}

void add_describe(CLI::App& verb, DescribeCommand& describe) {
  add_text(verb, "MODEL", "MODEL", one_of_models, describe.model);
  add_number<int>(verb, "--batch", "images at a time", describe.batch, at_least_one);
  add_number<int>(verb, "--classes", "that it tells apart", describe.classes, class_count);
  require(verb, {"MODEL"});
}

void add_split(CLI::App& verb, std::optional<Split>& split, const std::string& what) {
  add_choice<Split>(verb, "--split", "NAME", what, {Split::train, Split::validation, Split::test},
                    [&split](Split one) { split = one; });
}

void add_review(CLI::App& verb, DataCommand& data) {
  add_choice<std::string>(verb, "WHAT", "WHAT", "audit: say what is wrong; browse: make a page of images",
                          {"audit", "browse"}, [&data](const std::string& word) { data.what = word; });
  add_text(verb, "STORE", "STORE", "a store that dlfs import made", data.store);
  add_switch(verb, "--all", "of audit: name every finding and class", data.all);
  add_switch(verb, "--json", "of audit: one JSON object", data.json);
  add_number<int>(verb, "--threads", "of audit, that read images; 0: one a core", data.threads, thread_count);
  add_text(verb, "--out", "DIR", "of browse, as all below: a new folder for the page", data.out);
  add_split(verb, data.split, "only images of train, val or test");
  add_text(verb, "--class", "NAME", "only images that show this class", data.category);
  add_number<int>(verb, "--count", "images on the page", data.count, {1, 10000});
  add_number<uint64_t>(verb, "--seed", "of which images, and of what happens to them", data.seed, any_seed);
  add_value(verb, "--augment", "WORDS", "as of train [none]",
            [&data](const std::string& words) { data.augment = parse_augment(words); });
  add_value(verb, "--size", "WxH", "what the network takes [224x224]",
            [&data](const std::string& word) { data.size = parse_size(word); });
  require(verb, {"WHAT", "STORE"});
}

// Flags of audit do nothing for browse, and the other way round.
void refuse_other_flags(const CLI::App& verb, const DataCommand& data) {
  const bool audit = data.what == "audit";
  for (const char* flag : {"--all", "--json", "--threads"})
    if (!audit && is_given(verb, flag)) refuse(concat(flag, " belongs to data audit, but WHAT is browse"));
  for (const char* flag : {"--out", "--split", "--class", "--count", "--seed", "--augment", "--size"})
    if (audit && is_given(verb, flag)) refuse(concat(flag, " belongs to data browse, but WHAT is audit"));
  if (!audit && data.out.empty()) refuse("data browse needs --out DIR, a new folder for the page");
}

// A name that is needed, and flags that only some kinds of bench look at.
void refuse_other_flags(const CLI::App& verb, const BenchCommand& bench) {
  if ((bench.what == "train" || bench.what == "infer") && bench.name.empty())
    refuse(concat("bench ", bench.what, " needs NAME, ", one_of_models));
  if (bench.what == "load" && bench.name.empty())
    refuse("bench load needs NAME, a store that dlfs import made");
  const char* const owners[][2] = {{"--classes", "train or infer"},
                                   {"--rounds", "train or infer"},
                                   {"--profile", "train or infer"},
                                   {"--precision", "ops, train or infer"},
                                   {"--size", "train, infer or load"},
                                   {"--decode", "load"},
                                   {"--threads", "load"}};
  for (const auto& [flag, whats] : owners)
    if (is_given(verb, flag) && std::string(whats).find(bench.what) == std::string::npos)
      refuse(concat(flag, " belongs to bench ", whats, ", but WHAT is ", bench.what));
}

// The word FORMAT, one of these.
void add_format(CLI::App& verb, std::string& format, const std::vector<std::string>& formats) {
  const std::string all = join(formats, ", ");
  add_value(verb, "FORMAT", "FORMAT", "see below", [=, &format](const std::string& word) {
    if (std::find(formats.begin(), formats.end(), word) == formats.end())
      refuse(concat("FORMAT is ", word, ", but can be ", all));
    format = word;
  });
}

void add_import(CLI::App& verb, ImportCommand& import) {
  add_format(verb, import.request.format, import_formats());
  add_text(verb, "PATH", "PATH", "the folder or file to import", import.request.path);
  add_text(verb, "--db", "FILE", "the annotation store to import into, made if need be", import.store);
  add_text(verb, "--json", "FILE", "the annotation file, where its place is not the usual one",
           import.request.json);
  add_text(verb, "--images", "DIR", "the folder of the images, likewise", import.request.images);
  add_split(verb, import.request.split, "train, val or test, for all images");
  add_text(verb, "--model", "NAME", "of coco-results: whose predictions they are", import.request.model);
  require(verb, {"FORMAT", "PATH", "--db"});
}

void add_export(CLI::App& verb, ExportCommand& exported) {
  add_format(verb, exported.request.format, export_formats());
  add_text(verb, "PATH", "PATH", "the file or folder to make", exported.request.path);
  add_text(verb, "--db", "FILE", "the annotation store to export from", exported.store);
  add_split(verb, exported.request.split, "only the images for train, val or test");
  add_text(verb, "--model", "NAME", "of coco-results and label-studio: whose predictions",
           exported.request.model);
  require(verb, {"FORMAT", "PATH", "--db"});
}

// What would be done with a run that there is none of.
void refuse_flags_of_a_run(const CLI::App& verb, const TrainCommand& train) {
  if (!train.table && !train.profile) return;
  for (const char* flag : {"--check", "--watch", "--run", "--epochs", "--weights"})
    if (is_given(verb, flag))
      refuse(concat(train.profile ? "--profile" : "--table", " trains nothing, so leave out ", flag));
}

// The verbs with their flags, and by name the command that was told, once the words are parsed.
struct Verbs {
  Verbs() {
    add("train", "train a model on labelled images", train_notes, add_train, refuse_flags_of_a_run);
    add("eval", "measure a model file on test images", eval_notes, add_eval);
    add("predict", "say what images show", predict_notes, add_predict);
    add("bench", "time operations or a training step", bench_notes, add_bench, refuse_other_flags);
    add("data", "look at images and labels before training", data_notes, add_review, refuse_other_flags);
    add("describe", "show a model's layers, parameters and memory", describe_notes, add_describe);
    add("import", "take in other tools' annotations", import_notes, add_import);
    add("export", "write annotations for other tools", export_notes, add_export);
    add<DoctorCommand>("doctor", "say what this machine has, and what it lacks", "",
                       [](CLI::App&, DoctorCommand&) {});
  }

  std::string overview() const { return concat(about, "\n", words.verbs(), about_more); }

  Words words{std::string("dlfs ") + DLFS_VERSION};
  std::map<std::string, std::function<Command()>> commands;

 private:
  // `judge` refuses words that do not go together.
  template <typename Told>
  void add(const char* name, const char* what, const char* notes, void (*add_flags)(CLI::App&, Told&),
           void (*judge)(const CLI::App&, const Told&) = nullptr) {
    CLI::App& verb = words.add_verb(name, what, notes);
    const auto told = std::make_shared<Told>();
    add_flags(verb, *told);
    commands[name] = [=, &verb]() -> Command {
      if (judge != nullptr) judge(verb, *told);
      return *told;
    };
  }
};

// "help", "help VERB"
std::string help(const Verbs& verbs, int count, const char* const* words) {
  if (count == 2) return verbs.overview();
  const std::vector<std::string> known = verbs.words.names();
  if (count > 3) refuse(concat("help has no place for ", words[3], "; dlfs --help shows what there is"));
  if (std::find(known.begin(), known.end(), words[2]) == known.end())
    refuse(
        concat("there is no verb ", *words[2] == 0 ? "\"\"" : words[2], "; dlfs --help shows what there is"));
  return verbs.words.help(words[2]);
}

}  // namespace

std::string command_line_page() {
  const Verbs verbs;
  std::string page =
      "# The program\n\nWhat `dlfs --help` and `dlfs VERB --help` say. `./dev cli` writes this page; a test "
      "holds it to "
      "them.\n\n```text\n" +
      verbs.overview() + "```\n";
  for (const std::string& name : verbs.words.names())
    page += concat("\n## dlfs ", name, "\n\n```text\n", verbs.words.help(name), "```\n");
  return page;
}

Command parse_command_line(int count, const char* const* words) {
  if (count == 2 && std::string(words[1]) == "--help-markdown") return ShowText{command_line_page()};
  Verbs verbs;
  if (count > 1 && std::string(words[1]) == "help") return ShowText{help(verbs, count, words)};
  const Words::Parsed said = verbs.words.parse(count, words);
  if (said.version) return ShowText{std::string("dlfs ") + DLFS_VERSION + "\n"};
  if (said.verb.empty()) return ShowText{verbs.overview()};
  if (said.help) return ShowText{verbs.words.help(said.verb)};
  return verbs.commands.at(said.verb)();
}

}  // namespace dlfs
