// What the tables of updates (SGD, Adam, LARS) share: the end of an update's inputs.
#pragma once

#include <vector>

#include "dlfs/testing/op_case.h"

namespace dlfs::testing {

// Working copies of all parameters, or none, and a factor, or none where it is 0.
inline void append_copies_and_factor(OpCase& of, const std::vector<Shape>& parameters, bool copies,
                                     double factor) {
  for (const Shape& shape : parameters)
    of.inputs.push_back(copies ? CaseInput{.spec = {shape}, .matrix = true} : CaseInput{});
  of.inputs.push_back(factor == 0 ? CaseInput{} : CaseInput{.spec = {{1, 1, 1, 1}}, .given = {factor}});
}

}  // namespace dlfs::testing
