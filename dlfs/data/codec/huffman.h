// The entropy-coded data of a JPEG's only scan (ITU-T T.81, F.2.2; baseline, without restarts), where most of a decode's
// time goes. One look into a table gives up to two coefficients, several looks go without a test for more bits, and what
// nobody wants is passed by. What is not plain (a bad code, a marker, too few data) is not judged here: libjpeg has the
// word. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace dlfs {

struct HuffmanCodes {
  const uint8_t* counts = nullptr;   // [17], of the codes of each length
  const uint8_t* symbols = nullptr;  // [256]
};

class ScanReader {
 public:
  using Block = int16_t[64];  // coefficients, row after row, as they are in the file

  explicit ScanReader(std::span<const std::byte> scan);
  ~ScanReader();
  ScanReader(const ScanReader&) = delete;
  ScanReader& operator=(const ScanReader&) = delete;

  // The next block of each unit (MCU) is of this component, 0 to 3. requires: ten blocks at most; codes that libjpeg took.
  void add_block(int component, const HuffmanCodes& dc, const HuffmanCodes& ac);

  // The next unit into `blocks`, which are zeros, or past it where there are none. false: what is not plain; all is over.
  bool read(Block* const* blocks);

  struct Bits {  // what stands next: `count` of `ahead` from its highest on, then what `next` says
    uint64_t ahead = 0;
    int count = 0;
    const uint8_t* next = nullptr;
  };
  struct Table;

 private:
  std::unique_ptr<uint8_t[]> data_;
  const uint8_t* end_ = nullptr;  // of what is there
  Bits bits_;
  std::array<std::unique_ptr<Table>, 4> tables_;  // the first ones
  std::array<int16_t, 4> last_dc_{};              // of each component
  struct Place {
    int component = 0;
    const Table* table = nullptr;
  };
  std::array<Place, 10> blocks_{};
  int block_count_ = 0;
};

}  // namespace dlfs
