// Asks cuDNN, on a machine without any card, which engines it has for our graphs on seven cards (their descriptions
// are real data), and holds it to the rules of cudnn.h.
#include "dlfs/gpu/cudnn.h"

#include <gtest/gtest.h>

#include <iostream>

#include "dlfs/base/file.h"
#include "dlfs/base/json.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/data.h"

namespace dlfs::testing {
namespace {

constexpr const char* cards[] = {"rtx2080ti", "a100", "rtx3090", "rtx4090", "h100", "rtx5090", "b200"};

struct Named {
  std::string name;
  ConvGraph graph;
};

// The graphs of one row of the tables of conv and linear.
std::vector<Named> graphs_of(const OpCase& of) {
  const Json settings = Json::parse(of.function->settings(), of.name);
  const auto number = [&](const char* name, int otherwise) {
    const Json* found = settings.find(name);
    return found != nullptr ? static_cast<int>(found->integer().value()) : otherwise;
  };
  Inputs inputs;
  for (const CaseInput& input : of.inputs) inputs.specs.push_back(input.spec);
  ConvGraph graph;
  graph.x = inputs[0].shape;
  graph.w = inputs[1].shape;
  graph.y = of.function->infer(inputs).outputs[0].shape;
  if (of.function->name() == "linear")
    for (Shape* map : {&graph.x, &graph.w}) *map = {map->n, 1, 1, map->h * map->w * map->c};
  graph.stride = number("stride", 1);
  graph.pad = number("pad", 0);
  graph.dilation = number("dilation", 1);
  graph.groups = number("groups", 1);
  graph.tf32 = of.precision == Precision::tf32;

  const auto as = [&](const std::string& name, ConvKind kind) {
    Named made{of.name + " " + name, graph};
    made.graph.kind = kind;
    return made;
  };
  std::vector<Named> all{as("forward", ConvKind::forward), as("d_x", ConvKind::data_gradient),
                         as("d_x add", ConvKind::data_gradient), as("d_w", ConvKind::filter_gradient),
                         as("d_w add", ConvKind::filter_gradient)};
  // As convolution_gpu.cpp asks: a bias with a ReLU behind it is a pass of ours.
  all[0].graph.bias = static_cast<bool>(inputs[2]) && !settings.find("relu")->boolean().value();
  all[2].graph.add = all[4].graph.add = true;
  return all;
}

std::vector<Named> all_graphs() {
  std::vector<Named> all;
  for (const OpCase& of : all_cases())
    if (of.function->name() == "conv" || of.function->name() == "linear")
      for (Named& graph : graphs_of(of)) all.push_back(std::move(graph));
  return all;
}

// "engine 28 [], after 3 that were refused".
std::string served(const std::vector<EngineFacts>& engines) {
  const std::string refused = concat("after ", engines.size() - 1, " that were refused");
  if (engines.empty() || !engines.back().finalised)
    return concat("own, of ", engines.size(), " none is allowed");
  return concat("engine ", engines.back().index, " [", engines.back().notes, "], ", refused);
}

}  // namespace

// Where no engine is left our own kernel serves, so nothing here needs cuDNN to have one; but LeNet's graphs and all
// settings of the tables are meant to run on cuDNN, and a version that lost them should be noticed.
TEST(Graphs, HaveAnEngineOnEveryCard) {
  DLFS_NEEDS_DATA(folder, "cudnn_devices");
  std::vector<CudnnPlace> tried;
  const std::unique_ptr<Cudnn> cudnn = Cudnn::open(tried);
  if (!cudnn) GTEST_SKIP() << "cuDNN 9 is not on this machine; " << tried.size() << " places were looked at";
  std::cout << "cuDNN " << cudnn->version() << " at " << cudnn->path() << "\n";
  int own = 0;
  for (const char* card : cards) {
    const std::string device(text_of(read_file(folder + "/" + card + ".json")));
    for (const auto& [name, graph] : all_graphs()) {
      const std::vector<EngineFacts> engines = cudnn->engines_for(graph, device);
      std::cout << card << " " << name << (graph.tf32 ? " tf32: " : " f32: ") << served(engines) << "\n";
      for (const EngineFacts& engine : engines) {
        if (!engine.allowed) continue;
        EXPECT_EQ(engine.notes.find("nondeterministic"), std::string::npos) << name;
        EXPECT_TRUE(graph.tf32 || engine.notes.find("tensor_core") == std::string::npos) << name;
      }
      own += engines.empty() || !engines.back().finalised;
    }
  }
  EXPECT_EQ(own, 0) << "graphs have no engine of cuDNN's left and run on our own kernels";
}

TEST(Graphs, RefuseTensorCoresUnlessTf32IsAsked) {
  DLFS_NEEDS_DATA(folder, "cudnn_devices");
  std::vector<CudnnPlace> tried;
  const std::unique_ptr<Cudnn> cudnn = Cudnn::open(tried);
  if (!cudnn) GTEST_SKIP() << "cuDNN 9 is not on this machine; " << tried.size() << " places were looked at";
  const std::string h100(text_of(read_file(folder + "/h100.json")));
  ConvGraph graph;
  graph.x = {64, 12, 12, 20};
  graph.w = {50, 5, 5, 20};
  graph.y = {64, 8, 8, 50};
  const auto serves = [&] { return cudnn->engines_for(graph, h100).back(); };
  EXPECT_EQ(serves().notes.find("tensor_core"), std::string::npos);
  graph.tf32 = true;
  EXPECT_NE(serves().notes.find("tensor_core"), std::string::npos);
}

}  // namespace dlfs::testing
