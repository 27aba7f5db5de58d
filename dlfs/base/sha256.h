// SHA-256 (FIPS 180-4): the name that a file has by what is in it. Any thread, one object each.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace dlfs {

using Digest = std::array<uint8_t, 32>;

class Sha256 {
 public:
  void add(std::span<const std::byte> bytes);
  Digest finish();  // of all that was added; nothing is added afterwards

 private:
  void take(const std::byte* block);

  std::array<uint32_t, 8> state_{0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
  std::array<std::byte, 64> open_{};  // the block that is not full yet
  uint64_t length_ = 0;               // of all, in bytes
};

Digest sha256(std::span<const std::byte> bytes);
std::string to_hex(const Digest& digest);  // 64 digits, lower case

}  // namespace dlfs
