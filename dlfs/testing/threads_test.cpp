// The library starts no thread of its own; these tests stand for the programs that use it from several. What its headers
// call "any thread", and plans over devices of their own, must be free of races: `./dev test tsan` watches.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "dlfs/cpu/cpu_device.h"
#include "dlfs/testing/cases.h"
#include "dlfs/testing/lenet_run.h"

namespace dlfs::testing {
namespace {

void on_threads(int count, const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  threads.reserve(count);
  for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(Threads, TwoTrainingsAtOnceGiveWhatOneGives) {
  const LenetRunSettings settings{.steps = 3};
  const auto train = [&] {
    const auto cpu = open_cpu();
    return run_lenet(*cpu, settings);
  };
  const LenetRun alone = train();
  std::vector<LenetRun> runs(2);
  on_threads(2, [&](int i) { runs[i] = train(); });
  for (const LenetRun& run : runs) {
    EXPECT_EQ(run.losses, alone.losses);
    EXPECT_EQ(run.weights, alone.weights);
  }
}

// Every op's function, each used by four threads at a time: its rule, both kernels, its settings.
TEST(Threads, OneFunctionServesSeveralThreads) {
  for (const OpCase& of : all_cases()) {
    if (of.speed) continue;
    std::vector<std::vector<Numbers>> results(4), gradients(4);
    on_threads(4, [&](int i) {
      const auto cpu = open_cpu();
      OpRun run(*cpu, of);
      run.forward();
      results[i] = run.results();
      if (!run.has_gradient(0)) return;
      run.backward(Write::set);
      gradients[i] = run.gradients();
    });
    for (int i = 1; i < 4; ++i) {
      EXPECT_EQ(results[i], results[0]) << of.name;
      EXPECT_EQ(gradients[i], gradients[0]) << of.name;
    }
  }
}

}  // namespace
}  // namespace dlfs::testing
