#include "dlfs/data/formats/yolo.h"

#include <map>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

constexpr size_t most_names = 100'000;

// Where `wanted` stands outside of quotes, a comment's # behind a space alone; npos where it does not. A quote begins one
// where a scalar can begin.
size_t find_unquoted(std::string_view text, char wanted) {
  char quote = 0, before = ' ';
  bool doubled = false;  // the quote that another, right behind it, opens again
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool begins =
        quote == 0 && (c == '"' || c == '\'') &&
        (std::string_view(" \t,[{:").find(before) != std::string_view::npos || (doubled && c == '\''));
    const bool escape = quote == '"' && before == '\\', ends = quote != 0 && c == quote && !escape;
    doubled = ends && c == '\'';
    if (begins)
      quote = c;
    else if (ends)
      quote = 0;
    else if (quote == 0 && c == wanted && (c != '#' || before == ' ' || before == '\t'))
      return i;
    before = escape ? ' ' : c;  // an escape is two characters long
  }
  return std::string::npos;
}

std::string without_comment(const std::string& line) { return line.substr(0, find_unquoted(line, '#')); }

class Names {
 public:
  explicit Names(const std::string& source) : source_(source) {}

  void add(const std::string& name) { put(static_cast<int64_t>(names_.size()), name); }

  // "0: person"
  void add_pair(const std::string& item) {
    const size_t colon = find_unquoted(item, ':');
    const std::string key = scalar(item.substr(0, std::min(colon, item.size())));
    const std::optional<int64_t> index = parse_number<int64_t>(key);
    if (colon == std::string::npos || !index)
      fail(concat("names has \"", cut(item, 60), "\", where a number, a colon and a name are expected"));
    put(*index, item.substr(colon + 1));
  }

  std::vector<std::string> in_order() const {
    std::vector<std::string> names;
    for (const auto& [index, name] : names_) {
      if (index != static_cast<int64_t>(names.size()))
        fail(concat("names has no class ", names.size(), ", but a class ", index));
      names.push_back(name);
    }
    return names;
  }

  [[noreturn]] void fail(const std::string& fact) const {
    throw FileError("yolo", concat(source_, ": ", fact));
  }

 private:
  std::string scalar(const std::string& text) const {
    std::string word = trimmed(text);
    if (word.size() >= 2 && word.front() == '\'' && word.back() == '\'') {
      std::string name;
      for (size_t i = 1; i + 1 < word.size(); ++i) {
        name += word[i];
        if (word[i] == '\'') ++i;  // two stand for one
      }
      return name;
    }
    if (word.size() < 2 || word.front() != '"') return word;
    const Json json = Json::parse(word, source_);
    if (json.string() == nullptr) fail(concat("names has ", cut(word, 60), ", which is no text"));
    return *json.string();
  }

  void put(int64_t index, const std::string& text) {
    const std::string name = scalar(text);
    if (name.empty()) fail(concat("names has an empty name for class ", index));
    if (names_.size() == most_names) fail(concat("names has more than ", most_names, " classes"));
    if (!names_.emplace(index, name).second) fail(concat("names has class ", index, " twice"));
  }

  std::string source_;
  std::map<int64_t, std::string> names_;
};

// [a, b] or {0: a, 1: b}, which may go on over lines.
void parse_flow(std::string text, const std::vector<std::string>& lines, size_t next, Names& names) {
  const bool is_list = text.front() == '[';
  for (; next < lines.size(); ++next) text += " " + without_comment(lines[next]);
  const size_t end = find_unquoted(text, is_list ? ']' : '}');
  if (end == std::string::npos) names.fail(concat("names has no closing ", is_list ? "]" : "}"));
  std::string_view left = std::string_view(text).substr(1, end - 1);
  while (left.find_first_not_of(" \t") != std::string_view::npos) {
    const size_t comma = std::min(find_unquoted(left, ','), left.size());
    const std::string item(left.substr(0, comma));
    is_list ? names.add(item) : names.add_pair(item);
    left.remove_prefix(std::min(comma + 1, left.size()));
  }
}

std::vector<std::string> plain_names(const std::string& path) {
  std::vector<std::string> names;
  for (const std::string& line : lines_of(path))
    if (std::string name = trimmed(line); !name.empty()) names.push_back(std::move(name));
  return names;
}

}  // namespace

std::vector<std::string> parse_yaml_names(const std::vector<std::string>& lines, const std::string& source) {
  Names names(source);
  size_t at = 0;
  while (at < lines.size() && !lines[at].starts_with("names:")) ++at;
  if (at == lines.size()) return {};
  const std::string rest = trimmed(without_comment(lines[at++].substr(6)));
  if (rest.starts_with('[') || rest.starts_with('{')) {
    parse_flow(rest, lines, at, names);
    return names.in_order();
  }
  if (!rest.empty()) names.fail(concat("names is \"", cut(rest, 60), "\", but must be a list or a map"));
  for (; at < lines.size(); ++at) {
    const std::string line = without_comment(lines[at]), item = trimmed(line);
    if (item.empty()) continue;
    if (item.starts_with("- "))
      names.add(item.substr(2));
    else if (line.front() == ' ' || line.front() == '\t')
      names.add_pair(item);
    else
      break;
  }
  return names.in_order();
}

std::vector<std::string> read_yolo_names(const std::string& path) {
  std::vector<std::string> candidates = {path};
  if (is_folder(path)) {
    candidates = {path + "/data.yaml", path + "/data.yml",    path + "/dataset.yaml",
                  path + "/obj.names", path + "/classes.txt", path + "/labels/classes.txt"};
    for (const std::string& name : names_in(path))
      if (ends_with(name, "yaml") || ends_with(name, "yml")) candidates.push_back(concat(path, "/", name));
  }
  for (const std::string& file : candidates) {
    if (!is_file(file)) continue;
    const bool is_yaml = ends_with(file, "yaml") || ends_with(file, "yml");
    std::vector<std::string> names = is_yaml ? parse_yaml_names(lines_of(file), file) : plain_names(file);
    if (!names.empty()) return names;
  }
  throw FileError(
      "yolo",
      concat(path,
             ": does not say what the classes are called: put a data.yaml with names:, an obj.names or a "
             "classes.txt there"));
}

}  // namespace dlfs
