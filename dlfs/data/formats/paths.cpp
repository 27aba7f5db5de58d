#include "dlfs/data/formats/paths.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"
#include "dlfs/base/json.h"

namespace dlfs {
namespace {

namespace fs = std::filesystem;

constexpr size_t longest_path = 4096;
constexpr size_t most_files = 20'000'000;

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return result;
}

bool is_hidden(const fs::path& path) { return path.filename().string().front() == '.'; }

}  // namespace

std::optional<std::string> relative_path(std::string_view path) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (path.size() > longest_path || std::any_of(path.begin(), path.end(), is_control)) return std::nullopt;
  std::string slashed(path);
  std::replace(slashed.begin(), slashed.end(), '\\', '/');
  std::string clean = clean_path(slashed);
  return clean.empty() ? std::nullopt : std::optional(std::move(clean));
}

bool ends_with(std::string_view path, std::string_view ending) {
  const std::string name = lower(path);
  return name.size() > ending.size() && name.ends_with(ending) &&
         name[name.size() - ending.size() - 1] == '.';
}

bool is_image_name(std::string_view path) {
  return ends_with(path, "jpg") || ends_with(path, "jpeg") || ends_with(path, "png") ||
         ends_with(path, "pgm");
}

std::string without_ending(std::string_view path) {
  const size_t dot = path.rfind('.'), slash = path.rfind('/');
  return std::string(dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)
                         ? path
                         : path.substr(0, dot));
}

std::string file_name(std::string_view path) {
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

std::optional<Split> split_of(std::string_view name) {
  const std::string text = lower(name);
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const std::string word(text.begin(), std::find_if_not(text.begin(), text.end(), is_letter));
  if (word == "train" || word == "training" || word == "trainval") return Split::train;
  if (word == "val" || word == "valid" || word == "validation") return Split::validation;
  if (word == "test" || word == "testing") return Split::test;
  return std::nullopt;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

Listing images_beneath(const std::string& folder) {
  Listing listing;
  std::error_code error;
  fs::recursive_directory_iterator walk(folder, error), end;
  for (; !error && walk != end; walk.increment(error)) {
    if (is_hidden(walk->path())) {
      if (walk->is_directory(error))
        walk.disable_recursion_pending();
      else
        ++listing.left_out;
      continue;
    }
    std::error_code ignored;  // a link that leads nowhere
    if (walk->is_directory(ignored)) {
      if (!walk->is_symlink(ignored)) continue;
      throw FileError("import",
                      concat(walk->path().native(),
                             ": is a link to a folder, and none is followed; put the folder there"));
    }
    if (!is_image_name(walk->path().native())) {
      ++listing.left_out;
      continue;
    }
    if (listing.files.size() == most_files)
      throw FileError("import", concat(folder, ": has more than ", most_files, " images"));
    const std::string& path = walk->path().native();
    listing.files.push_back(path.substr(path.find_first_not_of('/', folder.size())));
  }
  if (error) throw FileError("import", concat(folder, ": cannot be listed: ", error.message()));
  std::sort(listing.files.begin(), listing.files.end());
  return listing;
}

std::vector<std::string> names_in(const std::string& folder, std::string_view ending) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator walk(folder, error), end; !error && walk != end; walk.increment(error))
    if (!is_hidden(walk->path()) && (ending.empty() || ends_with(walk->path().native(), ending)))
      names.push_back(walk->path().filename().string());
  if (error) throw FileError("import", concat(folder, ": cannot be listed: ", error.message()));
  std::sort(names.begin(), names.end());
  return names;
}

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view mark = "\xEF\xBB\xBF";
  return text.substr(text.starts_with(mark) ? mark.size() : 0);
}

std::string trimmed(std::string_view text, std::string_view space) {
  const size_t begin = text.find_first_not_of(space), end = text.find_last_not_of(space);
  return std::string(begin == std::string::npos ? "" : text.substr(begin, end - begin + 1));
}

std::string quoted(const std::string& text) { return JsonWriter().value(cut(text, 200)).text(); }

std::vector<std::string> lines_of(const std::string& path) {
  const Bytes bytes = read_file(path, {.max_bytes = uint64_t{1} << 28});
  std::vector<std::string> lines;
  for (std::string_view text = without_mark(text_of(bytes)); !text.empty();) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace dlfs
