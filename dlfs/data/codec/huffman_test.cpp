// Our reader of scans beside libjpeg's: each coefficient of each block.
#include "dlfs/data/codec/huffman.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include <jpeglib.h>  // behind <cstdio>, which it needs

#include "dlfs/base/file.h"
#include "dlfs/testing/data.h"
#include "dlfs/testing/dice.h"
#include "dlfs/testing/files.h"
#include "dlfs/testing/fuzz.h"

namespace dlfs::testing {
namespace {

struct Scan {
  explicit Scan(const Bytes& file) {
    state.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&state);
    jpeg_mem_src(&state, reinterpret_cast<const unsigned char*>(file.data()), file.size());
    jpeg_read_header(&state, TRUE);
    data = {reinterpret_cast<const std::byte*>(state.src->next_input_byte), state.src->bytes_in_buffer};
  }
  Scan(const Scan&) = delete;
  Scan& operator=(const Scan&) = delete;
  ~Scan() { jpeg_destroy_decompress(&state); }

  bool is_plain() const {
    return !state.progressive_mode && state.restart_interval == 0 &&
           state.comps_in_scan == state.num_components;
  }
  void describe(ScanReader& reader) {
    for (int i = 0; i < state.num_components; ++i) {
      const jpeg_component_info& about = state.comp_info[i];
      const JHUFF_TBL &dc = *state.dc_huff_tbl_ptrs[about.dc_tbl_no],
                      &ac = *state.ac_huff_tbl_ptrs[about.ac_tbl_no];
      const int blocks = state.num_components == 1 ? 1 : about.h_samp_factor * about.v_samp_factor;
      for (int k = 0; k < blocks; ++k) reader.add_block(i, {dc.bits, dc.huffval}, {ac.bits, ac.huffval});
      all_blocks += blocks;
    }
  }
  int units_in(int length, int sampling) const {
    const int side = state.num_components == 1 ? 8 : 8 * sampling;
    return (length + side - 1) / side;
  }

  jpeg_decompress_struct state{};
  jpeg_error_mgr errors{};
  std::span<const std::byte> data;
  int all_blocks = 0;
};

using Blocks = std::array<ScanReader::Block, 10>;

bool read(ScanReader& reader, Blocks& blocks) {
  std::memset(&blocks, 0, sizeof blocks);
  std::array<ScanReader::Block*, 10> places{};
  for (size_t i = 0; i < places.size(); ++i) places[i] = &blocks[i];
  return reader.read(places.data());
}

// Every unit, or (of a reader that passes by the others) one in `step`.
void expect_libjpegs(const std::string& path, int step) {
  const Bytes file = read_file(path);
  Scan scan(file);
  if (!scan.is_plain()) return;
  ScanReader reader(scan.data);
  scan.describe(reader);
  jpeg_decompress_struct& state = scan.state;
  jvirt_barray_ptr* all = jpeg_read_coefficients(&state);
  const int across = scan.units_in(static_cast<int>(state.image_width), state.max_h_samp_factor),
            down = scan.units_in(static_cast<int>(state.image_height), state.max_v_samp_factor);
  Blocks blocks;
  for (int unit = 0; unit < across * down; ++unit) {
    if (unit % step != 0) {
      ASSERT_TRUE(reader.read(nullptr)) << path;
      continue;
    }
    ASSERT_TRUE(read(reader, blocks)) << path;
    for (int i = 0, block = 0; i < state.num_components; ++i) {
      const bool alone = state.num_components == 1;
      const int wide = alone ? 1 : state.comp_info[i].h_samp_factor,
                high = alone ? 1 : state.comp_info[i].v_samp_factor;
      for (int k = 0; k < wide * high; ++k, ++block) {
        const auto x = static_cast<JDIMENSION>(unit % across * wide + k % wide),
                   y = static_cast<JDIMENSION>(unit / across * high + k / wide);
        if (x >= state.comp_info[i].width_in_blocks || y >= state.comp_info[i].height_in_blocks) continue;
        JBLOCKARRAY row =
            state.mem->access_virt_barray(reinterpret_cast<j_common_ptr>(&state), all[i], y, 1, FALSE);
        ASSERT_EQ(std::memcmp(blocks[block], row[0][x], sizeof blocks[block]), 0)
            << path << ": component " << i << ", block " << x << ", " << y;
      }
    }
  }
  EXPECT_FALSE(reader.read(nullptr)) << path << " goes on behind its last unit";
}

std::vector<std::string> jpegs_in(const std::string& folder) {
  std::vector<std::string> paths = files_in(folder);
  std::erase_if(paths, [](const std::string& path) { return path.find(".jpg") == std::string::npos; });
  return paths;
}

TEST(Huffman, BlocksAreLibjpegs) {
  for (const std::string& path : jpegs_in(tree_path("images")))
    for (const int step : {1, 3}) expect_libjpegs(path, step);
}

void try_photographs(size_t step) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const std::vector<std::string> paths = jpegs_in(folder + "/train2017");
  for (size_t i = 0; i < paths.size(); i += step) expect_libjpegs(paths[i], i % 2 == 0 ? 1 : 3);
}

TEST(Huffman, BlocksOfPhotographsAreLibjpegs) { try_photographs(15); }
TEST(SlowHuffman, BlocksOfPhotographsAreLibjpegs) { try_photographs(1); }

// Any bytes under the codes of a real file: it stops, and stays in them (sanitizers look).
TEST(Huffman, EndsInNoise) {
  const Bytes file = read_file(tree_path("images/colour_420.jpg"));
  Scan scan(file);
  Dice dice(7);
  for (int round = 0; round < 2000; ++round) {
    Bytes noise(static_cast<size_t>(dice.below(200)));
    for (std::byte& byte : noise) byte = static_cast<std::byte>(dice.one_in(8) ? 255 : dice.below(256));
    ScanReader reader(noise);
    scan.describe(reader);
    Blocks blocks;
    int units = 0;
    while (dice.one_in(2) ? read(reader, blocks) : reader.read(nullptr)) ++units;
    ASSERT_LE(units, 8 * 200);
  }
}

// Photographs with a few bytes changed: what fuzzing asks of an image, both readers of its scan agreeing among it.
void try_damage(int rounds) {
  DLFS_NEEDS_DATA(folder, "coco128");
  const std::vector<std::string> paths = jpegs_in(folder + "/train2017");
  const auto jpeg = fuzz_targets()[0];
  Dice dice(11);
  for (int round = 0; round < rounds; ++round) {
    const std::string& path = paths[static_cast<size_t>(dice.below(static_cast<int>(paths.size())))];
    Bytes file = read_file(path);
    for (int change = dice.below(4); change >= 0; --change)
      file[static_cast<size_t>(dice.below(static_cast<int>(file.size())))] =
          static_cast<std::byte>(dice.below(256));
    if (dice.one_in(4)) file.resize(static_cast<size_t>(dice.below(static_cast<int>(file.size()))));
    ASSERT_NO_THROW(fuzz_once(jpeg, file)) << path << ", round " << round;
  }
}

TEST(Huffman, DamagedPhotographsAreReadAsLibjpegReadsThem) { try_damage(30); }
TEST(SlowHuffman, DamagedPhotographsAreReadAsLibjpegReadsThem) { try_damage(1500); }

}  // namespace
}  // namespace dlfs::testing
