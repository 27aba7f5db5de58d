// Walks through a JSON text that is too large for a tree, once, from its first byte to its last: who reads asks for the
// value that comes next, and all that is passed is held to the grammar of RFC 8259, whether anybody wants it or not. No
// object may hold one name twice, and nothing is nested deeper than 64. A fault is a FileError that names the source and
// the record, "annotations[17]". One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace dlfs {

class JsonCursor {
 public:
  // `text` outlives the cursor, and is refused where it is not UTF-8. `who` is the reader, as in "[coco] FILE: ...".
  JsonCursor(std::string who, std::string source, std::string_view text);

  char kind();  // what comes: '{', '[', '"', '0' for a number, 't', 'f', 'n'

  // take(name) reads the value of each member, or skips it; take() each item. An object that lacks a member of these names
  // is refused.
  template <typename Take>
  void object(Take take, std::initializer_list<std::string_view> required = {}) {
    const size_t first_name = names_.size();
    bool more = !open('{', "an object");
    if (!more) leave('}');
    while (more) {
      names_.push_back(member_name());
      if (depth_ == 1) part_ = names_.back();
      take(std::string_view(names_.back()));
      more = another('}');
    }
    check_names(first_name, required);
  }
  template <typename Take>
  void array(Take take) {
    if (open('[', "an array")) return leave(']');
    const bool of_records = depth_ == (part_.empty() ? 1 : 2);
    size_t index = 0;
    do {
      if (of_records) record_ = ++index;
      take();
    } while (another(']'));
    if (of_records) record_ = 0;
  }

  int64_t integer(const char* name);  // exactly: one with a point, an exponent or too many digits is refused
  double number(const char* name);    // finite
  std::string string(const char* name);
  bool null();              // whether one came, and was passed
  std::string_view skip();  // the value that comes, as it stands in the text
  std::string_view skip_number();
  // The text that walk() passes, from the value that comes.
  template <typename Walk>
  std::string_view passed(Walk walk) {
    kind();
    const char* start = at_;
    walk();
    return {start, static_cast<size_t>(at_ - start)};
  }

  void end();  // nothing but space may follow

  [[noreturn]] void fail(const std::string& fact) const;

 private:
  bool open(char bracket, const char* wanted);  // whether it is empty
  bool another(char bracket);
  void leave(char bracket);
  std::string_view member_name();
  std::string_view skip_string();  // with its quotes
  void skip_word(std::string_view word);
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }
  void check_names(size_t first, std::initializer_list<std::string_view> required);
  [[noreturn]] void expected(const std::string& what) const;

  std::string who_, source_;
  const char *begin_, *at_, *end_;
  int depth_ = 0;
  std::vector<std::string_view> names_;  // of all objects that are open, outermost first
  std::deque<std::string> unescaped_;    // those of them that the text does not hold as they are
  std::string_view part_;                // the outermost member, and which item of it, from 1; for messages
  size_t record_ = 0;
};

}  // namespace dlfs
