#include "dlfs/data/codec/huffman.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dlfs {
namespace {

constexpr int looks = 11;  // bits of one look
constexpr int sure = 56;   // bits that are there after a fill: five looks, or a code of 16 with a value of 15
constexpr size_t unit_bytes = 10 * 65 * 4 + 8;    // more than any has, and a last fill
constexpr int block_end = 128, look_closer = 64;  // instead of places

// From the order of the file.
constexpr std::array<uint8_t, 64> place_of = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                              12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                              35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                              58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

// A code and the value behind it.
struct One {
  uint8_t bits = 0;   // of both; 0: the code is longer than a look
  uint8_t value = 0;  // bits of the value
  uint8_t step = 0;   // places on
  uint8_t unused = 0;
};

// What a look shows: one coefficient or two, with their values. One word: it is read at once.
struct Two {
  uint64_t word = uint64_t{look_closer} << 8;

  Two() = default;
  Two(int bits, int last, int first, int value_first, int value_last)
      : word(static_cast<uint64_t>(bits | last << 8 | first << 16) |
             uint64_t{static_cast<uint16_t>(value_first)} << 32 |
             uint64_t{static_cast<uint16_t>(value_last)} << 48) {}
  int bits() const { return static_cast<int>(word & 255); }
  int last() const { return static_cast<int>(word >> 8 & 255); }  // places on, both from where we are
  int first() const { return static_cast<int>(word >> 16 & 255); }
  int16_t value_first() const { return static_cast<int16_t>(word >> 32); }
  int16_t value_last() const { return static_cast<int16_t>(word >> 48); }
};

One one_of(int length, int symbol) {
  const int value = symbol & 15, zeros = symbol >> 4;
  const bool ends = value == 0 && zeros != 15;
  return {.bits = static_cast<uint8_t>(length + value),
          .value = static_cast<uint8_t>(value),
          .step = static_cast<uint8_t>(ends ? block_end : zeros + 1)};
}

// The value at the end of so many bits: T.81's EXTEND.
inline int value_of(uint64_t ahead, One one) {
  const uint64_t from = ahead << (one.bits - one.value);
  const int negative = static_cast<int>(static_cast<int64_t>(~from) >> 63);
  return static_cast<int>(from >> 1 >> (63 - one.value)) +
         (negative & (static_cast<int>(~0U << one.value) + 1));
}

}  // namespace

struct ScanReader::Table {
  struct Codes {
    std::array<One, 1 << looks> one;
    std::array<int, 17> last, offset;  // of each length: its last code (or -1), and from a code to its symbol
    std::array<uint8_t, 256> symbols;
    const uint8_t* from;  // to know them again

    explicit Codes(const HuffmanCodes& codes) : from(codes.counts) {
      std::memcpy(symbols.data(), codes.symbols, symbols.size());
      for (int length = 1, code = 0, at = 0; length <= 16; ++length, code *= 2) {
        offset[length] = at - code;
        for (int i = 0; i < codes.counts[length]; ++i, ++at, ++code)
          for (int rest = 0; length <= looks && rest < 1 << (looks - length); ++rest)
            one[(code << (looks - length)) + rest] = one_of(length, symbols[at]);
        last[length] = codes.counts[length] > 0 ? code - 1 : -1;
      }
    }

    One longer(uint64_t ahead) const {
      for (int length = looks + 1; length <= 16; ++length) {
        const int code = static_cast<int>(ahead >> (64 - length));
        if (code <= last[length]) return one_of(length, symbols[(code + offset[length]) & 255]);
      }
      return {.step = look_closer};
    }

    One next(uint64_t ahead) const {
      const One found = one[ahead >> (64 - looks)];
      return found.bits != 0 ? found : longer(ahead);
    }
  };

  Codes dc, ac;
  std::array<Two, 1 << looks> two;

  Table(const HuffmanCodes& dc_codes, const HuffmanCodes& ac_codes) : dc(dc_codes), ac(ac_codes) {
    for (size_t look = 0; look < two.size(); ++look) two[look] = two_of(look);
  }

  Two two_of(size_t look) const {
    const uint64_t ahead = look << (64 - looks);
    const One first = ac.one[look];
    if (first.bits == 0 || first.bits > looks || first.step == block_end) return {};
    const int value = value_of(ahead, first);
    const uint64_t rest = ahead << first.bits;
    const One second = ac.one[rest >> (64 - looks)];
    if (second.bits == 0 || first.bits + second.bits > looks)
      return {first.bits, first.step, first.step, value, value};
    const int last = second.step == block_end ? block_end : first.step + second.step;
    return {first.bits + second.bits, last, first.step, value, value_of(rest, second)};
  }
};

namespace {

using Bits = ScanReader::Bits;

inline uint64_t big_endian(const uint8_t* from) {
  uint64_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

// requires: 8 bytes at `next`
[[gnu::always_inline]] inline void fill(Bits& bits) {
  bits.ahead |= big_endian(bits.next) >> bits.count;
  bits.next += (63 - bits.count) >> 3;
  bits.count |= sure;
}

[[gnu::always_inline]] inline void drop(Bits& bits, int count) {
  bits.ahead <<= count & 63;
  bits.count -= count;
}

[[gnu::always_inline]] inline Two look(const Bits& bits, const ScanReader::Table& table) {
  return table.two[bits.ahead >> (64 - looks)];
}
template <bool Keep>
[[gnu::always_inline]] inline bool read_block(Bits& bits, const ScanReader::Table& table, int16_t& last_dc,
                                              int16_t* to) {
  fill(bits);
  const One dc = table.dc.next(bits.ahead);
  if (dc.bits == 0) return false;
  last_dc = static_cast<int16_t>(last_dc + value_of(bits.ahead, dc));
  drop(bits, dc.bits);
  if (Keep) to[0] = last_dc;
  int place = 0;
  do {
    fill(bits);
    Two two = look(bits, table);
    for (int more = 3; place + two.last() < 63; --more) {
      if (Keep) {
        to[place_of[place + two.last()]] = two.value_last();
        to[place_of[place + two.first()]] = two.value_first();
      }
      drop(bits, two.bits());
      place += two.last();
      if (more == 0) {
        fill(bits);
        more = 4;
      }
      two = look(bits, table);
    }
    if (two.last() == block_end && place + two.first() < 63) {
      if (Keep) to[place_of[place + two.first()]] = two.value_first();
      drop(bits, two.bits());
      return true;
    }
    fill(bits);
    const One one = table.ac.next(bits.ahead);
    place += one.step;
    if (Keep && place < 64) to[place_of[place]] = static_cast<int16_t>(value_of(bits.ahead, one));
    drop(bits, one.bits);
  } while (place < 63);
  return place == 63 || place >= block_end;
}

}  // namespace

// FF 00 is FF; FF and anything else is a marker, where the data end. Zeros behind them are for reading on to the end of a
// unit, which is noticed only then.
ScanReader::ScanReader(std::span<const std::byte> scan)
    : data_(std::make_unique_for_overwrite<uint8_t[]>(scan.size() + unit_bytes)) {
  const auto* from = reinterpret_cast<const uint8_t*>(scan.data());
  const uint8_t* const end = from + scan.size();
  uint8_t* to = data_.get();
  while (from < end) {
    const auto* marker =
        static_cast<const uint8_t*>(std::memchr(from, 0xFF, static_cast<size_t>(end - from)));
    const size_t count = static_cast<size_t>((marker != nullptr ? marker : end) - from);
    std::memcpy(to, from, count);
    to += count;
    if (marker == nullptr || marker + 1 == end || marker[1] != 0) break;
    *to++ = 0xFF;
    from = marker + 2;
  }
  std::memset(to, 0, unit_bytes);
  bits_.next = data_.get();
  end_ = to;
}

ScanReader::~ScanReader() = default;

void ScanReader::add_block(int component, const HuffmanCodes& dc, const HuffmanCodes& ac) {
  auto same = std::find_if(tables_.begin(), tables_.end(), [&](const auto& table) {
    return table == nullptr || (table->dc.from == dc.counts && table->ac.from == ac.counts);
  });
  if (*same == nullptr) *same = std::make_unique<Table>(dc, ac);
  blocks_[block_count_++] = {.component = component, .table = same->get()};
}

bool ScanReader::read(Block* const* blocks) {
  Bits bits = bits_;
  for (int i = 0; i < block_count_; ++i) {
    const auto& [component, table] = blocks_[i];
    int16_t& last_dc = last_dc_[component];
    if (blocks != nullptr ? !read_block<true>(bits, *table, last_dc, *blocks[i])
                          : !read_block<false>(bits, *table, last_dc, nullptr))
      return false;
  }
  bits_ = bits;
  return 8 * (bits.next - end_) <= bits.count;
}

}  // namespace dlfs
