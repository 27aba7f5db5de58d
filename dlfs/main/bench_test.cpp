// `dlfs bench`: what it counts is right; what it measures hangs together.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/models/models.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

std::vector<Json> bench(const std::vector<std::string>& more) {
  std::vector<std::string> words = {"bench", "--device", "cpu"};
  words.insert(words.end(), more.begin(), more.end());
  const Ended ended = run_program(words);
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.err, "");
  std::vector<Json> lines;
  std::istringstream stream(ended.out);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line, "bench"));
  return lines;
}

double number(const Json& line, const std::string& name) {
  const Json* found = line.find(name);
  EXPECT_NE(found, nullptr) << name;
  return found == nullptr ? NAN : found->number().value_or(NAN);
}

std::string text(const Json& line, const std::string& name) {
  const Json* found = line.find(name);
  return found == nullptr || found->string() == nullptr ? "" : *found->string();
}

// The measured time stands to the floor as the ratio says, and the floor to the rates.
void expect_figures(const Json& line, bool one_step) {
  EXPECT_GT(number(line, "ms"), 0);
  EXPECT_NEAR(number(line, "ratio") / (number(line, "ms") / number(line, "floor_ms")), 1, 2e-3);
  const double of_bytes = number(line, "bytes") / number(line, "copy_gb_per_s") / 1e6,
               of_flops = number(line, "flops") / number(line, "matrix_gflop_per_s") / 1e6;
  if (one_step) {
    EXPECT_NEAR(number(line, "floor_ms") / std::max(of_bytes, of_flops), 1, 2e-3);
  } else {
    EXPECT_GT(number(line, "floor_ms"), std::max(of_bytes, of_flops) * 0.999);
    EXPECT_LT(number(line, "floor_ms"), of_bytes + of_flops);
  }
}

// A forward step of LeNet has 2,293,000 products an image (288,000 of conv1's). Backward repeats them twice, but conv1 for
// its filters alone; to add up the gradients of biases is no matrix work.
TEST(Bench, CountsATrainingStep) {
  const auto lines = bench({"train", "lenet", "--batch", "8"}),
             again = bench({"train", "lenet", "--batch", "8"});
  ASSERT_EQ(lines.size(), 1U);
  const Json& line = lines[0];
  EXPECT_EQ(text(line, "model"), "lenet");
  EXPECT_EQ(text(line, "precision"), "f32");
  EXPECT_EQ(text(line, "device").substr(0, 4), "cpu:");
  EXPECT_EQ(number(line, "batch"), 8);
  EXPECT_EQ(number(line, "flops"), 2 * 8 * (3 * 2293000 - 288000));
  EXPECT_NEAR(number(line, "images_per_s") / (8e3 / number(line, "ms")), 1, 0.01);
  expect_figures(line, false);
  EXPECT_GT(number(line, "first_loss"), number(line, "loss_after_20"));
  EXPECT_EQ(number(line, "loss_after_20"), number(again.at(0), "loss_after_20"));
}

// Forward alone, and the same numbers each time; memory holds at least the parameters and the arena.
TEST(Bench, CountsInference) {
  const std::vector<std::string> words = {"infer", "lenet", "--batch", "8", "--rounds", "1"};
  const auto lines = bench(words), again = bench(words);
  ASSERT_EQ(lines.size(), 1U);
  const Json& line = lines[0];
  EXPECT_EQ(text(line, "what"), "infer");
  EXPECT_EQ(number(line, "flops"), 2 * 8 * 2293000);
  EXPECT_EQ(text(line, "finite"), "yes");
  EXPECT_NE(number(line, "logits_sum"), 0);
  EXPECT_EQ(number(line, "logits_sum"), number(again.at(0), "logits_sum"));
  EXPECT_GT(number(line, "peak_bytes"), 4 * 431080 + number(line, "arena_bytes"));
  EXPECT_GT(number(line, "compile_seconds"), 0);
  expect_figures(line, false);
}

TEST(Bench, CountsOps) {
  const auto linear = bench({"ops", "linear 800>500", "--batch", "4"});
  ASSERT_EQ(linear.size(), 2U);
  const double x = 4 * 4 * 800, w = 4 * 500 * 800, bias = 4 * 500, y = 4 * 4 * 500, products = 4 * 800 * 500;
  EXPECT_EQ(text(linear[0], "half"), "forward");
  EXPECT_EQ(number(linear[0], "bytes"), x + w + bias + y);
  EXPECT_EQ(number(linear[0], "flops"), 2 * products);
  EXPECT_EQ(text(linear[1], "half"), "backward");
  EXPECT_EQ(number(linear[1], "bytes"), 2 * x + 2 * w + bias + y);
  EXPECT_EQ(number(linear[1], "flops"), 2 * 2 * products);
  for (const Json& line : linear) {
    EXPECT_EQ(text(line, "op"), "linear 800>500");
    EXPECT_EQ(number(line, "n"), 4);
    EXPECT_EQ(text(line, "engine").substr(0, 6), "onednn");
    expect_figures(line, true);
  }
  // An update reads parameter, gradient and momentum, and writes two of them.
  const auto sgd = bench({"ops", "sgd 431", "--batch", "4"});
  ASSERT_EQ(sgd.size(), 1U);
  EXPECT_EQ(text(sgd[0], "half"), "update");
  EXPECT_EQ(number(sgd[0], "bytes"), 5 * 4 * 431000 + 4);
  EXPECT_EQ(number(sgd[0], "flops"), 0);
}

// Each row of the list can be run: on one image, and without losing a half.
TEST(Bench, RunsTheWholeList) {
  const auto lines = bench({"ops", "--batch", "1"});
  EXPECT_GE(lines.size(), 125U);
  for (const Json& line : lines) expect_figures(line, true);
}

TEST(Bench, ItsTableFitsAnOldTerminal) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"bench", "ops", "softmax", "--table"},
        {"bench", "train", "lenet", "--batch", "8", "--table"},
        {"bench", "infer", "lenet", "--batch", "8", "--table", "--profile", "--rounds", "1"},
        {"bench", "card", "dropout", "--batch", "1"}}) {
    const Ended ended = run_program(words);
    EXPECT_EQ(ended.code, 0) << ended.err;
    EXPECT_NE(ended.out.find("floor_ms   ratio"), std::string::npos) << ended.out;
    std::istringstream lines(ended.out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(width(line), 80) << line;
  }
}

TEST(Bench, RefusesWhatItCannotRun) {
  std::vector<std::string> known;
  for (const Model& model : models()) known.push_back(model.name);
  const std::string names = join(known, ", ");
  const std::string which = " needs NAME, a model, say lenet or resnet50; any other word lists all";
  expect_refused({"bench"}, "bench needs WHAT, ops: one by one; train, infer: a step; card; load");
  expect_refused({"bench", "fly"}, "WHAT is fly, but can be ops, train, infer, card or load");
  expect_refused({"bench", "train"}, "bench train" + which);
  expect_refused({"bench", "infer"}, "bench infer" + which);
  expect_refused({"bench", "train", "lenett"},
                 "[model] there is no model lenett; did you mean lenet? Models: " + names);
  expect_refused({"bench", "train", "lenet", "--threads", "3"},
                 "--threads belongs to bench load, but WHAT is train");
  expect_refused({"bench", "ops", "add", "--profile"},
                 "--profile belongs to bench train or infer, but WHAT is ops");
  expect_refused({"bench", "card", "--precision", "bf16"},
                 "--precision belongs to bench ops, train or infer, but WHAT is card");
  expect_refused({"bench", "infer", "lenet", "--fast"},
                 "[bench] --fast is for train in f16, but this is infer in f32");
  for (const char* what : {"ops", "card"})
    expect_refused(
        {"bench", what, "fly"},
        "[bench] no op's name holds fly; there are adam, add, avg_pool, batch_norm, concat, conv, dropout, "
        "linear, max_pool, mean, mean_squared_error, multiply, prepare, relu, sgd, sigmoid_cross_entropy, "
        "smooth_l1, softmax_cross_entropy, upsample");
}

}  // namespace
}  // namespace dlfs::testing
