#include "dlfs/data/formats/json_cursor.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

constexpr int deepest = 64;

bool is_plain(std::string_view quoted) { return quoted.find('\\') == std::string_view::npos; }

// What stands between a string's quotes, its escapes read by simdjson; nothing where one is wrong.
std::optional<std::string> unescaped(std::string_view quoted) {
  if (is_plain(quoted)) return std::string(quoted.substr(1, quoted.size() - 2));
  simdjson::dom::parser parser;
  std::string_view text;
  if (parser.parse(quoted.data(), quoted.size()).get(text) != simdjson::SUCCESS) return std::nullopt;
  return std::string(text);
}

// requires: a number of JSON's grammar. What is too small for a double is as near as a double comes.
double to_double(std::string_view text) {
  const std::optional<double> value = parse_number<double>(text);
  return value ? *value : std::strtod(std::string(text).c_str(), nullptr);
}

constexpr std::array<bool, 256> ends_plain_text = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < 0x20; ++c) table[c] = true;
  table['"'] = table['\\'] = true;
  return table;
}();

}  // namespace

JsonCursor::JsonCursor(std::string who, std::string source, std::string_view text)
    : who_(std::move(who)),
      source_(std::move(source)),
      begin_(text.data()),
      at_(begin_),
      end_(begin_ + text.size()) {
  if (!simdjson::validate_utf8(text.data(), text.size())) fail("is no JSON: it is not UTF-8 throughout");
}

void JsonCursor::fail(const std::string& fact) const {
  std::string place;
  if (record_ > 0) place = concat(part_, "[", record_ - 1, "]: ");
  throw FileError(who_, concat(source_, ": ", place, fact));
}

void JsonCursor::expected(const std::string& what) const {
  const std::string found =
      at_ == end_ ? "the text ends"
                  : concat("\"", cut(std::string(at_, std::min(end_, at_ + 24)), 12), "\" stands");
  fail(concat("is no JSON: ", found, " at byte ", at_ - begin_, ", where ", what, " is expected"));
}

char JsonCursor::kind() {
  skip_space();
  if (at_ == end_) expected("a value");
  return *at_ == '-' || (*at_ >= '0' && *at_ <= '9') ? '0' : *at_;
}

bool JsonCursor::open(char bracket, const char* wanted) {
  if (kind() != bracket) expected(wanted);
  if (depth_ == deepest) fail(concat("its JSON is nested deeper than ", deepest, " levels"));
  ++at_;
  ++depth_;
  skip_space();
  return at_ != end_ && *at_ == (bracket == '{' ? '}' : ']');
}

bool JsonCursor::another(char bracket) {
  skip_space();
  if (at_ != end_ && *at_ == ',') {
    ++at_;
    return true;
  }
  if (at_ == end_ || *at_ != bracket) expected(bracket == '}' ? "a comma or }" : "a comma or ]");
  leave(bracket);
  return false;
}

void JsonCursor::leave(char bracket) {
  DLFS_CHECK(*at_ == bracket && depth_ > 0, bracket);
  ++at_;
  --depth_;
}

std::string_view JsonCursor::member_name() {
  skip_space();
  if (at_ == end_ || *at_ != '"') expected("a name in quotes");
  const std::string_view quoted = skip_string();
  const std::string_view name =
      is_plain(quoted) ? quoted.substr(1, quoted.size() - 2) : unescaped_.emplace_back(*unescaped(quoted));
  skip_space();
  if (at_ == end_ || *at_ != ':') expected("a colon");
  ++at_;
  return name;
}

std::string_view JsonCursor::skip_string() {
  const char* const start = at_++;
  while (true) {
    while (at_ != end_ && !ends_plain_text[static_cast<unsigned char>(*at_)]) ++at_;
    if (at_ == end_) expected("the end of a string");
    if (*at_ != '\\') break;
    at_ += std::min<std::ptrdiff_t>(2, end_ - at_);
  }
  if (*at_ == '"') {
    const std::string_view quoted(start, static_cast<size_t>(++at_ - start));
    if (is_plain(quoted) || unescaped(quoted)) return quoted;
    at_ = start;
  }
  expected("a string without control characters and wrong escapes");
}

std::string_view JsonCursor::skip_number() {
  if (kind() != '0') expected("a number");
  const char* const start = at_;
  const auto pass = [&](std::string_view any_of) {
    const bool stands = at_ != end_ && any_of.find(*at_) != std::string_view::npos;
    if (stands) ++at_;
    return stands;
  };
  const auto digits = [&] {
    const char* const first = at_;
    while (at_ != end_ && *at_ >= '0' && *at_ <= '9') ++at_;
    if (at_ == first) expected("the rest of a number");
  };
  pass("-");
  if (!pass("0")) digits();
  if (pass(".")) digits();
  const bool exponent = pass("eE");
  if (exponent) pass("+-"), digits();
  const std::string_view text(start, static_cast<size_t>(at_ - start));
  if ((exponent || text.size() > 300) && !std::isfinite(to_double(text)))
    fail(concat(cut(std::string(text), 40), " is more than a double holds"));
  return text;
}

void JsonCursor::skip_word(std::string_view word) {
  if (static_cast<size_t>(end_ - at_) < word.size() || std::string_view(at_, word.size()) != word)
    expected("a value");
  at_ += word.size();
}

std::string_view JsonCursor::skip() {
  return passed([&] {
    const char next = kind();
    if (next == '{')
      object([&](std::string_view) { skip(); });
    else if (next == '[')
      array([&] { skip(); });
    else if (next == '"')
      skip_string();
    else if (next == '0')
      skip_number();
    else
      skip_word(next == 't' ? "true" : next == 'f' ? "false" : "null");
  });
}

bool JsonCursor::null() {
  if (kind() != 'n') return false;
  skip();
  return true;
}

int64_t JsonCursor::integer(const char* name) {
  const std::string_view text = skip();
  const std::optional<int64_t> value = parse_number<int64_t>(text);
  if (!value)
    fail(concat(name, " is ", cut(std::string(text), 40), ", but must be a whole number of 64 bits"));
  return *value;
}

double JsonCursor::number(const char* name) {
  if (kind() != '0') fail(concat(name, " is ", cut(std::string(skip()), 40), ", but must be a number"));
  return to_double(skip_number());
}

std::string JsonCursor::string(const char* name) {
  if (kind() != '"')
    fail(concat(name, " is ", cut(std::string(skip()), 40), ", but must be a text in quotes"));
  return *unescaped(skip_string());
}

void JsonCursor::end() {
  skip_space();
  if (at_ != end_) expected("the end");
}

void JsonCursor::check_names(size_t first, std::initializer_list<std::string_view> required) {
  const auto begin = names_.begin() + static_cast<std::ptrdiff_t>(first), end = names_.end();
  auto twice = end;
  if (end - begin <= 16) {  // most objects are small, and the order of their names is nobody's business
    for (auto one = begin; one != end && twice == end; ++one)
      if (std::find(begin, one, *one) != one) twice = one;
  } else {
    std::sort(begin, end);
    twice = std::adjacent_find(begin, end);
  }
  if (twice != end) fail(concat("an object has \"", *twice, "\" twice"));
  for (const std::string_view name : required)
    if (std::find(begin, end, name) == end) fail(concat("has no ", name));
  names_.resize(first);
}

}  // namespace dlfs
