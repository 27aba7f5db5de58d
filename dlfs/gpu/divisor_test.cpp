#include "dlfs/gpu/divisor.h"

#include <gtest/gtest.h>

#include <vector>

namespace dlfs::testing {

TEST(Divisor, DividesAsTheProcessorDoes) {
  constexpr unsigned most = (1U << 31) - 1;
  std::vector<unsigned> numbers{1,   2,     3,     5,     6,        7,        10,  641,
                                784, 65535, 65536, 65537, 1U << 30, most - 1, most};
  for (unsigned bit = 2; bit < 31; ++bit) {
    numbers.push_back((1U << bit) - 1);
    numbers.push_back((1U << bit) + 1);
  }
  for (const unsigned by : numbers)
    for (const unsigned factor : numbers)
      for (const int64_t offset : {-1, 0, 1}) {
        const int64_t near = int64_t{by} * factor + offset;  // a multiple, and its neighbours
        for (const int64_t dividend : {near, int64_t{factor}, int64_t{0}}) {
          if (dividend < 0 || dividend > most) continue;
          ASSERT_EQ(Divisor(by).divide(static_cast<unsigned>(dividend)), dividend / by)
              << dividend << " / " << by;
        }
      }
}

}  // namespace dlfs::testing
