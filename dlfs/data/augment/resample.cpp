#include "dlfs/data/augment/resample.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace dlfs {
namespace {

constexpr int precision = 22;
constexpr int32_t half = 1 << (precision - 1);
constexpr double rounding = 0.5;  // of what is not negative

uint8_t byte_of(int32_t sum) { return static_cast<uint8_t>(std::min(sum >> precision, 255)); }

void row_of_4(const uint8_t* row, const Taps& taps, uint8_t* to) {
  const int32_t* weights = taps.weights.data();
  for (int x = 0; x < taps.count; ++x, weights += 4 * taps.most, to += 4) {
    const uint8_t* from = row + 4 * static_cast<size_t>(taps.first[x]);
    std::array<int32_t, 4> sums{half, half, half, half};
    for (int tap = 0; tap < taps.used[x]; ++tap)
      for (int c = 0; c < 4; ++c) sums[c] += from[4 * tap + c] * weights[4 * tap];
    for (int c = 0; c < 4; ++c) to[c] = byte_of(sums[c]);
  }
}

void column(const uint8_t* rows, size_t stride, size_t count, const Taps& taps, int at, uint8_t* to,
            size_t x) {
  const int32_t* weights = &taps.weights[static_cast<size_t>(at) * taps.most];
  const uint8_t* from = rows + static_cast<size_t>(taps.first[at]) * stride;
  for (; x < count; ++x) {
    int32_t sum = half;
    for (int tap = 0; tap < taps.used[at]; ++tap)
      sum += from[static_cast<size_t>(tap) * stride + x] * weights[tap];
    to[x] = byte_of(sum);
  }
}

// The same for processors that have AVX2: a fifth of the time.
#ifdef __x86_64__
#define DLFS_AVX2 [[gnu::target("avx2")]]

DLFS_AVX2 inline __m256i load_8(const uint8_t* from) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)));
}
DLFS_AVX2 inline __m256i load(const int32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

// Two pixels of the source at a time, and so many times for every pixel: a count that changes would be guessed wrong. 0
// is for any.
template <int FixedPairs>
DLFS_AVX2 void row_of_pairs(const uint8_t* row, const Taps& taps, uint8_t* to) {
  const int pairs = FixedPairs > 0 ? FixedPairs : taps.most / 2;
  const int32_t* weights = taps.weights.data();
  for (int x = 0; x < taps.count; ++x, to += 4) {
    const uint8_t* from = row + 4 * static_cast<size_t>(taps.first[x]);
    __m256i sums = _mm256_setr_epi32(half, half, half, half, 0, 0, 0, 0);
    for (int pair = 0; pair < pairs; ++pair, from += 8, weights += 8)
      sums = _mm256_add_epi32(sums, _mm256_mullo_epi32(load_8(from), load(weights)));
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    sum = _mm_srli_epi32(sum, precision);
    sum = _mm_packus_epi32(sum, sum);
    const int bytes = _mm_cvtsi128_si32(_mm_packus_epi16(sum, sum));
    std::memcpy(to, &bytes, 4);
  }
}

DLFS_AVX2 void row_of_4_avx2(const uint8_t* row, const Taps& taps, uint8_t* to) {
  switch (taps.most) {
    case 2:
      return row_of_pairs<1>(row, taps, to);
    case 4:
      return row_of_pairs<2>(row, taps, to);
    case 6:
      return row_of_pairs<3>(row, taps, to);
    default:
      return row_of_pairs<0>(row, taps, to);
  }
}

// 16 bytes of a row at a time.
DLFS_AVX2 void column_avx2(const uint8_t* rows, size_t stride, size_t count, const Taps& taps, int at,
                           uint8_t* to) {
  const int32_t* weights = &taps.weights[static_cast<size_t>(at) * taps.most];
  const uint8_t* from = rows + static_cast<size_t>(taps.first[at]) * stride;
  size_t x = 0;
  for (; x + 16 <= count; x += 16) {
    __m256i low = _mm256_set1_epi32(half), high = low;
    for (int tap = 0; tap < taps.used[at]; ++tap) {
      const uint8_t* here = from + static_cast<size_t>(tap) * stride + x;
      const __m256i weight = _mm256_set1_epi32(weights[tap]);
      low = _mm256_add_epi32(low, _mm256_mullo_epi32(load_8(here), weight));
      high = _mm256_add_epi32(high, _mm256_mullo_epi32(load_8(here + 8), weight));
    }
    // Packing goes by halves of the vectors: 0-3, 8-11, 4-7, 12-15.
    const __m256i words =
        _mm256_packus_epi32(_mm256_srli_epi32(low, precision), _mm256_srli_epi32(high, precision));
    const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);
    const __m128i bytes =
        _mm_packus_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + x), bytes);
  }
  column(rows, stride, count, taps, at, to, x);
}

bool has_avx2() { return __builtin_cpu_supports("avx2") != 0; }
#else
void row_of_4_avx2(const uint8_t* row, const Taps& taps, uint8_t* to) { row_of_4(row, taps, to); }
void column_avx2(const uint8_t* rows, size_t stride, size_t count, const Taps& taps, int at, uint8_t* to) {
  column(rows, stride, count, taps, at, to, 0);
}
bool has_avx2() { return false; }
#endif

}  // namespace

void make_taps(const Line& line, Available available, int spread, Taps& taps) {
  const int pixels = available.end - available.begin;
  const double width = std::max(1.0, line.step);  // of the filter, to each side: what it averages over
  taps.count = line.count;
  taps.most = (static_cast<int>(std::min(std::ceil(2 * width), 1.0 * pixels)) + 1) & ~1;
  taps.copies = line.step == 1 && line.start == std::floor(line.start);
  taps.first.resize(static_cast<size_t>(taps.count));
  taps.used.resize(static_cast<size_t>(taps.count));
  taps.weights.assign(static_cast<size_t>(taps.count) * taps.most * spread, 0);
  for (int i = 0; i < line.count; ++i) {
    const double center = line.start + (i + 0.5) * line.step;
    const auto bound = [&](double edge, int least, int most) {
      return static_cast<int>(std::clamp<double>(std::floor(edge + 0.5), least, most));
    };
    int first = bound(center - width, available.begin, available.end - 1);
    const int end = bound(center + width, first + 1, available.end);
    double sum = 0;
    taps.exact.clear();
    for (int pixel = first; pixel < end; ++pixel) {
      taps.exact.push_back(std::max(0.0, 1 - std::abs((pixel - center + 0.5) * (1 / width))));
      sum += taps.exact.back();
    }
    if (sum == 0) sum = taps.exact[0] = 1;  // beyond the image: its edge
    const auto weight = [&](int pixel) {
      return static_cast<int32_t>(rounding + taps.exact[static_cast<size_t>(pixel)] / sum * (1 << precision));
    };
    int begin = 0, used = end - first;  // of exact
    while (weight(begin) == 0) ++begin;
    while (weight(used - 1) == 0) --used;
    first += begin - available.begin;
    // A row's places must all lie in it.
    const int place = spread == 1 || taps.copies ? first : std::clamp(pixels - taps.most, 0, first);
    const size_t at = static_cast<size_t>(line.mirrored ? line.count - 1 - i : i);
    taps.first[at] = place;
    taps.used[at] = std::min(first - place + used - begin, taps.most);
    for (int tap = first - place; tap < taps.used[at]; ++tap)
      std::fill_n(&taps.weights[(at * taps.most + tap) * spread], spread,
                  weight(tap - first + place + begin));
  }
}

void resample_row(const uint8_t* row, int bytes, const Taps& taps, uint8_t* to, Vectors vectors) {
  static const bool avx2 = has_avx2();
  if (bytes == 4)
    return avx2 && vectors == Vectors::best ? row_of_4_avx2(row, taps, to) : row_of_4(row, taps, to);
  const int32_t* weights = taps.weights.data();
  for (int x = 0; x < taps.count; ++x, weights += taps.most) {
    int32_t sum = half;
    for (int tap = 0; tap < taps.used[x]; ++tap) sum += row[taps.first[x] + tap] * weights[tap];
    to[x] = byte_of(sum);
  }
}

void resample_column(const uint8_t* rows, size_t stride, size_t count, const Taps& taps, int at, uint8_t* to,
                     Vectors vectors) {
  static const bool avx2 = has_avx2();
  if (avx2 && vectors == Vectors::best) return column_avx2(rows, stride, count, taps, at, to);
  column(rows, stride, count, taps, at, to, 0);
}

}  // namespace dlfs
