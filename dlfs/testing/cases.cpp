#include "dlfs/testing/cases.h"

namespace dlfs::testing {

std::vector<OpCase> all_cases() {
  std::vector<OpCase> all;
  for (const auto& table : {
           conv_cases(),
           batch_norm_cases(),
           batch_norm_statistics_cases(),
           fold_norm_cases(),
           group_norm_cases(),
           max_pool_cases(),
           avg_pool_cases(),
           upsample_cases(),
           concat_cases(),
           subsample_cases(),
           dropout_cases(),
           prepare_cases(),
           stem_filter_cases(),
           step_number_cases(),
           linear_cases(),
           softmax_cross_entropy_cases(),
           element_loss_cases(),
           sgd_cases(),
           adam_cases(),
           lars_cases(),
           accumulate_cases(),
           loss_scale_cases(),
           elementwise_cases(),
           reduce_cases(),
       })
    all.insert(all.end(), table.begin(), table.end());
  return all;
}

}  // namespace dlfs::testing
