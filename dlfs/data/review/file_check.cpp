#include "dlfs/data/review/file_check.h"

#include <filesystem>
#include <new>

#include "dlfs/base/error.h"
#include "dlfs/data/codec/jpeg_frame.h"

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
  result.cmyk = result.header.codec == Codec::jpeg && read_jpeg_frame(file_, name).components == 4;
  return result;
}

}  // namespace dlfs
