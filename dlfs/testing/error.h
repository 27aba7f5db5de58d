// What a deed of dlfs complains about, for tests of sentences: error_of([&] { read_file("none"); }). Anything
// but a dlfs::Error goes through and fails the test. Any thread.
#pragma once

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

}  // namespace dlfs::testing
