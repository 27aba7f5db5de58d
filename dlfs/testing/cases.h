// Every op's table of cases, in one explicit list: what `dlfs_tests --list-cases` prints for tools/golden.py. A new op
// adds its line here and in cases.cpp; the table itself stands in the op's own test.
#pragma once

#include <vector>

#include "dlfs/testing/op_case.h"

namespace dlfs::testing {

std::vector<OpCase> conv_cases();
std::vector<OpCase> batch_norm_cases();
std::vector<OpCase> batch_norm_statistics_cases();
std::vector<OpCase> fold_norm_cases();
std::vector<OpCase> group_norm_cases();
std::vector<OpCase> max_pool_cases();
std::vector<OpCase> avg_pool_cases();
std::vector<OpCase> upsample_cases();
std::vector<OpCase> concat_cases();
std::vector<OpCase> subsample_cases();
std::vector<OpCase> dropout_cases();
std::vector<OpCase> prepare_cases();
std::vector<OpCase> stem_filter_cases();
std::vector<OpCase> step_number_cases();
std::vector<OpCase> linear_cases();
std::vector<OpCase> softmax_cross_entropy_cases();
std::vector<OpCase> element_loss_cases();
std::vector<OpCase> sgd_cases();
std::vector<OpCase> adam_cases();
std::vector<OpCase> lars_cases();
std::vector<OpCase> accumulate_cases();
std::vector<OpCase> loss_scale_cases();
std::vector<OpCase> elementwise_cases();
std::vector<OpCase> reduce_cases();

std::vector<OpCase> all_cases();

}  // namespace dlfs::testing
