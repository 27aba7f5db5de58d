#include "dlfs/ops/conv/conv.h"

#include <gtest/gtest.h>

#include <cmath>

#include "dlfs/graph/plan.h"
#include "dlfs/tensor/half.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/devices.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/op_checks.h"

namespace dlfs::testing {

struct ConvCase {
  std::string name;
  Shape x, w;
  bool bias = false;
  ConvSettings settings = {};
  bool speed = false;
  Precision precision = Precision::f32;
  bool golden = true;
};

static OpCase conv_case(const ConvCase& of) {
  const bool f32 = of.precision == Precision::f32, sums = of.settings.sums || of.settings.moments;
  return {.name = "conv/" + of.name,
          .function = conv_function(of.settings),
          .inputs = {{.spec = {of.x}, .matrix = true},
                     {.spec = {of.w}, .matrix = true},
                     {.spec = of.bias ? Spec{{1, 1, 1, of.w.n}} : absent}},
          .precision = of.precision,
          .gradient = !sums,
          .golden = of.golden && !of.speed && f32,
          .speed = of.speed,
          .narrow = f32 && !sums};
}

std::vector<OpCase> conv_cases() {
  std::vector<OpCase> all;
  for (const ConvCase& of : std::vector<ConvCase>{
           {.name = "1x1", .x = {3, 5, 4, 6}, .w = {7, 1, 1, 6}},
           {.name = "3x3", .x = {2, 7, 6, 8}, .w = {16, 3, 3, 8}},
           {.name = "3x3 pad bias",
           .x = {2, 7, 6, 8},
           .w = {16, 3, 3, 8},
           .bias = true,
           .settings = {.pad = 1}},
           {.name = "3x3 pad bias relu",
           .x = {2, 7, 6, 8},
           .w = {16, 3, 3, 8},
           .bias = true,
           .settings = {.pad = 1, .relu = true}},
           {.name = "relu without bias", .x = {2, 6, 6, 3}, .w = {5, 3, 3, 3}, .settings = {.relu = true}},
           {.name = "stride 2",
           .x = {2, 9, 8, 4},
           .w = {6, 3, 3, 4},
           .bias = true,
           .settings = {.stride = 2, .pad = 1}},
           {.name = "1x1 stride 2", .x = {2, 7, 7, 8}, .w = {8, 1, 1, 8}, .settings = {.stride = 2}},
           {.name = "stride 3 leaves pixels unread",
           .x = {1, 11, 11, 3},
           .w = {4, 2, 2, 3},
           .settings = {.stride = 3}},
           {.name = "dilation 2",
           .x = {2, 9, 9, 4},
           .w = {6, 3, 3, 4},
           .bias = true,
           .settings = {.pad = 2, .dilation = 2}},
           {.name = "groups 2",
           .x = {2, 6, 6, 8},
           .w = {12, 3, 3, 4},
           .bias = true,
           .settings = {.pad = 1, .groups = 2}},
           {.name = "depthwise",
           .x = {2, 8, 8, 12},
           .w = {12, 3, 3, 1},
           .settings = {.stride = 2, .pad = 1, .groups = 12}},
           {.name = "wide filter", .x = {2, 8, 12, 3}, .w = {5, 2, 5, 3}, .bias = true},
           {.name = "pad beyond the filter", .x = {1, 4, 4, 2}, .w = {3, 2, 2, 2}, .settings = {.pad = 3}},
           {.name = "7x7 stem", .x = {2, 20, 20, 3}, .w = {8, 7, 7, 3}, .settings = {.stride = 2, .pad = 3}},
           {.name = "lenet conv1",
           .x = {4, 28, 28, 1},
           .w = {20, 5, 5, 1},
           .bias = true,
           .settings = {.relu = true}},
           {.name = "lenet conv2",
           .x = {4, 12, 12, 20},
           .w = {50, 5, 5, 20},
           .bias = true,
           .settings = {.relu = true}},
           {.name = "resnet stem",
           .x = {1, 30, 30, 4},
           .w = {64, 7, 7, 4},
           .settings = {.stride = 2, .pad = 3},
           .golden = false},
           {.name = "3x3 stem",
           .x = {2, 28, 28, 8},
           .w = {64, 3, 3, 8},
           .settings = {.pad = 1},
           .golden = false},
           {.name = "3x3 stem, odd sizes",
           .x = {2, 9, 21, 8},
           .w = {64, 3, 3, 8},
           .settings = {.pad = 1},
           .golden = false},
           {.name = "3x3 stem, 16 filters",
           .x = {1, 40, 70, 8},
           .w = {16, 3, 3, 8},
           .settings = {.pad = 1},
           .golden = false},
           {.name = "resnet 3x3 stride 2",
           .x = {2, 10, 10, 64},
           .w = {128, 3, 3, 64},
           .settings = {.stride = 2, .pad = 1},
           .golden = false},
           {.name = "resnet 1x1 stride 2",
           .x = {2, 9, 9, 64},
           .w = {128, 1, 1, 64},
           .settings = {.stride = 2},
           .golden = false},
           {.name = "resnet 3x3 of 64 channels",  // in 16 bits by our own kernel on an H100
            .x = {45, 13, 21, 64},
           .w = {64, 3, 3, 64},
           .bias = true,
           .settings = {.pad = 1, .relu = true},
           .golden = false},
           {.name = "resnet stem in blocks",  // so, too
            .x = {18, 35, 35, 16},
           .w = {64, 4, 4, 16},
           .golden = false},
           {.name = "resnext 32x4d",
           .x = {1, 6, 6, 128},
           .w = {128, 3, 3, 4},
           .bias = true,
           .settings = {.pad = 1, .groups = 32, .relu = true},
           .golden = false},
           {.name = "sums",
           .x = {2, 9, 9, 16},
           .w = {32, 3, 3, 16},
           .settings = {.pad = 1, .sums = true},
           .golden = false},
           {.name = "moments",
           .x = {2, 9, 9, 16},
           .w = {32, 3, 3, 16},
           .settings = {.pad = 1, .moments = true},
           .golden = false},
           {.name = "tf32 3x3",
           .x = {4, 16, 16, 64},
           .w = {64, 3, 3, 64},
           .bias = true,
           .settings = {.pad = 1},
           .precision = Precision::tf32},
           {.name = "tf32 lenet conv1",
           .x = {4, 28, 28, 1},
           .w = {20, 5, 5, 1},
           .bias = true,
           .settings = {.relu = true},
           .precision = Precision::tf32},
           {.name = "speed lenet conv1",
           .x = {256, 28, 28, 1},
           .w = {20, 5, 5, 1},
           .bias = true,
           .settings = {.relu = true},
           .speed = true},
           {.name = "speed lenet conv2",
           .x = {256, 12, 12, 20},
           .w = {50, 5, 5, 20},
           .bias = true,
           .settings = {.relu = true},
           .speed = true},
           {.name = "speed lenet conv2 tf32",
           .x = {256, 12, 12, 20},
           .w = {50, 5, 5, 20},
           .bias = true,
           .settings = {.relu = true},
           .speed = true,
           .precision = Precision::tf32},
           {.name = "speed 3x3 64 channels",
           .x = {32, 56, 56, 64},
           .w = {64, 3, 3, 64},
           .settings = {.pad = 1},
           .speed = true},
       })
    all.push_back(conv_case(of));
  return all;
}

DLFS_OP_TESTS(Conv, conv_cases())

// A step that diverged must show: no ReLU may turn NaN into 0.
static void expect_nan_to_show(Device& device) {
  const OpCase of = conv_case(
      {.name = "nan", .x = {2, 6, 6, 8}, .w = {8, 3, 3, 8}, .bias = true, .settings = {.relu = true}});
  OpRun run(device, of);
  Numbers bias = case_input(of, 2);
  bias[3] = std::nan("");
  run.set_input(2, bias);
  run.forward();
  const Numbers y = run.results()[0];
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 8 == 3) << "element " << i;
}

TEST(Conv, NanComesThroughTheRelu) { expect_nan_to_show(*open_cpu()); }

TEST(GpuConv, NanComesThroughTheRelu) {
  DLFS_NEEDS_GPU(gpu);
  expect_nan_to_show(*gpu);
}

// One tensor as filter and as bias: its two gradients go to one place, in the order of the inputs.
static void expect_both_gradients_of_one_parameter(Device& device) {
  const Spec map{{1, 2, 2, 1}}, one{};
  const MemoryPtr memory = device.allocate(8 * alignment);
  const auto tensor = [&](int place, const Spec& spec, std::vector<float> values) {
    const Tensor made{spec, memory->at(place * alignment)};
    device.upload(made, values.data(), device.stream());
    return made;
  };
  const Tensor x = tensor(0, map, {1, 2, 3, 4}), p = tensor(1, one, {5}), d_y = tensor(2, map, {1, 1, 1, 1}),
               d_p = tensor(3, one, {100});
  Scratch scratch;
  const Site site{{x, p, p}, {Tensor{}}, {}, {d_y}, {{}, {d_p, Write::set}, {d_p, Write::add}}, scratch};
  const KernelPtr kernel = conv_function({})->backward(device, site);
  scratch.allocate(device);
  kernel->run(device.stream());
  float found = 0;
  device.download(d_p, &found, device.stream());
  EXPECT_EQ(found, 14);  // 1 + 2 + 3 + 4, and 4 for the bias
}

TEST(Conv, OneParameterMayBeFilterAndBias) { expect_both_gradients_of_one_parameter(*open_cpu()); }

TEST(GpuConv, OneParameterMayBeFilterAndBias) {
  DLFS_NEEDS_GPU(gpu);
  expect_both_gradients_of_one_parameter(*gpu);
}

struct Inference {
  Precision precision;
  bool together;   // in one call, or what follows the bias by hand
  DType rounding;  // of all numbers
};

// relu(conv(x, w) + bias + add) of an inference whose weights were set after it was compiled.
static Numbers inferred(Device& device, const ConvCase& of, const Inference& how) {
  State state(1);
  Trace trace(state, {.mode = Mode::infer, .precision = how.precision});
  const DType type = matrix_type(how.precision);
  const Param w = state.add("w", {of.w}, Role::parameter, {}, FileLayout::filter);
  const Param bias = state.add("bias", {{1, 1, 1, of.w.n}}, Role::parameter, {});
  ConvInputs in{.x = trace.input("x", {of.x, type}), .w = trace.weight(w), .bias = trace.param(bias)};
  const Shape y = conv_function(of.settings)->infer({{Spec{of.x}, Spec{of.w}, absent}}).outputs[0].shape;
  const Value add = trace.input("add", {y, type});
  if (how.together) in.add = add;
  ConvSettings settings = of.settings;
  settings.relu = how.together;
  const Value made = conv(in, settings).y;
  trace.output("y", made);
  Plan plan(std::move(trace));
  plan.compile(device);

  const auto content = [&](const std::string& key, const Spec& spec) {
    const Numbers numbers = random_numbers(key, spec.shape.count(), -1, 1);
    std::vector<float> wide(numbers.begin(), numbers.end());
    std::vector<std::byte> rounded(bytes({spec.shape, how.rounding})), stored(bytes(spec));
    convert(wide.data(), DType::f32, rounded.data(), how.rounding, wide.size());
    convert(rounded.data(), how.rounding, stored.data(), spec.dtype, wide.size());
    return stored;
  };
  state.set(device, w, content("w", {of.w}).data());
  state.set(device, bias, content("bias", {{1, 1, 1, of.w.n}}).data());
  plan.refresh(device.stream());
  for (const char* name : {"x", "add"})
    device.upload(plan[name], content(name, plan[name].spec).data(), device.stream());
  plan.run(device.stream());
  std::vector<std::byte> found(bytes(plan["y"].spec));
  device.download(plan["y"], found.data(), device.stream());
  Numbers numbers(static_cast<size_t>(y.count()));
  const std::vector<std::byte> added = content("add", {y, type});
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = number_at(found.data(), type, i);
    if (!how.together) numbers[i] = std::max(0.0, numbers[i] + number_at(added.data(), type, i));
  }
  return numbers;
}

// In 16 bits the result is rounded once, and the bias is.
static void expect_one_kernel_in_inference(Device& cpu, Device& device,
                                           const std::vector<Precision>& precisions) {
  for (const ConvCase& of : std::vector<ConvCase>{
           {.name = "3x3", .x = {2, 9, 9, 32}, .w = {64, 3, 3, 32}, .settings = {.pad = 1}},
           {.name = "1x1 stride 2", .x = {2, 9, 9, 64}, .w = {128, 1, 1, 64}, .settings = {.stride = 2}},
           {.name = "groups", .x = {2, 6, 6, 64}, .w = {64, 3, 3, 4}, .settings = {.pad = 1, .groups = 16}},
           {.name = "odd channels", .x = {2, 6, 5, 3}, .w = {7, 3, 2, 3}}})
    for (const Precision precision : precisions) {
      const DType type = matrix_type(precision);
      const Numbers wanted = inferred(cpu, of, {Precision::f32, false, type});
      const Numbers found = inferred(device, of, {precision, true, type});
      const Signature signature = conv_function(of.settings)->infer({{Spec{of.x}, Spec{of.w}, absent}});
      expect_rows(
          {{concat("conv/inference ", of.name, " ", to_string(precision)), relative_error(found, wanted),
            output_tolerance(signature, precision) + 2 * storage_tolerance(type), ""}});
    }
}

TEST(Conv, IsOneKernelInInference) {
  const auto cpu = open_cpu();
  expect_one_kernel_in_inference(*cpu, *cpu, {Precision::f32, Precision::bf16});
}

TEST(GpuConv, IsOneKernelInInference) {
  DLFS_NEEDS_GPU(gpu);
  expect_one_kernel_in_inference(*open_cpu(), *gpu,
                                 {Precision::f32, Precision::tf32, Precision::f16, Precision::bf16});
}

// What a batch norm takes: sums of y and of its squares over all positions.
static void expect_sums(Device& device, const std::vector<Precision>& precisions) {
  for (const int channels : {64, 20})
    for (const bool bias : {false, true})
      for (const Precision precision : precisions) {
        const OpCase wide = conv_case({.name = concat("sums of ", channels),
                                       .x = {4, 17, 15, 64},
                                       .w = {channels, 3, 3, 64},
                                       .bias = bias,
                                       .settings = {.pad = 1, .sums = true}});
        OpCase of = narrow_twin(wide, precision);
        of.gradient = false;
        OpRun run(device, of);
        run.forward();
        const Numbers y = run.results()[0];
        Numbers wanted(2 * static_cast<size_t>(channels)), sizes(wanted.size());
        for (size_t i = 0; i < y.size(); ++i) {
          const size_t c = i % static_cast<size_t>(channels), square = c + static_cast<size_t>(channels);
          wanted[c] += y[i];
          sizes[c] += std::abs(y[i]);
          wanted[square] += y[i] * y[i];
          sizes[square] += y[i] * y[i];
        }
        const Numbers found = run.results()[1];
        double error = 0;
        for (size_t i = 0; i < wanted.size(); ++i)
          error = std::max(error, std::abs(found[i] - wanted[i]) / sizes[i]);
        // cuDNN may add up what it has not rounded yet.
        expect_rows(
            {{concat(of.name, " ", to_string(precision), bias ? " bias" : ""), error,
              output_tolerance(run.signature(), Precision::f32) + storage_tolerance(matrix_type(precision)),
              run.broken_guards()}});
      }
}

TEST(Conv, GivesTheSumsOfItsChannels) { expect_sums(*open_cpu(), {Precision::f32, Precision::bf16}); }

TEST(GpuConv, GivesTheSumsOfItsChannels) {
  DLFS_NEEDS_GPU(gpu);
  expect_sums(*gpu, {Precision::f32, Precision::f16, Precision::bf16});
}

// And their mean and variance, though the mean be a hundred deviations away; the last shape is one for our own 3x3.
static void expect_moments(Device& device, const std::vector<Precision>& precisions) {
  struct Shapes {
    Shape x, w;
  };
  for (const auto& [x, w] : {Shapes{{4, 17, 15, 8}, {20, 3, 3, 8}}, Shapes{{10, 24, 24, 64}, {64, 3, 3, 64}}})
    for (const Precision precision : precisions) {
      const OpCase wide = conv_case({.name = concat("moments of ", w.n),
                                     .x = x,
                                     .w = w,
                                     .bias = true,
                                     .settings = {.pad = 1, .moments = true}});
      OpCase of = narrow_twin(wide, precision);
      of.gradient = false;
      OpRun run(device, of);
      const auto channels = static_cast<size_t>(w.n);
      run.set_input(2, Numbers(channels, 100));
      run.forward();
      const Numbers y = run.results()[0], found = run.results()[1];
      Numbers mean(channels), variance(channels);
      const size_t rows = y.size() / channels;
      const auto positions = static_cast<double>(rows);
      for (size_t i = 0; i < y.size(); ++i) mean[i % channels] += y[i] / positions;
      for (size_t i = 0; i < y.size(); ++i) {
        const double away = y[i] - mean[i % channels];
        variance[i % channels] += away * away / positions;
      }
      for (size_t c = 0; c < channels; ++c) {
        EXPECT_NEAR(found[c], mean[c], 1e-6 * std::abs(mean[c])) << of.name << " " << to_string(precision);
        EXPECT_NEAR(found[channels + c], variance[c], 1e-4 * variance[c])
            << of.name << " " << to_string(precision);
      }
      EXPECT_TRUE(run.broken_guards().empty());
    }
}

TEST(Conv, GivesTheMomentsOfItsChannels) { expect_moments(*open_cpu(), {Precision::f32, Precision::bf16}); }

TEST(GpuConv, GivesTheMomentsOfItsChannels) {
  DLFS_NEEDS_GPU(gpu);
  expect_moments(*gpu, {Precision::f32, Precision::f16, Precision::bf16});
}

static void infer(const Spec& x, const Spec& w, const Spec& bias, const ConvSettings& settings) {
  conv_function(settings)->infer({{x, w, bias}});
}

TEST(Conv, NamesBothValuesOfWhatDoesNotFit) {
  expect_error<ShapeError>(
      [] {
        infer({{4, 32, 32, 6}}, {{64, 3, 3, 3}}, absent, {});
      },
      "[conv] x [4,32,32,6] has 6 channels, but w [64,3,3,3] takes 3");
  expect_error<ShapeError>(
      [] {
        infer({{1, 4, 4, 3}}, {{8, 7, 7, 3}}, absent, {.pad = 1});
      },
      "[conv] w [8,7,7,3] with dilation 1 is larger than x [1,4,4,3] padded by 1");
  expect_error<ShapeError>(
      [] {
        infer({{1, 4, 4, 3}}, {{8, 3, 3, 3}}, {{1, 1, 1, 7}}, {});
      },
      "[conv] bias is f32 [1,1,1,7], but w [8,3,3,3] needs f32 [1,1,1,8]");
  expect_error<ShapeError>(
      [] {
        infer({{1, 4, 4, 3}}, {{8, 3, 3, 3}}, absent, {.groups = 2});
      },
      "[conv] x [1,4,4,3] and w [8,3,3,3] cannot be split into 2 groups of channels");
  expect_error<ShapeError>(
      [] {
        infer({{1, 4, 4, 3}}, {{8, 3, 3, 3}}, absent, {.stride = 0});
      },
      "[conv] stride 0, dilation 1, groups 1 must be at least 1, pad 0 at least 0");
  expect_error<ShapeError>(
      [] {
        infer({{1, 4, 4, 3}}, {{8, 1, 1, 3}}, absent, {.dilation = 2147483647});
      },
      "[conv] stride 1, dilation 2147483647 and pad 0 must be at most 1048576");
  expect_error<ShapeError>(
      [] {
        infer({{1, 4, 4, 3}, DType::u8}, {{8, 3, 3, 3}}, absent, {});
      },
      "[conv] x is u8 [1,4,4,3] and w is f32 [8,3,3,3], but both must be f32, f16 or bf16");
}

TEST(Conv, TakesAShortcutInInferenceAlone) {
  const Spec x{{1, 4, 4, 8}}, w{{8, 1, 1, 8}};
  expect_error<ShapeError>(
      [&] {
        conv_function({})->infer({{x, w, absent, x}, Mode::train});
      },
      "[conv] add is for inference: it has no gradient; in training write conv(x, w) + shortcut");
  expect_error<ShapeError>(
      [&] {
        conv_function({})->infer({{x, w, absent, w}, Mode::infer});
      },
      "[conv] add is f32 [8,1,1,8], but the output is f32 [1,4,4,8]");
}

TEST(Conv, ShapeFollowsPyTorch) {
  const auto shape = [](Shape x, Shape w, ConvSettings settings) {
    return conv_function(settings)->infer({{Spec{x}, Spec{w}, absent}}).outputs[0].shape;
  };
  EXPECT_EQ(shape({8, 224, 224, 3}, {64, 7, 7, 3}, {.stride = 2, .pad = 3}), (Shape{8, 112, 112, 64}));
  EXPECT_EQ(shape({1, 5, 5, 1}, {1, 2, 2, 1}, {.stride = 2}), (Shape{1, 2, 2, 1}));
  EXPECT_EQ(shape({1, 9, 9, 4}, {6, 3, 3, 4}, {.dilation = 4}), (Shape{1, 1, 1, 6}));
}

}  // namespace dlfs::testing
