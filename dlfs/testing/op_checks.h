// What is asked of every row of every op's table:
//
//   gradient   on the CPU half: backward equals central differences along random directions of all inputs at once;
//              `set` covers infinity, `add` adds to noise
//   narrow     a device in f16 or bf16 (the CPU: bf16) equals the CPU half in f32 on inputs rounded to that type
//   compare    another device equals the CPU half, forward and backward (a row of `speed`, which is large: `set` alone,
//              or nothing)
//   golden     a device equals PyTorch (dlfs/testing/golden/ops, a file an op, made by tools/golden.py)
//   speed      how long forward and backward take, beside the bytes that they must move
//
// Every check returns rows with the error found and the tolerance it was held to; expect_rows() prints and judges them.
#pragma once

#include <string>
#include <vector>

#include "dlfs/testing/op_case.h"

namespace dlfs::testing {

struct CheckRow {
  std::string name;
  double error = 0;
  double tolerance = 0;
  std::string fault;  // what is wrong beside numbers: a guard zone written, a value missing

  bool ok() const { return fault.empty() && error <= tolerance; }  // false for a NaN error
};

using CheckRows = std::vector<CheckRow>;

CheckRows check_gradient(Device& cpu, const OpCase& of);
CheckRows check_compare(Device& cpu, Device& device, const OpCase& of);
CheckRows check_narrow(Device& cpu, Device& device, const OpCase& of,
                       Precision precision);  // in 16 bits, against the CPU in f32
CheckRows check_golden(Device& device, const OpCase& of);
void measure_speed(Device& device, const OpCase& of);  // prints

bool all_ok(const CheckRows& rows);
void expect_rows(const CheckRows& rows);  // prints each, fails the present test where one is not ok

// The largest difference of two tensors relative to the largest element of the second; NaN where one is NaN.
double relative_error(const Numbers& found, const Numbers& wanted);

}  // namespace dlfs::testing

// The tests of one op's table: DLFS_OP_TESTS(Conv, conv_cases()). Golden values are dlfs's own; an op that stands
// elsewhere, or that PyTorch cannot repeat, is tested without.
#define DLFS_OP_TESTS_WITHOUT_GOLDEN(Op, table)                                                     \
  TEST(Op, BackwardMatchesDifferences) {                                                            \
    const auto cpu = ::dlfs::open_cpu();                                                            \
    for (const auto& of : (table))                                                                  \
      if (!of.speed) ::dlfs::testing::expect_rows(::dlfs::testing::check_gradient(*cpu, of));       \
  }                                                                                                 \
  TEST(Op, IsRightInBf16) {                                                                         \
    const auto cpu = ::dlfs::open_cpu();                                                            \
    for (const auto& of : (table))                                                                  \
      if (of.narrow && !of.speed)                                                                   \
        ::dlfs::testing::expect_rows(                                                               \
            ::dlfs::testing::check_narrow(*cpu, *cpu, of, ::dlfs::Precision::bf16));                \
  }                                                                                                 \
  TEST(Gpu##Op, IsRightIn16Bits) {                                                                  \
    DLFS_NEEDS_GPU(gpu);                                                                            \
    const auto cpu = ::dlfs::open_cpu();                                                            \
    for (const auto precision : {::dlfs::Precision::f16, ::dlfs::Precision::bf16})                  \
      for (const auto& of : (table))                                                                \
        if (of.speed ? of.narrow_speed : of.narrow)                                                 \
          ::dlfs::testing::expect_rows(::dlfs::testing::check_narrow(*cpu, *gpu, of, precision));   \
  }                                                                                                 \
  TEST(Gpu##Op, MatchesCpu) {                                                                       \
    DLFS_NEEDS_GPU(gpu);                                                                            \
    const auto cpu = ::dlfs::open_cpu();                                                            \
    for (const auto& of : (table))                                                                  \
      if (of.compare) ::dlfs::testing::expect_rows(::dlfs::testing::check_compare(*cpu, *gpu, of)); \
  }                                                                                                 \
  TEST(GpuSpeed, Op) {                                                                              \
    DLFS_NEEDS_GPU(gpu);                                                                            \
    for (const auto& of : (table))                                                                  \
      if (of.speed) ::dlfs::testing::measure_speed(*gpu, of);                                       \
  }

#define DLFS_OP_TESTS(Op, table)                                                            \
  DLFS_OP_TESTS_WITHOUT_GOLDEN(Op, table)                                                   \
  TEST(Op, MatchesPyTorch) {                                                                \
    const auto cpu = ::dlfs::open_cpu();                                                    \
    for (const auto& of : (table))                                                          \
      if (of.golden) ::dlfs::testing::expect_rows(::dlfs::testing::check_golden(*cpu, of)); \
  }                                                                                         \
  TEST(Gpu##Op, MatchesPyTorch) {                                                           \
    DLFS_NEEDS_GPU(gpu);                                                                    \
    for (const auto& of : (table))                                                          \
      if (of.golden) ::dlfs::testing::expect_rows(::dlfs::testing::check_golden(*gpu, of)); \
  }
