// Where a command's images come from: "idx:DIR", or an annotation store. One thread.
#pragma once

#include <memory>
#include <string>

#include "dlfs/data/loader/source.h"

namespace dlfs {

struct Sources {
  std::shared_ptr<const Source> train, test;
};

// The images to learn from and those to test on: of a store its splits train and test, or val where there is no test.
// Throws UsageError and FileError.
Sources open_sources(const std::string& data);

// The images to test a model on that knows these classes, which the data must have as well.
std::shared_ptr<const Source> open_test(const std::string& data, const std::vector<std::string>& classes);

}  // namespace dlfs
