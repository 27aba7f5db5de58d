#include "dlfs/models/safetensors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <filesystem>

#include "dlfs/testing/data.h"
#include "dlfs/testing/error.h"
#include "dlfs/testing/folder.h"

namespace dlfs {
namespace {

using testing::error_of;

Bytes bytes_of_text(std::string_view text) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// A file of this header, whatever it is, and so many zeros.
Bytes file_of(const std::string& header, size_t data_bytes) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i));
  return bytes_of_text(file + header + std::string(data_bytes, '\0'));
}

std::string error_of_header(const std::string& header, size_t data_bytes) {
  return error_of([&] { parse_safetensors(file_of(header, data_bytes), "a.safetensors"); });
}

std::string entry(const std::string& name, const std::string& shape, const std::string& offsets) {
  return "\"" + name + R"(":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

constexpr std::array<float, 6> weights = {1, 2, 3, 4, 5, 6};
constexpr std::array<uint8_t, 3> codes = {7, 8, 9};

SafeTensors small_content() {
  return {
      .metadata = {{"model", "lenet"}, {"classes", "[\"a\",\"b\"]"}},
      .tensors = {{.name = "conv1.weight",
                   .dtype = "F32",
                   .shape = {2, 3, 1, 1},
                   .bytes = std::as_bytes(std::span(weights))},
                  {.name = "codes", .dtype = "U8", .shape = {3}, .bytes = std::as_bytes(std::span(codes))},
                  {.name = "none", .dtype = "I64", .shape = {0, 4}, .bytes = {}}},
      .file = nullptr};
}

TEST(SafeTensors, WritesTheDocumentedBytes) {
  const Bytes file = encode_safetensors(small_content());
  const std::string header = R"({"__metadata__":{"classes":"[\"a\",\"b\"]","model":"lenet"},)"
                             R"("conv1.weight":{"dtype":"F32","shape":[2,3,1,1],"data_offsets":[0,24]},)"
                             R"("codes":{"dtype":"U8","shape":[3],"data_offsets":[24,27]},)"
                             R"("none":{"dtype":"I64","shape":[0,4],"data_offsets":[27,27]}})";
  const size_t padded = (header.size() + 7) / 8 * 8;
  EXPECT_EQ(std::to_integer<size_t>(file[0]) + 256 * std::to_integer<size_t>(file[1]), padded);
  EXPECT_EQ(text_of(file).substr(8, padded), header + std::string(padded - header.size(), ' '));
  EXPECT_EQ(file.size(), 8 + padded + 27);
  EXPECT_EQ(file, encode_safetensors(small_content()));
}

TEST(SafeTensors, ReadsWhatItWrote) {
  const testing::Folder folder;
  const std::string path = folder / "small.safetensors";
  write_safetensors(path, small_content());
  const SafeTensors read = read_safetensors(path);
  EXPECT_EQ(read.metadata, small_content().metadata);
  ASSERT_EQ(read.tensors.size(), 3U);
  EXPECT_EQ(read.tensors[2].name, "none");
  const SafeTensor* tensor = read.find("conv1.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->dtype, "F32");
  EXPECT_EQ(tensor->shape, (std::vector<int64_t>{2, 3, 1, 1}));
  EXPECT_EQ(text_of(tensor->bytes), text_of(std::as_bytes(std::span(weights))));
  EXPECT_EQ(read.find("conv2.weight"), nullptr);
  EXPECT_EQ(encode_safetensors(read), *read.file);
}

TEST(SafeTensors, ReadsTensorsInTheOrderOfTheirBytes) {
  const std::string header = "{" + entry("b", "[1]", "[4,8]") + "," + entry("a", "[1]", "[0,4]") + "}";
  const SafeTensors read = parse_safetensors(file_of(header, 8), "test");
  EXPECT_EQ(read.tensors[0].name, "a");
  EXPECT_TRUE(parse_safetensors(file_of("{}", 0), "test").tensors.empty());
}

TEST(SafeTensors, RefusesHeadersThatCannotBe) {
  const auto error_of_bytes = [](std::string_view text) {
    return error_of([&] { parse_safetensors(bytes_of_text(text), "a.safetensors"); });
  };
  const std::string start = "[safetensors] a.safetensors: ";
  EXPECT_EQ(error_of_bytes("1234567"),
            start + "is no safetensors file: the length of its header takes 8 bytes, but it has 7");
  EXPECT_EQ(error_of_bytes({"\3\0\0\0\0\0\0\0{}", 10}),
            start + "declares a header of 3 bytes, but only 2 follow");
  EXPECT_EQ(error_of_bytes("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{}"),
            start + "is no safetensors file: it does not begin with the length of a header");
  EXPECT_EQ(error_of_header(std::string((16 << 20) + 1, ' '), 0),
            start + "declares a header of 16777217 bytes, and at most 16777216 are read");
  for (const char* header : {"", "[]", " {}", "7"}) {
    EXPECT_EQ(error_of_header(header, 0), start + "its header does not begin with {") << header;
  }
  EXPECT_EQ(error_of_header("{\"a\":}", 0).find("[json] a.safetensors: is no JSON: "), 0U);
  EXPECT_EQ(error_of_header("{" + entry("a", "[1]", "[0,4]") + "," + entry("a", "[1]", "[4,8]") + "}", 8),
            "[json] a.safetensors: an object has \"a\" twice");
}

TEST(SafeTensors, RefusesTensorsThatCannotBe) {
  struct Case {
    std::string members, fact;
    size_t data_bytes = 8;
  };
  const std::string both = entry("a", "[1]", "[0,4]") + ",";
  const std::string not_whole = " that holds more than whole numbers from 0 to 2^63 - 1";
  for (const Case& wrong : {
           Case{entry("a", "[3]", "[0,12]"), R"(tensor "a" has the bytes 0 to 12 of a file that has 8)"},
           {entry("a", "[2]", "[9223372036854775800,9223372036854775807]"),
            R"(tensor "a" has the bytes 9223372036854775800 to 9223372036854775807 of a file that has 8)"},
           {entry("a", "[2]", "[8,0]"), R"(tensor "a" has the bytes 8 to 0 of a file that has 8)"},
           {entry("a", "[3]", "[0,8]"), R"(tensor "a" has the bytes 0 to 8, but F32 [3] takes 12)"},
           {entry("a", "[4294967296,4294967296]", "[0,8]"),
            R"(tensor "a" is F32 [4294967296,4294967296], which is an unknown type or too large)"},
           {R"("a":{"dtype":"F31","shape":[2],"data_offsets":[0,8]})",
            R"(tensor "a" is F31 [2], which is an unknown type or too large)"},
           {both + entry("b", "[2]", "[0,8]"),
            R"(tensor "b" begins at byte 0, but the one before ends at 4)"},
           {both + entry("b", "[1]", "[8,12]"),
            R"(tensor "b" begins at byte 8, but the one before ends at 4)", 12},
           {entry("a", "[1]", "[4,8]"), R"(tensor "a" begins at byte 4, but the one before ends at 0)"},
           {entry("a", "[1]", "[0,4]"), "its tensors end at byte 4, but its data at 8"},
           {entry("a", "[-2]", "[0,8]"), R"(tensor "a" has a "shape")" + not_whole},
           {entry("a", "[2.0]", "[0,8]"), R"(tensor "a" has a "shape")" + not_whole},
           {entry("a", "[2]", "[0,18446744073709551615]"), R"(tensor "a" has a "data_offsets")" + not_whole},
           {entry("a", "[2]", "[8]"), R"(tensor "a" has 1 data_offsets, not 2)"},
           {entry("a", "2", "[0,8]"), R"(tensor "a" has no list "shape")"},
           {R"("a":{"shape":[2],"data_offsets":[0,8]})", R"(tensor "a" has no string "dtype")"},
           {R"("a":7)", R"(tensor "a" has no string "dtype")"},
           {R"("__metadata__":{"epochs":5})", R"(__metadata__ "epochs" is of kind number, not a string)"},
           {R"("__metadata__":["a"])", "__metadata__ is of kind array, not an object"},
       }) {
    EXPECT_EQ(error_of_header("{" + wrong.members + "}", wrong.data_bytes),
              "[safetensors] a.safetensors: " + wrong.fact);
  }
}

// Whatever happens to a file, reading it ends in a good parse or in a FileError.
TEST(SafeTensors, SurvivesEveryChangedByteAndEveryCut) {
  const Bytes good = encode_safetensors(small_content());
  int parsed = 0, refused = 0;
  const auto try_to_read = [&](const Bytes& file) {
    try {
      const SafeTensors content = parse_safetensors(file, "changed");
      for (const SafeTensor& tensor : content.tensors) {
        for (const std::byte byte : tensor.bytes) parsed += byte == std::byte{255} ? 0 : 1;  // touch them all
      }
    } catch (const FileError&) {
      ++refused;
    }
  };
  const size_t header_end = good.size() - sizeof(weights) - sizeof(codes);
  for (size_t at = 0; at < header_end; ++at) {
    for (int value = 0; value < 256; ++value) {
      Bytes changed = good;
      changed[at] = static_cast<std::byte>(value);
      try_to_read(changed);
    }
  }
  EXPECT_GT(parsed, 0);
  EXPECT_GT(refused, 10000);
  refused = 0;
  for (size_t size = 0; size < good.size(); ++size)
    try_to_read({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)});
  EXPECT_EQ(refused, static_cast<int>(good.size()));
}

TEST(SafeTensors, ChecksWhatItIsGivenToWrite) {
  SafeTensors wrong_size = small_content(), twice = small_content();
  wrong_size.tensors[0].shape = {7};
  EXPECT_THROW(encode_safetensors(wrong_size), InternalError);
  twice.tensors[1].name = "conv1.weight";
  EXPECT_THROW(encode_safetensors(twice), InternalError);
}

// A file of 3 GiB (of holes) whose header cannot be: refused before any of it takes memory.
TEST(SafeTensors, JudgesTheHeaderBeforeTheDataTakeMemory) {
  const testing::Folder folder;
  const std::string path = folder / "large.safetensors";
  const auto peak = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;  // MiB
  };
  constexpr int64_t size = int64_t{3} << 30;
  const auto with_header = [&](const std::string& header) {
    std::string start(8, '\0');
    start[0] = static_cast<char>(header.size());
    write_file(path, start + header);
    std::filesystem::resize_file(path, size);
    return error_of([&] { read_safetensors(path); });
  };
  const auto before = peak();
  EXPECT_EQ(with_header(""), "[safetensors] " + path + ": its header does not begin with {");
  EXPECT_EQ(with_header(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})"),
            "[safetensors] " + path + concat(": its tensors end at byte 4, but its data at ", size - 8 - 54));
  EXPECT_LT(peak() - before, 64) << "MiB more than before";
}

TEST(SafeTensorsData, ReadsFilesThatOthersWrote) {
  DLFS_NEEDS_DATA(folder, "weights");
  const SafeTensors resnet = read_safetensors(folder + "/resnet20-cifar10.safetensors");
  const SafeTensor* first = resnet.find("conv1.weight");
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->dtype, "F32");
  EXPECT_EQ(first->shape, (std::vector<int64_t>{16, 3, 3, 3}));
}

}  // namespace
}  // namespace dlfs
