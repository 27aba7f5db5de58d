#include "dlfs/gpu/engine_choice.h"

#include <gtest/gtest.h>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/testing/folder.h"

namespace dlfs::testing {
namespace {

const std::string first_line = concat("dlfs engines, rules ", engine_rules, "\n");

std::string text_at(const std::string& path) { return std::string(text_of(read_file(path))); }

TEST(EngineChoices, AreThereInTheNextProcess) {
  const Folder folder;
  const std::string path = folder / "new/engines.txt";
  EngineChoices(path).add("forward f16 [1]", {3, 58});
  EXPECT_EQ(EngineChoices(path).find("forward f16 [1]"), (EngineChoice{3, 58}));
  EXPECT_EQ(EngineChoices(path).find("forward bf16 [1]"), std::nullopt);
  EXPECT_EQ(text_at(path), first_line + "forward f16 [1] = 3 58\n");
}

TEST(EngineChoices, OfTwoProcessesAreKeptAndTheLastWriterWins) {
  const Folder folder;
  const std::string path = folder / "engines.txt";
  EngineChoices one(path), other(path);
  one.add("a", {0, 1});
  other.add("b", {0, 2});
  one.add("c", {0, 3});
  other.add("a", {4, 5});
  EXPECT_EQ(text_at(path), first_line + "a = 4 5\nb = 0 2\nc = 0 3\n");
}

TEST(EngineChoices, WhatIsNoChoiceIsPassedOver) {
  const Folder folder;
  const std::string path = folder / "engines.txt";
  write_file(path, first_line +
                       "a = 1 2\nb = 1\nc = x 2\n = 1 2\nd = -1 2\ne = 1 2 3\nf = 99999999999 2\n\ng = 1 \n" +
                       "h = 7 8\ni = 3 4");
  const EngineChoices choices(path);
  for (const char* graph : {"b", "c", "", "d", "e", "f", "g"}) EXPECT_FALSE(choices.find(graph)) << graph;
  EXPECT_EQ(choices.find("a"), (EngineChoice{1, 2}));
  EXPECT_EQ(choices.find("h"), (EngineChoice{7, 8}));
  EXPECT_EQ(choices.find("i"), (EngineChoice{3, 4}));
}

TEST(EngineChoices, OfOtherRulesAndFilesThatCannotBeReadCountAsNone) {
  const Folder folder;
  const std::string path = folder / "engines.txt";
  write_file(path, "dlfs engines, rules 0\na = 1 2\n");
  EXPECT_FALSE(EngineChoices(path).find("a"));
  EngineChoices folder_itself(folder / "");
  EXPECT_NO_THROW(folder_itself.add("a", {1, 2}));
  EngineChoices nowhere("");
  nowhere.add("a", {1, 2});
  EXPECT_EQ(nowhere.find("a"), (EngineChoice{1, 2}));
}

TEST(EngineChoices, HaveAFileForEachCardAndCudnn) {
  const EngineMachine machine{"NVIDIA H100 80GB/HBM3", 132, "9.19.0"};
  EXPECT_EQ(choices_path("/cache", machine), "/cache/engines-NVIDIA_H100_80GB_HBM3-132-9.19.0.txt");
  EXPECT_EQ(choices_path("", machine), "");
}

// Three engines, of which the first does not compile; what was compiled and measured is counted.
struct Fake : ConvEngine {
  explicit Fake(int64_t index) : called(concat("engine ", index)) {}
  size_t workspace() const override { return 0; }
  const std::string& name() const override { return called; }
  void run(Stream, const ConvPointers&, void*) override {}
  std::string called;
};

struct MeasuredEnginesChoose : ::testing::Test {
  std::string engine(DType dtype = DType::f16, bool measure = true) {
    ConvGraph graph;
    graph.dtype = dtype;
    compiled = measured = 0;
    MeasuredEngines::Times times;
    if (measure)
      times = [&](const ConvGraph&, const auto& engines) {
        if (no_memory) throw DeviceError("gpu", "out of memory");
        measured += static_cast<int>(engines.size());
        return std::vector<double>{9, 3};
      };
    const MeasuredEngines engines([&](const ConvGraph&) { return offers(); }, times, EngineChoices(path));
    return engines.engine(graph)->name();
  }
  std::vector<EngineOffer> offers() {
    std::vector<EngineOffer> all{{10, [] { return nullptr; }}};
    for (const int64_t index : {int64_t{11}, last})
      all.push_back({index, [this, index] {
                       ++compiled;
                       return std::make_unique<Fake>(index);
                     }});
    return all;
  }

  const Folder folder;
  std::string path = folder / "engines.txt";
  int64_t last = 12;
  int compiled = 0, measured = 0;
  bool no_memory = false;
};

TEST_F(MeasuredEnginesChoose, TheFastestServesAndIsMeasuredOnce) {
  EXPECT_EQ(engine(), "engine 12");
  EXPECT_EQ(measured, 2);
  EXPECT_EQ(engine(), "engine 12");
  EXPECT_EQ(measured, 0);
  EXPECT_EQ(compiled, 1) << "of a known choice only the engine itself is compiled";
}

TEST_F(MeasuredEnginesChoose, AChoiceOfAnotherListIsMeasuredAgain) {
  engine();
  last = 13;
  EXPECT_EQ(engine(), "engine 13");
  EXPECT_EQ(measured, 2);
}

TEST_F(MeasuredEnginesChoose, TheFirstServesInF32OrWhereNothingCanBeMeasured) {
  EXPECT_EQ(engine(DType::f32), "engine 11");
  EXPECT_EQ(engine(DType::f16, false), "engine 11");
  no_memory = true;
  EXPECT_EQ(engine(), "engine 11");
  no_memory = false;
  EXPECT_EQ(engine(), "engine 12");
}

}  // namespace
}  // namespace dlfs::testing
