#include "dlfs/base/random.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace dlfs {

uint64_t key_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char character : text) hash = (hash ^ static_cast<unsigned char>(character)) * 0x100000001B3;
  return mix(hash);
}

float Random::normal(uint64_t counter) const {
  constexpr double two_pi = 6.283185307179586;
  const double u = static_cast<double>((bits(2 * counter) >> 11) + 1) * 0x1p-53;
  const double v = static_cast<double>(bits(2 * counter + 1) >> 11) * 0x1p-53;
  return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(two_pi * v));
}

std::vector<uint32_t> permutation(uint32_t count, uint64_t key) {
  const Random random(key);
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  for (uint32_t i = count; i-- > 1;) std::swap(order[i], order[random.below(i, i + 1)]);
  return order;
}

}  // namespace dlfs
