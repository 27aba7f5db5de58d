// The test program: GoogleTest, and `--list-cases`, which prints every op's table of cases as JSON for tools/golden.py.
#include <gtest/gtest.h>
#include <malloc.h>

#include <iostream>
#include <string>

#include "dlfs/testing/cases.h"

int main(int count, char** words) {
  if (count == 2 && std::string(words[1]) == "--list-cases") {
    std::vector<std::string> rows;
    for (const auto& of : dlfs::testing::all_cases())
      if (of.golden) rows.push_back(of.as_json());
    std::cout << "[\n" << dlfs::join(rows, ",\n") << "\n]\n";
    return 0;
  }
  // Large tables would spend half their time on pages that come from the system and go back to it.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  ::testing::InitGoogleTest(&count, words);
  return RUN_ALL_TESTS();
}
