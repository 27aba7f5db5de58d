#include "dlfs/train/images.h"

#include <gtest/gtest.h>

#include "dlfs/testing/error.h"

namespace dlfs::testing {
namespace {

TEST(AugmentWords, SayWhatHappensToImages) {
  EXPECT_EQ(to_string(parse_augment("none")), "none");
  EXPECT_EQ(to_string(parse_augment("erase,flip,crop=2,colour=0.5")), "flip,crop=2,colour=0.5,erase=0.25");
}

TEST(AugmentWords, ThatAreNoneAreNamed) {
  const auto fault = [](const std::string& words) { return error_of([&] { parse_augment(words); }); };
  const std::string known =
      ", but can be none, or some of flip, crop=PIXELS, resized, colour=0.4, erase=0.25";
  for (const std::string word : {"color=0.4", "zoom", " crop=4", "none"})
    EXPECT_EQ(fault("flip," + word), "[dlfs] --augment has " + word + known);
  EXPECT_EQ(fault(""), "[dlfs] --augment has an empty word" + known);
  EXPECT_EQ(fault("flip=1"), "[dlfs] --augment has flip=1, but flip takes no number");
  EXPECT_EQ(fault("erase=2"), "[dlfs] --augment has erase=2, but the number must be above 0 and at most 1");
}

}  // namespace
}  // namespace dlfs::testing
