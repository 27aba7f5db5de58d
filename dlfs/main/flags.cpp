#include "dlfs/main/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace dlfs {

void refuse(const std::string& fact) { throw UsageError("dlfs", fact); }

namespace {

bool is_flag(const std::string& name) { return name[0] == '-'; }

// "--run --data idx:x": the parser takes the next flag for the value.
void refuse_no_value(const std::string& name, const std::string& kind, const std::string& what,
                     const std::string& word) {
  if (word.empty() && !is_flag(name)) refuse(concat(name, " is empty, but must be ", what));
  if (is_flag(name) && (word.empty() || word.rfind("--", 0) == 0))
    refuse(concat(name, " needs a value, ", kind, word.empty() ? "" : ", before " + word));
}

// "--data idx:DIR", "--check", "MODEL"
std::string form_of(const CLI::Option& option) {
  if (option.get_lnames().empty()) return option.get_name();
  return "--" + option.get_lnames()[0] +
         (option.get_items_expected_max() > 0 ? " " + option.get_type_name() : "");
}

// "--eposh" -> "there is no --eposh; did you mean --epochs?"
std::string unknown_word(const CLI::App& verb, const std::string& word) {
  const std::string name = word.substr(0, word.find('='));
  const std::string bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  const bool flag = bare.size() < name.size(), whole = verb.get_parent() == nullptr;
  std::vector<std::string> known;
  if (flag)
    for (const CLI::Option* option : verb.get_options())
      for (const std::string& long_name : option->get_lnames()) known.push_back(long_name);
  else
    for (const CLI::App* other : verb.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(other->get_name());
  const bool opposite = bare.rfind("no-", 0) == 0;  // of what is near
  const std::string near = opposite ? "" : nearest(bare, known),
                    who = whole ? "dlfs" : "dlfs " + verb.get_name();
  const std::string fact = flag    ? "there is no " + name
                           : whole ? "there is no verb " + (name.empty() ? "\"\"" : name)
                                   : verb.get_name() + " has no place for " + (name.empty() ? "\"\"" : name);
  return fact + (near.empty() ? "; " + who + " --help shows what there is"
                              : concat("; did you mean ", flag ? "--" : "", near, "?"));
}

// Why the parser refused the words of a verb.
std::string refusal(const CLI::App& verb, const CLI::ParseError& error) {
  std::string text = error.what();
  const std::string name = text.substr(0, text.find_first_of(": "));  // of the option that it is about
  for (const CLI::Option* option : verb.get_options()) {
    if (option->get_name() != name && option->get_name() != "--" + name) continue;
    if (option->get_items_expected_max() == 0) return option->get_name() + " takes no value";
    if (option->count() > 1) return concat(name, " is given ", option->count(), " times");
    if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr)
      return name + " needs a value, " + option->get_type_name();
  }
  for (const CLI::Option* option : verb.get_options())
    if (option->get_required() && option->count() == 0)
      return concat(verb.get_name(), " needs ", form_of(*option), ", ", option->get_description());
  return text;
}

}  // namespace

// The parser hands the word over as it is, so that what is wrong with it is said by us.
void add_value(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
               const std::function<void(const std::string&)>& take) {
  const auto take_word = [=](const CLI::results_t& words) {
    refuse_no_value(name, kind, what, words[0]);
    take(words[0]);
    return true;
  };
  verb.add_option(name, take_word, what)->type_name(kind);
}

void add_text(CLI::App& verb, const std::string& name, const std::string& kind, const std::string& what,
              std::string& text) {
  add_value(verb, name, kind, what, [&text](const std::string& word) { text = word; });
}

void add_list(CLI::App& verb, const std::string& name, const std::string& what,
              std::vector<std::string>& words) {
  const auto look_at = [=](const std::string& word) { refuse_no_value(name, name, what, word); };
  verb.add_option(name, words, what)->type_name(name)->each(look_at);
}

void add_switch(CLI::App& verb, const std::string& name, const std::string& what, bool& on) {
  verb.add_flag(name, on, what)->disable_flag_override();
}

void require(CLI::App& verb, std::initializer_list<const char*> names) {
  for (const char* name : names) verb.get_option(name)->required();
}

Words::Words(const std::string& version) : program_(std::make_unique<CLI::App>("", "dlfs")) {
  program_->set_version_flag("-v,--version", version);
  program_->require_subcommand(0, 1);
  program_->allow_extras();
  program_->set_help_flag("-h,--help", "show this text");
}

bool is_given(const CLI::App& verb, const std::string& name) { return verb.count(name) > 0; }

Words::~Words() = default;

CLI::App& Words::add_verb(const std::string& name, const std::string& what, const std::string& notes) {
  CLI::App* verb = program_->add_subcommand(name, what);
  verb->footer(notes);
  verb->allow_extras();
  return *verb;
}

Words::Parsed Words::parse(int count, const char* const* words) {
  const auto spoken_to = [&]() -> const CLI::App& {
    const auto verbs = program_->get_subcommands();
    return verbs.empty() ? *program_ : *verbs[0];
  };
  const auto verb = [&] { return &spoken_to() == program_.get() ? "" : spoken_to().get_name(); };
  const auto refuse_unknown_words = [&] {
    for (const CLI::App* app : std::initializer_list<const CLI::App*>{&spoken_to(), program_.get()})
      for (const std::string& word : app->remaining())
        if (word != "--") refuse(unknown_word(*app, word));  // which ends the flags
  };
  try {
    program_->parse(count, words);
  } catch (const CLI::CallForHelp&) {
    return {.verb = verb(), .help = true};
  } catch (const CLI::CallForVersion&) {
    return {.verb = "", .version = true};
  } catch (const CLI::ParseError& error) {
    // A flag taken for a value, or a word that nobody knows, explains a missing one better.
    for (const CLI::Option* option : spoken_to().get_options())
      if (option->get_items_expected_max() > 0 && option->count() > 0)
        refuse_no_value(option->get_name(), option->get_type_name(), option->get_description(),
                        option->results()[0]);
    refuse_unknown_words();
    refuse(refusal(spoken_to(), error));
  }
  refuse_unknown_words();
  return {.verb = verb()};
}

std::string Words::help(const std::string& name) const {
  const CLI::App& verb = *program_->get_subcommand(name);
  std::string usage = "dlfs " + name, rows;
  bool more = false;
  std::vector<const CLI::Option*> options = verb.get_options();
  std::rotate(options.begin(), options.begin() + 1, options.end());  // the parser's --help comes last
  for (const CLI::Option* option : options) {
    const std::string form = form_of(*option);
    const bool in_place = option->get_lnames().empty();
    if (option->get_required() || in_place) usage += " " + (option->get_required() ? form : "[" + form + "]");
    more |= !option->get_required() && !in_place && form != "--help";
    rows += "  " + form + std::string(form.size() < 18 ? 20 - form.size() : 2, ' ') +
            option->get_description() + "\n";
  }
  const std::string notes = verb.get_footer();
  return concat(usage, more ? " [flags]" : "", ": ", verb.get_description(), "\n\n", rows,
                notes.empty() ? "" : "\n", notes);
}

std::vector<std::string> Words::names() const {
  std::vector<std::string> all;
  for (const CLI::App* verb : program_->get_subcommands([](const CLI::App*) { return true; }))
    all.push_back(verb->get_name());
  return all;
}

std::string Words::verbs() const {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : names())
    rows.push_back({"  dlfs " + name, program_->get_subcommand(name)->get_description()});
  return columns(rows);
}

}  // namespace dlfs
