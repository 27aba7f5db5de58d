// The program as its most hostile user sees it: what it is told, where it writes, what stops it. What its files hold
// is in program_files_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <sstream>
#include <thread>

#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/testing/small_data.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

using Words = std::vector<std::string>;

const std::vector<std::string> whole_run = {"config.json",       "learning_curve.png", "log.jsonl",
                                            "model.safetensors", "predictions.png",    "result.json"};

Json json_file(const std::string& path) { return Json::parse(text_of(read_file(path)), path); }

// The last line of a text.
std::string last_line(std::string text) {
  if (!text.empty()) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

struct Program : ::testing::Test {
  Program() { write_small_data(folder / "data"); }

  // train lenet on the small data in a run folder of this name, on the CPU
  Words train(const std::string& run, const Words& more = {}) const {
    Words words = {"train", "lenet", "--data", data, "--device", "cpu", "--run", folder / run};
    if (std::find(more.begin(), more.end(), "--epochs") == more.end())
      words.insert(words.end(), {"--epochs", "1"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void expect_no_run(const std::string& run) const {
    EXPECT_FALSE(std::filesystem::exists(folder / run)) << "something was left in " << run;
  }

  Folder folder;
  std::string data = "idx:" + folder / "data";
};

TEST_F(Program, TrainsThenEvaluatesToTheSameFigure) {
  const Ended trained = run_program(train("run", {"--epochs", "12", "--seed", "7"}));
  ASSERT_EQ(trained.code, 0) << trained.err;
  EXPECT_EQ(trained.err, "");
  EXPECT_EQ(names_in(folder / "run"), whole_run);

  const Json result = json_file(folder / "run/result.json");
  const auto field = [&](const char* name) -> const Json& {
    static const Json none;
    const Json* found = result.find(name);
    EXPECT_NE(found, nullptr) << name;
    return found ? *found : none;
  };
  const double accuracy = field("test_accuracy").number().value_or(-1);
  EXPECT_EQ(accuracy, static_cast<double>(*field("test_correct").integer()) / 64);
  EXPECT_GT(accuracy, 0.5);
  EXPECT_GT(field("train_images_per_second").number().value_or(0), 0);
  EXPECT_EQ(field("epochs").integer(), 12);
  EXPECT_EQ(field("seed").integer(), 7);
  ASSERT_NE(field("device").string(), nullptr);
  EXPECT_EQ(field("device").string()->substr(0, 4), "cpu:");

  const Ended evaluated =
      run_program({"eval", folder / "run/model.safetensors", "--data", data, "--device", "cpu"});
  EXPECT_EQ(evaluated.code, 0) << evaluated.err;
  const std::string line =
      concat("accuracy ", fixed(accuracy, 4), " (", *field("test_correct").integer(), " of 64)");
  EXPECT_EQ(evaluated.out, line + "\n");
  EXPECT_NE(trained.out.find("\n" + line + ", "), std::string::npos) << trained.out;
  EXPECT_EQ(last_line(trained.out), "weights and pictures are in " + folder / "run");
}

TEST_F(Program, TheSameSeedWritesTheSameWeights) {
  for (const Words& more : {Words{"a", "1"}, {"b", "1"}, {"c", "2"}})
    ASSERT_EQ(run_program(train(more[0], {"--seed", more[1]})).code, 0);
  const auto weights = [&](const std::string& run) { return read_file(folder / run + "/model.safetensors"); };
  EXPECT_EQ(weights("a"), weights("b"));
  EXPECT_NE(weights("a"), weights("c"));
}

TEST_F(Program, TakesItsOptimizerByName) {
  struct Case {
    Words words;
    std::string name;
    double rate, decay;
  };
  for (const Case& of :
       {Case{{}, "sgd", 0.02, 0.001},
        {{"--momentum", "0.5"}, "sgd", 0.02, 0.001},
        {{"--optimizer", "adam"}, "adam", 0.001, 0},
        {{"--weight-decay", "0.5", "--optimizer", "adamw", "--lr", "0.25"}, "adamw", 0.25, 0.5},
        {{"--optimizer", "adamw"}, "adamw", 0.001, 0.01},
        {{"--nesterov", "--schedule", "steps:1", "--epochs", "2", "--warmup", "0.5", "--label-smoothing",
          "0.1", "--accumulate", "2"},
         "sgd",
         0.02,
         0.001},
        {{"--momentum", "0.8", "--optimizer", "lars", "--precision", "bf16"}, "lars", 2, 0.0001}}) {
    const std::string run = "run of " + join(of.words, " ");
    ASSERT_EQ(run_program(train(run, of.words)).code, 0) << run;
    const Json config = json_file(folder / run + "/config.json");
    EXPECT_EQ(*config.find("optimizer")->string(), of.name) << run;
    EXPECT_EQ(*config.find("decode")->string(), "cpu") << run;
    EXPECT_FLOAT_EQ(config.find("lr")->number().value(), of.rate) << run;
    EXPECT_FLOAT_EQ(config.find("weight_decay")->number().value(), of.decay) << run;
    EXPECT_EQ(config.find("momentum") != nullptr, of.name == "sgd" || of.name == "lars") << run;
  }
  expect_refused(train("run", {"--momentum", "0.9", "--optimizer", "adam"}),
                 "--momentum belongs to sgd and lars, but --optimizer is adam");
  expect_refused(train("run", {"--nesterov", "--optimizer", "lars"}),
                 "--nesterov belongs to sgd, but --optimizer is lars");
  expect_refused(train("run", {"--fast", "--precision", "bf16"}),
                 "[train] --fast is for f16, but the precision is bf16");
  expect_refused(train("run", {"--schedule", "steps:5", "--epochs", "5"}),
                 "[train] the rate first falls after epoch 5, but the run has 5");
  expect_refused(
      train("run", {"--test-resize", "113"}),
      "[train] --test-resize is 113, but lenet would then see only its middle 28 pixels; take at most 112");
  expect_refused(train("run", {"--decode", "gpu"}),
                 "[train] --decode gpu needs a GPU, but the device is the CPU");
  expect_refused(train("run", {"--optimizer", "adagrad"}),
                 "--optimizer is adagrad, but can be sgd, adam, adamw or lars");
  expect_no_run("run");
}

// 128 images are 4 batches.
TEST_F(Program, SaysWhichBatchesMakeNoStep) {
  const auto said = [&](const std::string& accumulate) {
    return run_program(train("of " + accumulate, {"--batch", "32", "--accumulate", accumulate})).out;
  };
  EXPECT_NE(said("3").find("\nthe run has 4 batches: the last 1 make no whole step of 3\n"),
            std::string::npos);
  EXPECT_EQ(said("2").find("whole step"), std::string::npos);
}

TEST_F(Program, ARunWithoutANameFindsAFreeOne) {
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Words words = {"train", "lenet", "--data", data, "--device", "cpu", "--epochs", "1"};
  std::filesystem::create_symlink("runs", "runs");
  EXPECT_EQ(run_program(words).code, 2) << "no folder can be made there";
  std::filesystem::remove("runs");
  const std::time_t now = std::time(nullptr);
  for (std::time_t second = now; second < now + 60; ++second) {  // whenever it starts
    char name[64];
    std::strftime(name, sizeof name, "runs/lenet-%Y%m%d-%H%M%S", std::localtime(&second));
    make_directories(name);
    write_file(concat(name, "/config.json"), "precious");
  }
  const Ended ended = run_program(words);
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(last_line(ended.out).substr(last_line(ended.out).size() - 2), "-2") << ended.out;
  std::filesystem::current_path(before);
}

TEST_F(Program, ChecksPrintsItsTableAndExaminesTheMachine) {
  const Ended checked = run_program(train("checked", {"--check"}));
  EXPECT_EQ(checked.code, 0) << checked.err;
  EXPECT_NE(checked.out.find("--check compares the CPU with itself"), std::string::npos);
  EXPECT_NE(checked.out.find("every step gave what the CPU gives\n"), std::string::npos);

  const Words step = {"train", "lenet", "--data", data, "--device", "cpu"};
  const auto with = [](Words words, const std::string& flag) {
    words.push_back(flag);
    return words;
  };
  const Ended table = run_program(with(step, "--table"));
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("conv1.weight"), std::string::npos);
  const Ended profile = run_program(with(step, "--profile"));
  EXPECT_EQ(profile.code, 0) << profile.err;
  EXPECT_NE(profile.out.find("conv2 backward: "), std::string::npos) << profile.out;
  EXPECT_NE(profile.out.find("\nfloor: at copy "), std::string::npos) << profile.out;

  const Ended doctor = run_program({"doctor"});
  EXPECT_EQ(doctor.code, 0) << doctor.err;
  EXPECT_EQ(doctor.out.find("dlfs      " DLFS_VERSION), 0U);
}

TEST_F(Program, HelpFitsAnOldTerminal) {
  for (const Words& words : {Words{},
                             {"--help"},
                             {"train", "--help"},
                             {"eval", "-h"},
                             {"predict", "--help"},
                             {"bench", "--help"},
                             {"describe", "--help"},
                             {"doctor", "--help"}}) {
    const Ended help = run_program(words);
    EXPECT_EQ(help.code, 0);
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
    EXPECT_EQ(help.out.find("dlfs "), 0U);
    EXPECT_EQ(help.err, "");
  }
  EXPECT_EQ(run_program({"--version"}).out, "dlfs " DLFS_VERSION "\n");
}

TEST_F(Program, RefusesWordsThatItDoesNotKnow) {
  expect_refused(train("run", {"--eposh", "3"}), "there is no --eposh; did you mean --epochs?");
  expect_refused(train("run", {"-epochs", "3"}), "there is no -epochs; did you mean --epochs?");
  expect_refused(train("run", {"--no-check"}),
                 "there is no --no-check; dlfs train --help shows what there is");
  expect_refused(train("run", {"--gpus", "3"}), "there is no --gpus; dlfs train --help shows what there is");
  expect_refused({"eval", "x", "--data", data, "--seed", "1"},
                 "there is no --seed; dlfs eval --help shows what there is");
  expect_refused({"trian"}, "there is no verb trian; did you mean train?");
  expect_refused({"fly"}, "there is no verb fly; dlfs --help shows what there is");
  expect_refused({"--versoin"}, "there is no --versoin; did you mean --version?");
  expect_refused({"doctor", "now"}, "doctor has no place for now; dlfs doctor --help shows what there is");
  const Ended model = run_program({"train", "lenett", "--data", data, "--run", folder / "run"});
  EXPECT_EQ(model.code, 2);
  EXPECT_EQ(model.err.find("dlfs: [model] there is no model lenett; did you mean lenet?"), 0U) << model.err;
  expect_no_run("run");
}

TEST_F(Program, RefusesWhatIsMissingTwiceOrTooMuch) {
  expect_refused({"train"}, "train needs MODEL, a model, say lenet or resnet50; any other word lists all");
  expect_refused({"train", "lenet"},
                 "train needs --data DATA, a store of import's, or idx:DIR, MNIST's four files");
  expect_refused({"eval"}, "eval needs WEIGHTS, a model.safetensors that train wrote");
  expect_refused(train("run", {"--seed"}), "--seed needs a value, N");
  expect_refused({"train", "lenet", "--run", "--data", data}, "--run needs a value, DIR, before --data");
  expect_refused(train("run", {"--run="}), "--run needs a value, DIR");
  expect_refused(train("run", {"--data", data}), "--data is given 2 times");
  expect_refused(train("run", {"--check=maybe"}), "--check takes no value");
  expect_no_run("run");
}

TEST_F(Program, RefusesValuesThatCannotBe) {
  const std::string epochs = "a whole number from 1 to 100000", rate = "a number from 1e-30 to 1e30";
  const std::string seed = "a whole number from 0 to 2^64 - 1", momentum = "a number from 0 to below 1";
  const std::string decay = "a number from 0 to 1e30", batch = "a whole number from 1 to 2147483647";
  struct Case {
    std::string flag, value, must_be;
  };
  for (const Case& wrong : {Case{"--epochs", "three", epochs},
                            {"--epochs", "3.5", epochs},
                            {"--epochs", "0", epochs},
                            {"--epochs", "-1", epochs},
                            {"--epochs", "100001", epochs},
                            {"--epochs", "9999999999", epochs},
                            {"--batch", "0", batch},
                            {"--batch", "64x", batch},
                            {"--batch", "99999999999999", batch},
                            {"--lr", "abc", rate},
                            {"--lr", "0", rate},
                            {"--lr", "-0.1", rate},
                            {"--lr", "nan", rate},
                            {"--lr", "inf", rate},
                            {"--lr", "1e999", rate},
                            {"--lr", "1e50", rate},
                            {"--lr", "1e-50", rate},
                            {"--momentum", "1", momentum},
                            {"--momentum", "-0.1", momentum},
                            {"--weight-decay", "-0.5", decay},
                            {"--weight-decay", "inf", decay},
                            {"--weight-decay", "1e300", decay},
                            {"--seed", "-1", seed},
                            {"--seed", "18446744073709551616", seed}}) {
    expect_refused(train("run", {wrong.flag, wrong.value}),
                   wrong.flag + " is " + wrong.value + ", but must be " + wrong.must_be);
  }
  expect_refused(train("run", {"--precision", "f8"}), "--precision is f8, but can be f32, tf32, f16 or bf16");
  for (const std::string type : {"tf32", "f16"})
    expect_refused(
        train("run", {"--precision", type}),
        "--precision is " + type + ", but a CPU computes in f32 or bf16; leave it out, or name a GPU");
  expect_refused(train("run", {"--batch", "129"}),
                 "[train] a batch of 129 is not between 1 and the 128 training images");
  expect_refused({"train", "lenet", "--data", data, "--device", "cpu", "--batch", "2000000000", "--table"},
                 "[train] a batch of 2000000000 is not between 1 and the 128 training images");
  expect_no_run("run");
}

TEST_F(Program, RefusesDevicesThatAreNotThere) {
  const auto on = [&](const std::string& device) {
    return Words{"train", "lenet", "--data", data, "--run", folder / "run", "--device", device};
  };
  for (const std::string name : {"tpu", "gpu", "gpu:", "gpu:x", "gpu:-1", "gpu:0x", "gpu:99999999999", "CPU"})
    expect_refused(on(name),
                   "--device is " + name + ", but can be auto, cpu, or gpu:N with a number N, as gpu:0");
  Words absent = {"gpu:7"};
  if (!look_for_gpus().why_not.empty()) absent.push_back("gpu:0");
  for (const std::string& name : absent) {
    const Ended ended = run_program(on(name));
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(ended.err.find("dlfs: [gpu] "), 0U) << ended.err;
  }
  expect_no_run("run");
}

// The figures of LeNet, worked out by hand: 20*25 + 20, 50*500 + 50, 500*800 + 500, 10*500 + 10 parameters; 576*500,
// 64*50*500, 500*800 and 5000 products; conv1's map of 24*24*20 floats
// lives together with the pooled one behind it, and the images stay: 2 * 4 * (11520 + 2880 + 784) bytes and alignment.
TEST_F(Program, DescribesAModel) {
  const Ended ended = run_program({"describe", "lenet", "--batch", "2"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  const auto expect_row = [&](const Words& words) {
    size_t at = 0;
    for (const std::string& word : words) {
      const size_t found = ended.out.find(word, at);
      ASSERT_NE(found, std::string::npos) << word << " is missing in\n" << ended.out;
      at = found + word.size();
    }
  };
  expect_row({"conv1", "conv", "24x24x20", "520", "288,000"});
  expect_row({"conv2", "conv", "8x8x50", "25,050", "1,600,000"});
  expect_row({"fc1", "linear", "1x1x500", "400,500", "400,000"});
  expect_row({"fc2", "linear", "1x1x10", "5,010", "5,000"});
  expect_row({"parameters", "431,080", "(1.6 MiB in f32)"});
  expect_row({"multiply-adds", "2,293,000"});
  expect_row({"arena", "118.8 KiB"});
  expect_row({"arena to train", "KiB"});
  expect_row({"beside it", "4.9 MiB"});
  expect_refused({"describe", "lenett"},
                 "[model] there is no model lenett; did you mean lenet? Models: lenet, small_cnn, resnet18, "
                 "resnet34, resnet50, resnet101, resnet152, resnext50_32x4d, resnet18_small, resnet20, "
                 "resnet32, resnet44, resnet56, squeezenet1_1");
  expect_refused({"describe", "lenet", "--batch", "0"},
                 "--batch is 0, but must be a whole number from 1 to 2147483647");
}

// Norms are folded in inference: a line a convolution, with the parameters of both.
TEST_F(Program, DescribesAModelWithNorms) {
  const std::string shown = run_program({"describe", "resnet18", "--classes", "1000"}).out;
  EXPECT_EQ(shown.find("fold_norm"), std::string::npos) << shown;
  for (const char* words : {"conv1                  conv      112x112x64       9,536    118,013,952",
                            "parameters      11,689,512", "multiply-adds   1,814,073,344"})
    EXPECT_NE(shown.find(words), std::string::npos) << words << " is missing in\n" << shown;
}

TEST_F(Program, RefusesRunFoldersThatCannotBe) {
  write_file(folder / "file", "text");
  const std::string below = folder / "file/run", endless = folder / std::string(300, 'a');
  expect_refused(train("file/run"),
                 "[file] " + below + ": cannot make the folder: " + folder / "file is a file");
  expect_refused(train("file"),
                 "[file] " + folder / "file: cannot make the folder: " + folder / "file is a file");
  expect_refused(train(std::string(300, 'a')),
                 "[file] " + endless + ": cannot make the folder: File name too long");
  EXPECT_EQ(text_of(read_file(folder / "file")), "text");
}

TEST_F(Program, NeverWritesOverARun) {
  for (const std::string& name : whole_run) {
    const std::string run = folder / "run of " + name;
    make_directories(run);
    const std::string file = concat(run, "/", name);
    write_file(file, "precious");
    expect_refused(train("run of " + name), concat("[run] ", run, " holds a run already (", name,
                                                   "); name another folder with --run, or remove it"));
    EXPECT_EQ(names_in(run), Words{name});
    EXPECT_EQ(text_of(read_file(file)), "precious");
  }
  make_directories(folder / "notes");
  write_file(folder / "notes/my notes.txt", "mine");
  EXPECT_EQ(run_program(train("notes")).code, 0);
  EXPECT_EQ(text_of(read_file(folder / "notes/my notes.txt")), "mine");
}

TEST_F(Program, AFullDiskLeavesNothingHalfWritten) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "the thread sanitizer keeps its own notes in files, and the limit on files reaches them";
#endif
  const Ended ended = run_program(train("run"), {.out = "", .max_file_bytes = 300 << 10});
  EXPECT_EQ(ended.code, 2);
  EXPECT_EQ(ended.err, "dlfs: [file] " + folder / "run/model.safetensors: cannot write: File too large\n");
  EXPECT_EQ(names_in(folder / "run"), (Words{"config.json", "log.jsonl"}));

  const Ended at_once = run_program(train("fuller"), {.out = "/dev/null", .max_file_bytes = 100});
  EXPECT_EQ(at_once.code, 2);
  EXPECT_EQ(names_in(folder / "fuller"), Words{});
}

TEST_F(Program, ALossThatIsNoNumberEndsTheRun) {
  expect_refused(
      train("run", {"--lr", "1e9"}),
      "[train] the loss is NaN at step 2; a lower --lr may help, --watch names the first value that "
      "went wrong");
  EXPECT_EQ(names_in(folder / "run"), (Words{"config.json", "log.jsonl"}));
}

TEST_F(Program, WatchesAndNamesTheFirstValueThatIsNotFinite) {
  const Ended fast = run_program(train("fast", {"--lr", "1e9", "--watch"}));
  EXPECT_EQ(fast.code, 2);
  EXPECT_EQ(fast.err.find("dlfs: [watch] step 2, fc2: linear forward wrote "), 0U) << fast.err;
  ASSERT_EQ(run_program(train("plain")).code, 0);
  ASSERT_EQ(run_program(train("watched", {"--watch", "--check"})).code, 0);
  EXPECT_EQ(read_file(folder / "plain/model.safetensors"), read_file(folder / "watched/model.safetensors"));
}

TEST_F(Program, StandardOutputThatCannotBeWrittenIsAnError) {
  for (const Words& words : {Words{"doctor"}, {"--help"}, train("full")}) {
    const Ended ended = run_program(words, {.out = "/dev/full"});
    EXPECT_EQ(ended.code, 2);
    EXPECT_EQ(ended.err, "dlfs: standard output cannot be written\n");
  }
  const Ended closed = run_program(train("closed"), {.out = "", .out_closed = true});
  EXPECT_EQ(closed.code, 2);
  EXPECT_EQ(closed.err, "dlfs: standard output cannot be written\n");
  // The log must not have got the number of the output, and with it our lines.
  std::istringstream log(std::string(text_of(read_file(folder / "closed/log.jsonl"))));
  for (std::string line; std::getline(log, line);) EXPECT_EQ(line.front(), '{') << line;
}

TEST_F(Program, AnInterruptedRunStaysReadable) {
  Spawn program(train("run", {"--epochs", "100000"}));
  const std::string log = folder / "run/log.jsonl";
  for (int i = 0; i < 1000 && !(std::filesystem::exists(log) && std::filesystem::file_size(log) > 0); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  program.signal(SIGINT);
  EXPECT_NE(program.wait().code, 0);
  EXPECT_EQ(names_in(folder / "run"), (Words{"config.json", "log.jsonl"}));
  EXPECT_EQ(json_file(folder / "run/config.json").find("epochs")->integer(), 100000);
  const std::string text(text_of(read_file(log)));
  ASSERT_EQ(text.back(), '\n');
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    EXPECT_NE(Json::parse(line, log).find("step"), nullptr) << line;
}

}  // namespace
}  // namespace dlfs::testing
