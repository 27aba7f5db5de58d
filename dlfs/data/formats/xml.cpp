#include "dlfs/data/formats/xml.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "dlfs/base/error.h"
#include "dlfs/data/formats/paths.h"

namespace dlfs {
namespace {

constexpr size_t most_bytes = size_t{4} << 20, most_attributes = 32;
constexpr int deepest = 16;

constexpr std::string_view space = " \t\n\r";

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == ':' || static_cast<unsigned char>(c) >= 0x80;
}

std::string utf8(int code) {
  const auto byte = [](int value) { return static_cast<char>(value); };
  const auto next = [&](int shift) { return byte(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {byte(code)};
  if (code < 0x800) return {byte(0xC0 | code >> 6), next(0)};
  if (code < 0x10000) return {byte(0xE0 | code >> 12), next(6), next(0)};
  return {byte(0xF0 | code >> 18), next(12), next(6), next(0)};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& who, const std::string& source)
      : all_(text), left_(text), who_(who), source_(source) {
    if (text.size() > most_bytes)
      fail(concat("has ", text.size(), " bytes of XML, and at most ", most_bytes, " are read"));
    if (!simdjson::validate_utf8(text.data(), text.size())) fail("is not UTF-8 throughout");
    if (text.find('\0') != std::string_view::npos) fail("holds a zero byte");
  }

  XmlElement document() {
    take("\xEF\xBB\xBF");
    if (left_.starts_with("<?xml") && left_.size() > 5 && !is_name(left_[5]))
      pass_until("?>", "the XML declaration");
    pass_space_and_comments();
    if (!take("<")) fail("does not begin with an element");
    XmlElement root = element(1);
    pass_space_and_comments();
    if (!left_.empty()) fail("goes on after its outermost element");
    return root;
  }

 private:
  [[noreturn]] void fail(const std::string& fact) const {
    const std::string_view passed = all_.substr(0, all_.size() - left_.size());
    throw FileError(who_,
                    concat(source_, ":", 1 + std::count(passed.begin(), passed.end(), '\n'), ": ", fact));
  }

  bool take(std::string_view word) {
    if (!left_.starts_with(word)) return false;
    left_.remove_prefix(word.size());
    return true;
  }

  std::string_view pass_until(std::string_view end, const char* what) {
    const size_t found = left_.find(end);
    if (found == std::string_view::npos) fail(concat("ends within ", what));
    const std::string_view passed = left_.substr(0, found);
    left_.remove_prefix(found + end.size());
    return passed;
  }

  void pass_space() { left_.remove_prefix(std::min(left_.find_first_not_of(space), left_.size())); }

  void pass_space_and_comments() {
    for (pass_space(); take("<!--"); pass_space()) pass_until("-->", "a comment");
    if (left_.starts_with("<!")) fail("holds a document type, and none is read");
    if (left_.starts_with("<?")) fail("holds a processing instruction, and none is read");
  }

  std::string_view name() {
    const auto* end = std::find_if_not(left_.begin(), left_.end(), is_name);
    const std::string_view found = left_.substr(0, static_cast<size_t>(end - left_.begin()));
    if (found.empty() || found.size() > 256) fail("holds a < that begins no element");
    left_.remove_prefix(found.size());
    return found;
  }

  // After the name of an element, up to its > or />. Whether it was />.
  bool attributes() {
    for (size_t count = 0;; ++count) {
      pass_space();
      if (take("/>")) return true;
      if (take(">")) return false;
      if (count == most_attributes)
        fail(concat("has an element of more than ", most_attributes, " attributes"));
      name();
      pass_space();
      if (!take("=")) fail("has an attribute without a value");
      pass_space();
      const std::string_view quote = left_.substr(0, 1);
      if (quote != "\"" && quote != "'") fail("has an attribute without a value in quotes");
      left_.remove_prefix(1);
      if (pass_until(quote, "an attribute").find('<') != std::string_view::npos)
        fail("has an attribute with a <");
    }
  }

  // After its <.
  XmlElement element(int depth) {
    if (depth > deepest) fail(concat("is nested deeper than ", deepest, " elements"));
    XmlElement found{.name = std::string(name()), .text = "", .children = {}};
    if (attributes()) return found;
    while (true) {
      append_text(found.text);
      if (take("<![CDATA["))
        found.text += pass_until("]]>", "a CDATA section");
      else if (take("<!--"))
        pass_until("-->", "a comment");
      else if (left_.starts_with("<!") || left_.starts_with("<?"))
        fail("holds a declaration within an element, and none is read");
      else if (take("</"))
        break;
      else if (take("<"))
        found.children.push_back(element(depth + 1));
      else
        fail(concat("ends within the element <", found.name, ">"));
    }
    const std::string_view closed = name();
    pass_space();
    if (closed != found.name || !take(">")) fail(concat("closes <", found.name, "> with </", closed, ">"));
    found.text = trimmed(found.text, space);
    return found;
  }

  void append_text(std::string& text) {
    while (!left_.empty() && left_.front() != '<') {
      const size_t plain = std::min(left_.find_first_of("<&"), left_.size());
      text += left_.substr(0, plain);
      left_.remove_prefix(plain);
      if (take("&")) text += character(pass_until(";", "an entity"));
    }
  }

  std::string character(std::string_view entity) const {
    if (entity == "lt") return "<";
    if (entity == "gt") return ">";
    if (entity == "amp") return "&";
    if (entity == "quot") return "\"";
    if (entity == "apos") return "'";
    const bool hex = entity.starts_with("#x");
    const std::string_view digits = entity.substr(std::min<size_t>(hex ? 2 : 1, entity.size()));
    int code = 0;
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, hex ? 16 : 10);
    if (!entity.starts_with("#") || error != std::errc{} || stop != digits.data() + digits.size() ||
        code < 1 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
      fail(concat("holds the entity &", cut(std::string(entity), 40),
                  ";, and only XML's own five and numbers are read"));
    return utf8(code);
  }

  std::string_view all_, left_;
  const std::string &who_, &source_;
};

}  // namespace

const XmlElement* XmlElement::find(std::string_view child) const {
  const auto found =
      std::find_if(children.begin(), children.end(), [&](const XmlElement& e) { return e.name == child; });
  return found == children.end() ? nullptr : &*found;
}

std::string XmlElement::text_of(std::string_view child) const {
  const XmlElement* found = find(child);
  return found != nullptr ? found->text : "";
}

XmlElement parse_xml(std::string_view text, const std::string& who, const std::string& source) {
  return Reader(text, who, source).document();
}

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<' || c == '>' || c == '&' || (static_cast<unsigned char>(c) < 0x20 && c != 0))
      out += concat("&#", static_cast<int>(c), ";");
    else
      out += c;
  }
  return out;
}

}  // namespace dlfs
