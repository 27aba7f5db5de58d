#include "dlfs/gpu/engine_choice.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"

namespace dlfs {
namespace {

constexpr size_t most_measured = 12;
constexpr uint64_t largest_file = uint64_t{1} << 22;

std::string header() { return concat("dlfs engines, rules ", engine_rules); }

template <typename Number>
bool parse(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "<graph> = <position> <engine>"; false where a line is anything else.
bool parse(std::string_view line, std::string& graph, EngineChoice& choice) {
  const size_t equals = line.rfind(" = "), space = line.rfind(' ');
  if (equals == std::string_view::npos || equals == 0 || space < equals + 3) return false;
  graph = line.substr(0, equals);
  return parse(line.substr(equals + 3, space - equals - 3), choice.position) &&
         parse(line.substr(space + 1), choice.engine) && choice.position >= 0;
}

}  // namespace

EngineChoices::EngineChoices(std::string path) : path_(std::move(path)) { read(); }

void EngineChoices::read() try {
  if (path_.empty()) return;
  const Bytes bytes = read_file(path_, {.max_bytes = largest_file});
  std::string_view rest = text_of(bytes);
  const auto line = [&] {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view first = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    return first;
  };
  if (line() != header()) return;
  std::string graph;
  EngineChoice choice;
  while (!rest.empty())
    if (parse(line(), graph, choice)) all_[graph] = choice;
} catch (const FileError&) {  // as if it were empty
}

std::optional<EngineChoice> EngineChoices::find(const std::string& graph) const {
  const auto found = all_.find(graph);
  return found == all_.end() ? std::nullopt : std::optional(found->second);
}

void EngineChoices::add(const std::string& graph, const EngineChoice& choice) try {
  read();  // what another process added
  all_[graph] = choice;
  if (path_.empty()) return;
  std::string text = header() + "\n";
  for (const auto& [name, chosen] : all_)
    text += concat(name, " = ", chosen.position, " ", chosen.engine, "\n");
  if (const size_t slash = path_.rfind('/'); slash != std::string::npos)
    make_directories(path_.substr(0, slash));
  write_file(path_, text);
} catch (const FileError&) {  // then it is measured again in the next process
}

std::string choices_path(const std::string& folder, const EngineMachine& machine) {
  if (folder.empty()) return "";
  std::string name = concat(machine.card, "-", machine.multiprocessors, "-", machine.cudnn);
  for (char& letter : name)
    if (std::isalnum(static_cast<unsigned char>(letter)) == 0 && letter != '-' && letter != '.') letter = '_';
  return concat(folder, "/engines-", name, ".txt");
}

std::unique_ptr<ConvEngine> MeasuredEngines::engine(const ConvGraph& graph) const {
  const std::vector<EngineOffer> offers = offers_(graph);
  if (times_ && graph.dtype != DType::f32) return measured(graph, offers);
  for (const EngineOffer& offer : offers)
    if (auto made = offer.compile()) return made;
  return nullptr;
}

std::unique_ptr<ConvEngine> MeasuredEngines::measured(const ConvGraph& graph,
                                                      const std::vector<EngineOffer>& offers) const {
  const std::string name = to_string(graph);
  if (const auto known = choices_.find(name); known && static_cast<size_t>(known->position) < offers.size()) {
    const EngineOffer& offer = offers[known->position];
    if (offer.index == known->engine)
      if (auto made = offer.compile()) return made;
  }
  std::vector<std::unique_ptr<ConvEngine>> made;
  std::vector<EngineChoice> choices;
  for (size_t i = 0; i < offers.size() && made.size() < most_measured; ++i)
    if (auto engine = offers[i].compile()) {
      made.push_back(std::move(engine));
      choices.push_back({static_cast<int>(i), offers[i].index});
    }
  if (made.empty()) return nullptr;
  size_t best = 0;
  try {
    const std::vector<double> times = times_(graph, made);
    best = static_cast<size_t>(std::min_element(times.begin(), times.end()) - times.begin());
    choices_.add(name, choices[best]);
  } catch (const DeviceError&) {  // no memory for it now: the first, as cuDNN recommends it
  }
  return std::move(made[best]);
}

}  // namespace dlfs
