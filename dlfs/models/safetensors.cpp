#include "dlfs/models/safetensors.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"

namespace dlfs {
namespace {

constexpr size_t length_bytes = 8;
constexpr size_t most_header_bytes = size_t{16} << 20;
constexpr const char* metadata_name = "__metadata__";

struct Element {
  const char* dtype;
  int64_t bytes;
};
constexpr std::array elements = {
    Element{"BOOL", 1}, Element{"U8", 1},  Element{"I8", 1},  Element{"F8_E4M3", 1}, Element{"F8_E5M2", 1},
    Element{"I16", 2},  Element{"U16", 2}, Element{"F16", 2}, Element{"BF16", 2},    Element{"I32", 4},
    Element{"U32", 4},  Element{"F32", 4}, Element{"F64", 8}, Element{"I64", 8},     Element{"U64", 8}};

// The bytes of a tensor, or nothing where the type is unknown or the product has no 63 bits.
std::optional<int64_t> bytes_of(const std::string& dtype, const std::vector<int64_t>& shape) {
  const auto element = std::find_if(elements.begin(), elements.end(),
                                    [&](const Element& known) { return known.dtype == dtype; });
  if (element == elements.end()) return std::nullopt;
  int64_t bytes = element->bytes;
  for (const int64_t size : shape) {
    if (size < 0 || (size > 0 && bytes > std::numeric_limits<int64_t>::max() / size)) return std::nullopt;
    bytes *= size;
  }
  return bytes;
}

// Judges one file's header against the file's size, of which no more than the header need be there. Every error names the
// file, and within it the tensor.
class Reader {
 public:
  Reader(std::span<const std::byte> start, uint64_t size, std::string source)
      : start_(start), size_(size), source_(std::move(source)) {}

  // Where the data begin. requires: the first 8 bytes, or all where the file has fewer.
  size_t data_start() const { return length_bytes + header_length(); }

  // The tensors without their bytes, in the order of these, and where each lies in the data.
  struct Placed {
    SafeTensor tensor;
    uint64_t begin, end;
  };
  struct Header {
    std::map<std::string, std::string> metadata;
    std::vector<Placed> tensors;
  };

  // requires: the first data_start() bytes.
  Header read() {
    const size_t start = data_start();
    const std::string_view header = text_of(start_).substr(length_bytes, start - length_bytes);
    if (header.substr(0, 1) != "{") fail("its header does not begin with {");
    const Json json = Json::parse(header, source_, {.max_bytes = most_header_bytes});
    data_size_ = size_ - start;

    Header content;
    for (const Json::Member& member : json.members()) {
      if (member.name == metadata_name)
        content.metadata = metadata(member.value);
      else
        content.tensors.push_back(tensor(member));
    }
    put_in_order(content.tensors);
    return content;
  }

 private:
  [[noreturn]] void fail(const std::string& fact) const {
    throw FileError("safetensors", source_ + ": " + fact);
  }

  size_t header_length() const {
    if (size_ == 0) fail("is no safetensors file: it is empty");
    if (size_ < length_bytes)
      fail(concat("is no safetensors file: the length of its header takes 8 bytes, but it has ", size_));
    uint64_t length = 0;
    for (size_t i = length_bytes; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(start_[i]);
    const uint64_t rest = size_ - length_bytes;
    // The first bytes of an image or a text say something enormous.
    if (length > std::max<uint64_t>(rest, most_header_bytes))
      fail("is no safetensors file: it does not begin with the length of a header");
    if (length > rest) fail(concat("declares a header of ", length, " bytes, but only ", rest, " follow"));
    if (length > most_header_bytes)
      fail(concat("declares a header of ", length, " bytes, and at most ", most_header_bytes, " are read"));
    return static_cast<size_t>(length);
  }

  std::map<std::string, std::string> metadata(const Json& json) const {
    if (json.kind() != std::string_view("object"))
      fail(concat(metadata_name, " is of kind ", json.kind(), ", not an object"));
    std::map<std::string, std::string> found;
    for (const Json::Member& member : json.members()) {
      if (!member.value.string()) {
        fail(concat(metadata_name, " \"", member.name, "\" is of kind ", member.value.kind(),
                    ", not a string"));
      }
      found[member.name] = *member.value.string();
    }
    return found;
  }

  // A list of sizes or offsets.
  std::vector<int64_t> integers(const Json::Member& tensor, const char* name) const {
    const Json* list = tensor.value.find(name);
    if (!list || list->kind() != std::string_view("array"))
      fail(concat("tensor \"", tensor.name, "\" has no list \"", name, "\""));
    std::vector<int64_t> found;
    for (const Json& item : list->items()) {
      const std::optional<int64_t> integer = item.integer();
      if (!integer || *integer < 0) {
        fail(concat("tensor \"", tensor.name, "\" has a \"", name,
                    "\" that holds more than whole numbers from 0 to 2^63 - 1"));
      }
      found.push_back(*integer);
    }
    return found;
  }

  Placed tensor(const Json::Member& member) const {
    const std::string name = "tensor \"" + member.name + "\" ";
    const Json* dtype = member.value.find("dtype");
    if (!dtype || !dtype->string()) fail(name + "has no string \"dtype\"");
    SafeTensor tensor{
        .name = member.name, .dtype = *dtype->string(), .shape = integers(member, "shape"), .bytes = {}};
    const std::vector<int64_t> offsets = integers(member, "data_offsets");
    if (offsets.size() != 2) fail(concat(name, "has ", offsets.size(), " data_offsets, not 2"));

    const uint64_t begin = static_cast<uint64_t>(offsets[0]), end = static_cast<uint64_t>(offsets[1]);
    const std::string range = concat("has the bytes ", begin, " to ", end);
    if (begin > end || end > data_size_) fail(concat(name, range, " of a file that has ", data_size_));
    const std::optional<int64_t> bytes = bytes_of(tensor.dtype, tensor.shape);
    const std::string kind = concat(tensor.dtype, " ", text_of_shape(tensor.shape));
    if (!bytes) fail(concat(name, "is ", kind, ", which is an unknown type or too large"));
    if (static_cast<uint64_t>(*bytes) != end - begin)
      fail(concat(name, range, ", but ", kind, " takes ", *bytes));
    return {std::move(tensor), begin, end};
  }

  // Each tensor must begin where the one before ended, and the last must end with the file.
  void put_in_order(std::vector<Placed>& tensors) const {
    std::stable_sort(tensors.begin(), tensors.end(), [](const Placed& a, const Placed& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t expected = 0;
    for (const Placed& placed : tensors) {
      if (placed.begin != expected) {
        fail(concat("tensor \"", placed.tensor.name, "\" begins at byte ", placed.begin,
                    ", but the one before ends at ", expected));
      }
      expected = placed.end;
    }
    if (expected != data_size_)
      fail(concat("its tensors end at byte ", expected, ", but its data at ", data_size_));
  }

  std::span<const std::byte> start_;
  uint64_t size_;
  std::string source_;
  uint64_t data_size_ = 0;  // of all that follows the header
};

std::string header_of(const SafeTensors& content) {
  JsonWriter json;
  json.object();
  if (!content.metadata.empty()) {
    json.key(metadata_name).object();
    for (const auto& [name, value] : content.metadata) json.field(name, value);
    json.close();
  }
  std::set<std::string> names = {metadata_name};
  size_t end = 0;
  for (const SafeTensor& tensor : content.tensors) {
    const std::optional<int64_t> bytes = bytes_of(tensor.dtype, tensor.shape);
    DLFS_CHECK(bytes && static_cast<size_t>(*bytes) == tensor.bytes.size(), tensor.name, " ", tensor.dtype,
               " ", text_of_shape(tensor.shape), " has ", tensor.bytes.size(), " bytes");
    DLFS_CHECK(names.insert(tensor.name).second, "the name ", tensor.name, " is taken");
    json.key(tensor.name).object().field("dtype", tensor.dtype).key("shape").array();
    for (const int64_t size : tensor.shape) json.value(size);
    json.close().key("data_offsets").array().value(end).value(end + tensor.bytes.size()).close().close();
    end += tensor.bytes.size();
  }
  json.close();
  std::string header = json.text();
  header.resize((header.size() + 7) / 8 * 8, ' ');  // so that the data begin at a multiple of 8
  return header;
}

}  // namespace

std::string text_of_shape(const std::vector<int64_t>& shape) { return "[" + join(shape, ",") + "]"; }

const SafeTensor* SafeTensors::find(std::string_view name) const {
  for (const SafeTensor& tensor : tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

SafeTensors parse_safetensors(Bytes file, const std::string& source) {
  const auto shared = std::make_shared<const Bytes>(std::move(file));
  Reader reader(*shared, shared->size(), source);
  Reader::Header header = reader.read();
  SafeTensors content{.metadata = std::move(header.metadata), .tensors = {}, .file = shared};
  const auto data = std::span(*shared).subspan(reader.data_start());
  for (Reader::Placed& placed : header.tensors) {
    placed.tensor.bytes = data.subspan(placed.begin, placed.end - placed.begin);
    content.tensors.push_back(std::move(placed.tensor));
  }
  return content;
}

// The header is judged against the file's size before any of the data takes memory.
SafeTensors read_safetensors(const std::string& path) {
  const FileStart length = read_file_start(path, length_bytes);
  const FileStart header = read_file_start(path, Reader(length.bytes, length.size, path).data_start());
  Reader(header.bytes, header.size, path).read();
  return parse_safetensors(read_file(path, {.max_bytes = header.size}), path);
}

Bytes encode_safetensors(const SafeTensors& content) {
  const std::string header = header_of(content);
  Bytes file;
  for (size_t i = 0; i < length_bytes; ++i) file.push_back(static_cast<std::byte>(header.size() >> (8 * i)));
  const auto append = [&](std::span<const std::byte> bytes) {
    file.insert(file.end(), bytes.begin(), bytes.end());
  };
  append(std::as_bytes(std::span(header)));
  for (const SafeTensor& tensor : content.tensors) append(tensor.bytes);
  return file;
}

void write_safetensors(const std::string& path, const SafeTensors& content) {
  write_file(path, std::span<const std::byte>(encode_safetensors(content)));
}

}  // namespace dlfs
