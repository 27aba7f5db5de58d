// Which of cuDNN's engines serves a graph in 16 bits, where the first is often not the fastest: the candidates are
// measured once, and the choice is kept in a small text file from one process to the next. A file that cannot be read or
// written, or that holds anything else, only means that there is more to measure. One thread; processes may share a file:
// each writes the whole, with what it found there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlfs/gpu/cudnn.h"

namespace dlfs {

struct EngineChoice {
  int position = 0;    // in the list of offers
  int64_t engine = 0;  // its index: where another stands at the position, the choice is void
  bool operator==(const EngineChoice&) const = default;
};

// A file: the line "dlfs engines, rules 1", then "<graph> = <position> <engine>", a graph a line.
class EngineChoices {
 public:
  explicit EngineChoices(std::string path);  // "": nothing is kept
  std::optional<EngineChoice> find(const std::string& graph) const;
  void add(const std::string& graph, const EngineChoice& choice);

 private:
  void read();
  std::string path_;
  std::map<std::string, EngineChoice> all_;
};

// "<folder>/engines-NVIDIA_H100_80GB_HBM3-132-9.19.0.txt"; "" without a folder.
struct EngineMachine {
  std::string card;
  int multiprocessors = 0;
  std::string cudnn;
};
std::string choices_path(const std::string& folder, const EngineMachine& machine);

class MeasuredEngines : public ConvEngines {
 public:
  using Offers = std::function<std::vector<EngineOffer>(const ConvGraph&)>;
  // Microseconds of each; may throw DeviceError where there is no memory for it.
  using Times =
      std::function<std::vector<double>(const ConvGraph&, const std::vector<std::unique_ptr<ConvEngine>>&)>;

  // Without `times` nothing is measured and the first engine serves.
  MeasuredEngines(Offers offers, Times times, EngineChoices choices)
      : offers_(std::move(offers)), times_(std::move(times)), choices_(std::move(choices)) {}
  std::unique_ptr<ConvEngine> engine(const ConvGraph& graph) const override;

 private:
  std::unique_ptr<ConvEngine> measured(const ConvGraph& graph, const std::vector<EngineOffer>& offers) const;

  Offers offers_;
  Times times_;
  mutable EngineChoices choices_;
};

}  // namespace dlfs
