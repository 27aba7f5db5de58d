// How the words of a command line are described, parsed, refused and shown: the wrapper of CLI11, which only flags.cpp
// sees. A verb has flags and positional words; what is wrong with one is said in our words, and the same way for all:
// "--lr is abc, but must be a number above 0". One thread.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "dlfs/base/error.h"

namespace CLI {  // NOLINT(readability-identifier-naming): theirs
class App;
}

namespace dlfs {

[[noreturn]] void refuse(const std::string& fact);  // throws UsageError

// ---- what a verb can be told: `name` is "--flag", or a word in capitals for its place; `kind` names the value ----

void add_value(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
               const std::function<void(const std::string&)>& take);
void add_text(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
              std::string& text);
void add_list(CLI::App& verb, const std::string& name, const std::string& what,
              std::vector<std::string>& words);
void add_switch(CLI::App& verb, const std::string& name, const std::string& what, bool& on);
void require(CLI::App& verb, std::initializer_list<const char*> names);  // they must be given
bool is_given(const CLI::App& verb, const std::string& name);            // once the words are parsed

// What a number may be: all from `least` to `most`. `words` say so where the numbers themselves would read badly.
template <typename Number>
struct Allowed {
  Number least, most;
  const char* words = nullptr;

  std::string text() const {
    if (words != nullptr) return words;
    return concat(std::is_integral_v<Number> ? "a whole number" : "a number", " from ", least, " to ", most);
  }
};

// `whose` stands before the default in the help.
template <typename Number>
void add_number(CLI::App& verb, const std::string& name, const std::string& what, Number& number,
                Allowed<Number> allowed, const char* whose = "") {
  const auto take = [=, &number](const std::string& word) {
    const auto read =
        parse_number<std::conditional_t<std::is_floating_point_v<Number>, double, Number>>(word);
    const Number value = static_cast<Number>(read.value_or(0));
    if (!read || !(value >= allowed.least && value <= allowed.most))
      refuse(concat(name, " is ", word, ", but must be ", allowed.text()));
    number = value;
  };
  add_value(verb, name, "N", concat(what, " [", whose, number, "]"), take);
}

inline const std::string& to_string(const std::string& word) { return word; }

// One of these, by its to_string().
template <typename Choice>
void add_choice(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
                const std::vector<Choice>& choices, const std::function<void(const Choice&)>& take) {
  add_value(verb, name, kind, what, [=](const std::string& word) {
    std::vector<std::string> words;
    for (const Choice& one : choices)
      if (words.push_back(to_string(one)); words.back() == word) return take(one);
    const std::string last = words.back();
    words.pop_back();
    refuse(concat(name, " is ", word, ", but can be ", join(words, ", "), " or ", last));
  });
}

// ---- the program ----

class Words {
 public:
  explicit Words(const std::string& version);
  ~Words();
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;

  // `notes` follow the flags in its help.
  CLI::App& add_verb(const std::string& name, const std::string& what, const std::string& notes);

  struct Parsed {
    std::string verb;                    // "" where none was named
    bool help = false, version = false;  // was asked for, of the verb or of all
  };
  // Calls what takes the values. Throws UsageError with a sentence, and the nearest name where a word looks like a slip.
  Parsed parse(int count, const char* const* words);

  // In 80 columns.
  std::string help(const std::string& verb) const;
  std::string verbs() const;  // a line each
  std::vector<std::string> names() const;

 private:
  std::unique_ptr<CLI::App> program_;
};

}  // namespace dlfs
