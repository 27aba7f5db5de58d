// Softmax regression on MNIST, written by hand: no layer and no loss of the library's, only + - * /, exp, log, sums.
//
//   scores         z[i,k] = sum over y, x of image[i,y,x] * w[y,x,k], plus b[k]
//   probabilities  p[i,k] = exp(z[i,k]) / sum over j of exp(z[i,j])
//   loss           L = - mean over i of sum over k of t[i,k] * log(p[i,k]), where t[i,k] is 1 for the label k of image i
//   a step         w = w - rate * dL/dw, and so b: the gradients are the library's work
//
//   logistic_by_hand IDX_FOLDER [cpu|gpu] [--expect ACCURACY]      exits with 1 below what is expected
#include <algorithm>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/data/idx.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/graph/plan.h"
#include "dlfs/ops/elementwise/elementwise.h"
#include "dlfs/ops/reduce/reduce.h"
#include "dlfs/ops/sgd/sgd.h"

namespace {

using namespace dlfs;

constexpr int side = 28, classes = 10, batch = 100, epochs = 5;
constexpr float rate = 0.2F;

// pixels [n,28,28,1], 0 to 255 -> scores [n,1,1,10]. Both traces find the same w and b in the State, by their names.
Value scores(Value pixels) {
  Trace& trace = pixels.trace();
  State& state = trace.state();
  const Value w = trace.param(state.add("w", {{1, side, side, classes}}, Role::parameter, {.value = 0}));
  const Value b = trace.param(state.add("b", {{1, 1, 1, classes}}, Role::parameter, {.value = 0}));
  return sum(pixels / 255 * w, Over::spatial) + b;
}

// Scores that all move by one number have the same softmax; around their mean exp cannot run over.
Value centred(Value z) { return z - mean(z, Over::channels); }

Value softmax(Value z) {
  const Value e = exp(centred(z));
  return e / sum(e, Over::channels);
}

// log(p) = z - log(sum of exp(z)): a probability too small for a float still has its logarithm.
Value cross_entropy(Value z, Value targets) {
  const Value c = centred(z);
  const Value log_p = c - log(sum(exp(c), Over::channels));
  return -mean(sum(targets * log_p, Over::channels), Over::all);
}

// The pixels of `batch` images from `first` on, and the rows of t for their labels.
std::vector<float> pixels_of(const LabelledImages& images, int first) {
  const auto from = images.pixels.begin() + int64_t{first} * side * side;
  return {from, from + batch * side * side};
}

std::vector<float> targets_of(const LabelledImages& images, int first) {
  std::vector<float> targets(batch * classes, 0);
  for (int i = 0; i < batch; ++i) targets[i * classes + images.labels[first + i]] = 1;
  return targets;
}

void learn(Device& device, State& state, const LabelledImages& images) {
  Trace trace(state);
  const Value pixels = trace.input("pixels", {{batch, side, side, 1}});
  const Value targets = trace.input("targets", {{batch, 1, 1, classes}});
  trace.loss("loss", cross_entropy(scores(pixels), targets));
  sgd(trace, trace.input("rate", {{1, 1, 1, 1}}), {.momentum = 0});
  Plan plan(std::move(trace));
  plan.compile(device);

  for (int epoch = 1; epoch <= epochs; ++epoch) {
    for (int first = 0; first + batch <= images.count; first += batch) {
      device.upload(plan["pixels"], pixels_of(images, first).data(), device.stream());
      device.upload(plan["targets"], targets_of(images, first).data(), device.stream());
      device.upload(plan["rate"], &rate, device.stream());
      plan.run(device.stream());
    }
    float loss = 0;
    device.download(plan["loss"], &loss, device.stream());
    std::cout << "epoch " << epoch << ": loss of the last batch " << loss << "\n";
  }
}

double accuracy(Device& device, State& state, const LabelledImages& images) {
  Trace trace(state, {.mode = Mode::infer});
  trace.output("p", softmax(scores(trace.input("pixels", {{batch, side, side, 1}}))));
  Plan plan(std::move(trace));
  plan.compile(device);

  int right = 0, seen = 0;
  std::vector<float> p(batch * classes);
  for (int first = 0; first + batch <= images.count; first += batch, seen += batch) {
    device.upload(plan["pixels"], pixels_of(images, first).data(), device.stream());
    plan.run(device.stream());
    device.download(plan["p"], p.data(), device.stream());
    for (int i = 0; i < batch; ++i) {
      const auto row = p.begin() + i * classes;
      right += std::max_element(row, row + classes) - row == images.labels[first + i] ? 1 : 0;
    }
  }
  return static_cast<double>(right) / seen;
}

struct Wishes {
  std::string folder, device = "cpu";
  double accuracy = 0;
};

Wishes read_words(const std::vector<std::string>& words) {
  Wishes wishes;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--expect" && i + 1 < words.size())
      wishes.accuracy = std::stod(words[++i]);
    else if (words[i] == "cpu" || words[i] == "gpu")
      wishes.device = words[i];
    else
      wishes.folder = words[i];
  }
  if (wishes.folder.empty() || wishes.folder[0] == '-')
    throw UsageError("logistic_by_hand", "usage: logistic_by_hand IDX_FOLDER [cpu|gpu] [--expect ACCURACY]");
  return wishes;
}

int run(const Wishes& wishes) {
  const LabelledImages train = read_idx(wishes.folder, Split::train);
  const LabelledImages test = read_idx(wishes.folder, Split::test);
  for (const LabelledImages* images : {&train, &test})
    if (images->height != side || images->width != side || max_label(*images) >= classes)
      throw UsageError("logistic_by_hand", wishes.folder + " does not hold 28x28 images with labels 0 to 9");
  const auto device = wishes.device == "gpu" ? open_gpu(0) : open_cpu();
  State state(1);
  learn(*device, state, train);
  const double found = accuracy(*device, state, test);
  std::cout << "accuracy " << found << " on " << device->name() << "\n";
  return found >= wishes.accuracy ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run(read_words({words + 1, words + count}));
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 2;
  }
}
