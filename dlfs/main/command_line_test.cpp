#include "dlfs/main/command_line.h"

#include <gtest/gtest.h>

#include "dlfs/base/file.h"
#include "dlfs/base/text.h"
#include "dlfs/testing/spawn.h"

namespace dlfs::testing {
namespace {

TEST(CommandLine, ItsPageSaysWhatTheProgramSays) {
  const std::string page(text_of(read_file(DLFS_SOURCE_DIR "/docs/cli.md")));
  EXPECT_EQ(page, command_line_page()) << "./dev cli writes it anew";
  for (const std::string verb : {"", "train", "eval", "predict", "bench", "describe", "doctor"}) {
    const std::string seen =
        run_program(verb.empty() ? std::vector<std::string>{} : std::vector{verb, std::string("--help")}).out;
    const std::string title = verb.empty() ? "" : "## dlfs " + verb + "\n\n";
    EXPECT_NE(page.find(concat(title, "```text\n", seen, "```\n")), std::string::npos) << verb << "\n"
                                                                                       << seen;
  }
}

TEST(CommandLine, HelpIsAVerbToo) {
  EXPECT_EQ(run_program({"help"}).out, run_program({}).out);
  EXPECT_EQ(run_program({"help", "eval"}).out, run_program({"eval", "--help"}).out);
  EXPECT_EQ(run_program({"-v"}).out, run_program({"--version"}).out);
  expect_refused({"help", "fly"}, "there is no verb fly; dlfs --help shows what there is");
}

TEST(CommandLine, SaysWhatAnEmptyWordShouldBe) {
  expect_refused({""}, "there is no verb \"\"; dlfs --help shows what there is");
  expect_refused({"describe", ""},
                 "MODEL is empty, but must be a model, say lenet or resnet50; any other word lists all");
  expect_refused({"bench", "ops", ""},
                 "NAME is empty, but must be a part of the names of ops; the model; the store");
}

TEST(CommandLine, ProfileAndTableTakeNoFlagsOfARun) {
  for (const std::string flag : {"--check", "--watch"})
    expect_refused({"train", "lenet", "--data", "idx:x", "--table", flag},
                   "--table trains nothing, so leave out " + flag);
  expect_refused({"train", "lenet", "--data", "idx:x", "--profile", "--epochs", "3"},
                 "--profile trains nothing, so leave out --epochs");
}

}  // namespace
}  // namespace dlfs::testing
