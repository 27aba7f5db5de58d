// What a deed of dlfs complains about, for tests of sentences: error_of([&] { read_file("none"); }). Anything
// but a dlfs::Error goes through and fails the test. Any thread.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "dlfs/base/error.h"

namespace dlfs::testing {

template <typename Deed>
std::string error_of(Deed deed) {
  try {
    deed();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// The deed throws this kind of error with this very sentence.
template <typename Kind, typename Deed>
void expect_error(Deed deed, const std::string& sentence) {
  try {
    deed();
    ADD_FAILURE() << "no error, but expected: " << sentence;
  } catch (const Kind& error) {
    EXPECT_EQ(error.what(), sentence);
  }
}

}  // namespace dlfs::testing
