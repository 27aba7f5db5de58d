#include "dlfs/ops/batch_norm/batch_norm.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {
namespace {

enum class Add : uint8_t { nothing, plain, projected };

struct Row {
  std::string name;
  Shape x;
  Add add = Add::nothing;
  BatchNormSettings settings = {};
  bool sums = false;
  bool speed = false;
};

// x, scale, bias, mean, variance, sums of one side.
void append_side(std::vector<CaseInput>& inputs, const Row& row) {
  const Spec channels{{1, 1, 1, row.x.c}};
  const double count = static_cast<double>(row.x.count() / row.x.c);
  CaseInput x{.spec = {row.x}, .low = -1, .high = 1.5, .matrix = true};
  // So few different numbers that none comes so near a ReLU's kink that two devices see different signs.
  const int values = inputs.empty() ? 61 : 53;
  for (int i = 0; row.speed && i < values; ++i) x.given.push_back((i * 17 % values - values / 2) / 32.0);
  inputs.push_back(x);
  inputs.push_back({.spec = channels, .low = 0.5, .high = 1.5});
  inputs.push_back({.spec = channels});
  inputs.push_back({.spec = channels, .low = -0.5, .high = 0.5, .gradient = false});
  inputs.push_back({.spec = channels, .low = 0.5, .high = 1.5, .gradient = false});
  inputs.push_back({.spec = row.sums ? Spec{{1, 1, 2, row.x.c}} : absent,
                    .low = 0.4 * count,
                    .high = 0.6 * count,
                    .gradient = false});
}

OpCase case_of(const Row& row) {
  BatchNormSettings settings = row.settings;
  settings.projects = row.add == Add::projected;
  OpCase of{.name = "batch_norm/" + row.name,
            .function = batch_norm_function(settings),
            .inputs = {},
            .first_gradient_only = true,
            .golden = !row.speed,
            .speed = row.speed,
            .narrow = !row.speed || row.sums};
  append_side(of.inputs, row);
  append_side(of.inputs, row);
  for (size_t i = row.add == Add::projected ? 12 : row.add == Add::plain ? 7 : 6; i < 12; ++i)
    of.inputs[i].spec = absent;
  return of;
}

}  // namespace

std::vector<OpCase> batch_norm_cases() {
  constexpr BatchNormSettings relu{.relu = true}, frozen{.frozen = true},
      frozen_relu{.relu = true, .frozen = true};
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "one channel", .x = {2, 5, 7, 1}},
           {.name = "three channels", .x = {3, 5, 5, 3}},
           {.name = "eight channels", .x = {2, 6, 6, 8}},
           {.name = "twelve channels", .x = {3, 5, 5, 12}},
           {.name = "64 channels", .x = {2, 7, 5, 64}},
           {.name = "2048 channels", .x = {4, 3, 2, 2048}},
           {.name = "1001 channels", .x = {5, 2, 2, 1001}},
           {.name = "a vector", .x = {64, 1, 1, 24}},
           {.name = "many positions", .x = {4, 41, 40, 4}},
           {.name = "epsilon", .x = {2, 5, 5, 8}, .settings = {.epsilon = 0.1F}},
           {.name = "relu, one channel", .x = {2, 5, 7, 1}, .settings = relu},
           {.name = "relu, three channels", .x = {3, 5, 5, 3}, .settings = relu},
           {.name = "relu", .x = {3, 6, 5, 64}, .settings = relu},
           {.name = "relu, 2048 channels", .x = {4, 3, 2, 2048}, .settings = relu},
           {.name = "shortcut", .x = {3, 5, 5, 12}, .add = Add::plain},
           {.name = "shortcut, relu", .x = {3, 5, 5, 64}, .add = Add::plain, .settings = relu},
           {.name = "shortcut, relu, one channel", .x = {3, 5, 3, 1}, .add = Add::plain, .settings = relu},
           {.name = "shortcut, relu, three channels", .x = {3, 5, 7, 3}, .add = Add::plain, .settings = relu},
           {.name = "shortcut, relu, 2048 channels",
            .x = {4, 3, 2, 2048},
            .add = Add::plain,
            .settings = relu},
           {.name = "projected", .x = {3, 5, 5, 12}, .add = Add::projected},
           {.name = "projected, relu", .x = {3, 5, 5, 64}, .add = Add::projected, .settings = relu},
           {.name = "projected, relu, three channels",
            .x = {3, 5, 7, 3},
            .add = Add::projected,
            .settings = relu},
           {.name = "frozen", .x = {3, 5, 5, 8}, .settings = frozen},
           {.name = "frozen, one position", .x = {1, 1, 1, 12}, .settings = frozen},
           {.name = "frozen, relu", .x = {3, 5, 5, 12}, .settings = frozen_relu},
           {.name = "frozen, shortcut, relu", .x = {3, 5, 5, 64}, .add = Add::plain, .settings = frozen_relu},
           {.name = "frozen, projected, relu",
            .x = {3, 5, 5, 64},
            .add = Add::projected,
            .settings = frozen_relu},
           // ResNet-50
           {.name = "speed 64 at 112", .x = {32, 112, 112, 64}, .settings = relu, .speed = true},
           {.name = "speed 64 at 56, sums",
            .x = {32, 56, 56, 64},
            .settings = relu,
            .sums = true,
            .speed = true},
           {.name = "speed 64 at 56", .x = {32, 56, 56, 64}, .settings = relu, .speed = true},
           {.name = "speed 256 at 56, joins",
            .x = {32, 56, 56, 256},
            .add = Add::plain,
            .settings = relu,
            .speed = true},
           {.name = "speed 256 at 56, projects",
            .x = {32, 56, 56, 256},
            .add = Add::projected,
            .settings = relu,
            .speed = true},
           {.name = "speed 512 at 28, projects, sums",
            .x = {8, 28, 28, 512},
            .add = Add::projected,
            .settings = relu,
            .sums = true,
            .speed = true},
           {.name = "speed 512 at 28, joins",
            .x = {32, 28, 28, 512},
            .add = Add::plain,
            .settings = relu,
            .speed = true},
           {.name = "speed 256 at 14", .x = {32, 14, 14, 256}, .settings = relu, .speed = true},
           {.name = "speed 256 at 14, batch 256", .x = {256, 14, 14, 256}, .settings = relu, .speed = true},
           {.name = "speed 2048 at 7, joins",
            .x = {32, 7, 7, 2048},
            .add = Add::plain,
            .settings = relu,
            .speed = true},
           {.name = "speed 2048 at 7, joins, batch 256",
            .x = {256, 7, 7, 2048},
            .add = Add::plain,
            .settings = relu,
            .speed = true},
           {.name = "speed 512 at 7", .x = {32, 7, 7, 512}, .settings = relu, .speed = true},
       })
    all.push_back(case_of(row));
  return all;
}

std::vector<OpCase> batch_norm_statistics_cases() {
  struct Row {
    std::string name;
    std::vector<int> channels;
    std::vector<double> factor = {};  // empty: none
  };
  std::vector<OpCase> all;
  for (const Row& row : std::vector<Row>{
           {.name = "one norm", .channels = {12}},
           {.name = "three norms", .channels = {64, 3, 1001}},
           {.name = "a step that counts", .channels = {5, 7}, .factor = {1}},
           {.name = "a step that does not count", .channels = {5, 7}, .factor = {0}},
       }) {
    StatisticsSettings settings;
    for (size_t i = 0; i < row.channels.size(); ++i) {
      settings.momentum.push_back(i == 0 ? 0.1F : 0.25F);
      settings.count.push_back(i == 0 ? 2 : 40);
    }
    OpCase of{.name = "batch_norm_statistics/" + row.name, .function = {}, .inputs = {}};
    of.function = statistics_function(settings);
    of.inputs.push_back({.spec = row.factor.empty() ? absent : Spec{{1, 1, 1, 1}}, .given = row.factor});
    for (const int statistics : {0, 0, 1})
      for (const int c : row.channels) of.inputs.push_back({.spec = {{1, 1, 1 + statistics, c}}, .low = 0.1});
    all.push_back(of);
  }
  return all;
}

DLFS_OP_TESTS(BatchNorm, batch_norm_cases())
DLFS_OP_TESTS(BatchNormStatistics, batch_norm_statistics_cases())

}  // namespace dlfs::testing
