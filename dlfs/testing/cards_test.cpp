// Seven cards that need not be here, described by cuDNN's own data: every kernel of the models' training steps and of the
// tables of cases is made for each, by the very halves that would make it on the card, and cuDNN is asked for an engine
// for every graph that they build. Nothing runs.
#include <gtest/gtest.h>

#if DLFS_CUDA
#include <algorithm>
#include <iostream>
#include <set>

#include "dlfs/base/file.h"
#include "dlfs/base/json.h"
#include "dlfs/ops/conv/conv.h"
#include "dlfs/ops/element_loss/element_loss.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/paper_card.h"
#include "dlfs/train/train.h"

namespace dlfs::testing {
namespace {

struct Card {
  int architecture;
  const char* name;
};
constexpr Card cards[] = {{75, "rtx2080ti"}, {80, "a100"},  {86, "rtx3090"}, {89, "rtx4090"},
                          {90, "h100"},      {100, "b200"}, {120, "rtx5090"}};

// Makes every kernel of a trace; gives the engines of its convolutions.
std::set<std::string> engines_of(Trace&& trace, Device& card) {
  Plan plan(std::move(trace));
  plan.compile(card);
  std::set<std::string> engines;
  for (const Step& step : plan.steps())
    if (step.function->name() == "conv" || step.function->name() == "linear")
      engines.insert(step.kernel->engine());
  return engines;
}

std::set<std::string> make_model(const Model& model, const TrainSettings& settings, Device& card) {
  State state(1);
  Trace trace(state, {.precision = settings.precision});
  trace_training_step(trace, model, 10, settings);
  return engines_of(std::move(trace), card);
}

// The row's function is called twice on the same inputs, so each gradient is set once and added to once.
std::set<std::string> make_case(const OpCase& of, Device& card) {
  State state(1);
  Trace trace(state, {.precision = of.precision});
  std::vector<Value> in;
  for (const CaseInput& input : of.inputs)
    in.push_back(input.spec ? trace.input(concat("in", in.size()), input.spec) : Value{});
  for (const char* name : {"first", "second"}) {
    const Value y = trace.apply(of.function, in)[0];
    trace.loss(name, mean_squared_error(y, trace.input(concat("target of ", name), {y.shape()})));
  }
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i] && of.inputs[i].gradient) trace.output(concat("d_in", i), trace.gradient(in[i]));
  return engines_of(std::move(trace), card);
}

// What beside the tables inference and batch norms ask of a layer: bias, ReLU, shortcut and sums.
std::set<std::string> make_followed(const Shape& x, const Shape& w, const ConvSettings& settings,
                                    Precision precision, Device& card) {
  std::set<std::string> engines;
  for (const bool add : {false, true})
    for (const bool relu : {false, true})
      for (const bool sums : {false, true}) {
        ConvSettings with = settings;
        with.relu = relu;
        with.sums = sums;
        const DType type = matrix_type(precision);
        const FunctionPtr conv = conv_function(with);
        const Signature made = conv->infer({{{x, type}, {w, type}, absent}, Mode::infer, precision});
        std::byte nothing{};
        const auto tensor = [&](const Spec& spec) { return Tensor{spec, &nothing}; };
        Scratch scratch;
        Site site{{tensor({x, type}), tensor({w, type})}, {}, {}, {}, {}, scratch, precision, {0, 1, 1, 0}};
        site.in.push_back(sums ? Tensor{} : tensor({{1, 1, 1, w.n}}));
        if (add) site.in.push_back(tensor(made.outputs[0]));
        for (const Spec& spec : made.outputs) site.out.push_back(tensor(spec));
        engines.insert(conv->forward(card, site)->engine());
      }
  return engines;
}

// Everything that we build graphs for. bf16 needs sm_80.
enum class Tables { in_f32, in_all_types };
std::set<std::string> make_all(Device& card, int architecture, Tables tables) {
  std::set<std::string> engines;
  // The deeper nets build no graph that another of their family does not; the quick suite asks about the smallest.
  const std::set<std::string> quick = {"lenet", "small_cnn", "resnet18", "resnet20"};
  const std::set<std::string> deeper = {"resnet34", "resnet101", "resnet152",
                                        "resnet32", "resnet44",  "resnet56"};
  const bool all = tables == Tables::in_all_types;
  for (const Model& model : models())
    if (all ? deeper.count(model.name) == 0 : quick.count(model.name) != 0)
      for (const int batch : model.input.h > 64 ? std::vector{16}
                             : all              ? std::vector{64, 256}
                                                : std::vector{64})
        for (const Precision precision : {Precision::f32, Precision::tf32})
          engines.merge(make_model(model, {.batch = batch, .precision = precision}, card));
  std::vector<Precision> narrow{Precision::f16};
  if (architecture >= 80) narrow.push_back(Precision::bf16);
  for (const OpCase& of : all_cases()) {
    if (of.function->name() != "conv" && of.function->name() != "linear") continue;
    engines.merge(make_case(of, card));
    for (const Precision precision : narrow)
      if (of.narrow && tables == Tables::in_all_types)
        engines.merge(make_case(narrow_twin(of, precision), card));
  }
  struct Layer {
    Shape x, w;
    ConvSettings settings;
  };
  for (const Precision precision : narrow)
    for (const auto& [x, w, settings] :
         std::vector<Layer>{{{8, 224, 224, 3}, {64, 7, 7, 3}, {.stride = 2, .pad = 3}},
                            {{8, 224, 224, 8}, {64, 3, 3, 8}, {.stride = 2}},
                            {{8, 112, 112, 16}, {64, 4, 4, 16}, {.pad = 2}},
                            {{8, 56, 56, 64}, {64, 3, 3, 64}, {.pad = 1}},
                            {{8, 56, 56, 64}, {256, 1, 1, 64}, {}},
                            {{8, 56, 56, 128}, {128, 3, 3, 128}, {.stride = 2, .pad = 1}},
                            {{8, 56, 56, 256}, {512, 1, 1, 256}, {.stride = 2}},
                            {{8, 56, 56, 128}, {128, 3, 3, 4}, {.pad = 1, .groups = 32}},
                            {{8, 7, 7, 512}, {2048, 1, 1, 512}, {}},
                            {{2, 100, 168, 256}, {768, 3, 3, 256}, {.pad = 1}},
                            {{2, 100, 168, 256}, {36, 3, 3, 256}, {.pad = 1}},
                            {{1, 55, 55, 96}, {16, 1, 1, 96}, {}}})
      engines.merge(make_followed(x, w, settings, precision, card));
  return engines;
}

// What is wrong with the table: an architecture and a sort of graph that only one of the two knows.
using Gaps = std::set<std::pair<int, std::string>>;
std::vector<std::string> faults(const Gaps& found, const std::vector<OwnKernel>& table) {
  std::vector<std::string> all;
  Gaps listed;
  for (const OwnKernel& row : table) listed.emplace(row.architecture, row.graph);
  for (const auto& [architecture, graph] : found)
    if (listed.count({architecture, graph}) == 0)
      all.push_back(concat("sm_", architecture, " has no engine for: ", graph, "; list it in own_kernels.h"));
  for (const auto& [architecture, graph] : listed)
    if (found.count({architecture, graph}) == 0)
      all.push_back(
          concat("sm_", architecture, " has an engine now for: ", graph, "; take it out of own_kernels.h"));
  return all;
}

// The rules of cudnn.h.
void expect_rules_kept(const std::string& name, const PaperEngines::Answer& answer) {
  for (const EngineFacts& engine : answer.engines) {
    if (!engine.allowed) continue;
    const ConvGraph& graph = answer.graph;
    EXPECT_EQ(engine.notes.find("compiled_at_run_time"), std::string::npos) << name;
    EXPECT_TRUE(graph.sums || engine.notes.find("nondeterministic") == std::string::npos) << name;
    EXPECT_TRUE(graph.tf32 || graph.dtype != DType::f32 ||
                engine.notes.find("tensor_core") == std::string::npos)
        << name;
  }
}

// A build with a GPU half is made where cuDNN can be asked: no engine of a card may be lost unseen.
struct Graphs : ::testing::Test {
  void SetUp() override {
    DLFS_NEEDS_DATA(folder, "cudnn_devices");
    cards_folder = folder;
    std::vector<LibraryPlace> tried;
    cudnn = Cudnn::open(tried);
    ASSERT_TRUE(cudnn)
        << "this build has a GPU half, so the graphs that it builds must be asked about, but cuDNN 9 "
           "is in none of "
        << tried.size() << " places; set DLFS_CUDNN to its libcudnn.so.9";
  }
  std::string describe(const char* card) const {
    return std::string(text_of(read_file(concat(cards_folder, "/", card, ".json"))));
  }

  void expect_engines(Tables tables) const {
    std::cout << "cuDNN " << cudnn->version() << " at " << cudnn->path() << "\n";
    Gaps gaps;
    for (const Card& card : cards) {
      const PaperEngines engines(*cudnn, describe(card.name));
      const Json facts = Json::parse(describe(card.name), card.name);
      const auto fact = [&](const char* name) { return facts.find(name)->integer().value(); };
      PaperCard device(engines, {.processors = static_cast<int>(fact("multiProcessorCount")),
                                 .shared_bytes = static_cast<size_t>(fact("maxSharedMemoryPerBlockOptin"))});
      make_all(device, card.architecture, tables);
      std::set<ConvKind> finalised;
      int sums = 0;
      for (const auto& [name, answer] : engines.answers()) {
        expect_rules_kept(name, answer);
        std::cout << "sm_" << card.architecture << " " << name << ": ";
        if (answer.served()) {
          std::cout << "engine " << answer.engines.back().index << " [" << answer.engines.back().notes
                    << "], after " << answer.engines.size() - 1 << " that were refused\n";
          finalised.insert(answer.graph.kind);
          sums += answer.graph.sums ? 1 : 0;
        } else {
          std::cout << "ours, of " << answer.engines.size() << " none is allowed\n";
          if (!answer.graph.sums)
            gaps.emplace(card.architecture, sort_of(answer.graph));  // sums: a pass beside it
        }
      }
      EXPECT_EQ(finalised.size(), 3U) << "some kind of graph was not asked about";
      EXPECT_EQ(sums > 0, card.architecture >= 80 && card.architecture <= 100) << "cuDNN's sums in f16";
    }
    EXPECT_EQ(join(faults(gaps, own_kernels()), "\n"), "");
  }

  std::string cards_folder;
  std::unique_ptr<Cudnn> cudnn;
};
struct SlowGraphs : Graphs {};

TEST_F(Graphs, HaveAnEngineOnEveryCardOrAKernelOfOurs) { expect_engines(Tables::in_f32); }
TEST_F(SlowGraphs, HaveAnEngineOnEveryCardOrAKernelOfOurs) { expect_engines(Tables::in_all_types); }

TEST_F(Graphs, RefuseTensorCoresUnlessTf32Or16BitsAreAsked) {
  ConvGraph graph;
  graph.x = {64, 12, 12, 20};
  graph.w = {50, 5, 5, 20};
  graph.y = {64, 8, 8, 50};
  const auto serves = [&] { return cudnn->engines_for(graph, describe("h100")).back(); };
  EXPECT_EQ(serves().notes.find("tensor_core"), std::string::npos);
  graph.tf32 = true;
  EXPECT_NE(serves().notes.find("tensor_core"), std::string::npos);
  graph.tf32 = false;
  graph.dtype = DType::f16;
  graph.x.c = graph.w.c = 64;
  EXPECT_NE(serves().notes.find("tensor_core"), std::string::npos);
}

TEST(OwnKernels, ServeEverythingWhereCudnnHasNothing) {
  const NoEngines none;
  PaperCard card(none);
  const std::set<std::string> engines = make_all(card, 90, Tables::in_all_types);
  EXPECT_FALSE(engines.empty());
  for (const std::string& engine : engines) EXPECT_EQ(engine.find("cudnn"), std::string::npos) << engine;
  for (const OwnKernel& row : own_kernels())
    EXPECT_TRUE(
        std::any_of(engines.begin(), engines.end(),
                    [&](const std::string& engine) { return engine.find(row.engine) != std::string::npos; }))
        << row.engine << " is no kernel of ours";
}

// Blocks may have 64 KB on sm_75, 99 on most RTX cards, 163 on sm_80.
TEST(OwnKernels, FitTheSharedMemoryOfEveryCard) {
  const NoEngines none;
  for (const size_t kilobytes : {64, 99, 163, 227}) {
    PaperCard card(none, {.shared_bytes = kilobytes * 1024});
    for (const OpCase& of : batch_norm_cases()) {
      make_case(of, card);
      make_case(narrow_twin(of, Precision::f16), card);
    }
  }
}

TEST(OwnKernels, AreListedWhereAndOnlyWhereTheyAreNeeded) {
  const std::vector<OwnKernel> table = {{75, "forward, f32", "own tiles"}};
  EXPECT_EQ(faults({{75, "forward, f32"}}, table), std::vector<std::string>{});
  EXPECT_EQ(faults({{75, "forward, f32"}, {120, "forward, f32"}}, table),
            std::vector<std::string>{"sm_120 has no engine for: forward, f32; list it in own_kernels.h"});
  EXPECT_EQ(
      faults({}, table),
      std::vector<std::string>{"sm_75 has an engine now for: forward, f32; take it out of own_kernels.h"});
}

}  // namespace
}  // namespace dlfs::testing

#else

TEST(Graphs, HaveAnEngineOnEveryCardOrAKernelOfOurs) {
  GTEST_SKIP() << "this build has no GPU half, so it builds no graphs to ask cuDNN about";
}

#endif
