#include "dlfs/data/review/file_check.h"

#include <filesystem>
#include <new>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

// "/data/a.jpg: cannot read: ..." -> "cannot read: ..."; the finding has the name already.
std::string without_name(const std::string& fact, const std::string& name) {
  const size_t at = fact.find(name + ": ");
  return at == std::string::npos ? fact : fact.substr(at + name.size() + 2);
}

bool is_missing(const Folder& folder, const std::string& name) {
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(folder.path() + "/" + name, ignored);
  return status.type() == std::filesystem::file_type::not_found;
}

// requires: a JPEG whose header was read, so that its segments up to the frame are there.
bool has_four_components(std::span<const std::byte> file) {
  const auto byte = [&](size_t at) { return at < file.size() ? std::to_integer<unsigned>(file[at]) : 0; };
  for (size_t at = 2; at + 9 < file.size();) {
    if (byte(at) != 0xFF || byte(at + 1) == 0xFF) {
      ++at;
      continue;
    }
    const unsigned marker = byte(at + 1);
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame) return byte(at + 9) == 4;
    at += 2 + 256 * byte(at + 2) + byte(at + 3);
  }
  return false;
}

}  // namespace

CheckedFile FileCheck::check(const Folder& folder, const std::string& name) {
  CheckedFile result;
  const auto broken = [&](Fault fault, const std::string& why) {
    result.fault = fault;
    result.why = why;
    return result;
  };
  try {
    folder.read(name, file_);
  } catch (const FileError& error) {
    if (is_missing(folder, name)) return broken(Fault::missing, "");
    return broken(Fault::unreadable, without_name(error.fact(), name));
  } catch (const std::bad_alloc&) {
    return broken(Fault::unreadable, "is too large for the memory that there is");
  }
  try {
    result.bytes = file_.size();
    result.header = inspect_image(file_, name);
    // A scaled image is enough for that, and as true: every byte of the file is read for it.
    decode_image(file_, name, {.channels = 1, .at_least = Size{64, 64}}, decoded_);
    result.looks = looks_of(decoded_.image);
  } catch (const FileError& error) {
    const std::string why = file_.empty() ? "is empty" : without_name(error.fact(), name);
    return broken(why.rfind("ends ", 0) == 0 ? Fault::truncated : Fault::undecodable, why);
  }
  result.digest = sha256(file_);
  result.cmyk = result.header.codec == Codec::jpeg && has_four_components(file_);
  return result;
}

}  // namespace dlfs
