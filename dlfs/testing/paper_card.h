// A GPU that need not be here: a Device of kind gpu in the host's memory, on which every GPU half makes its kernels as on a
// card, and which notes what they ask cuDNN for. Nothing ever runs on it. For builds with a GPU half.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>

#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/own_kernels.h"

namespace dlfs::testing {

// An engine that is never run.
class PaperEngine : public ConvEngine {
 public:
  explicit PaperEngine(std::string name) : name_(std::move(name)) {}
  size_t workspace() const override { return 0; }
  const std::string& name() const override { return name_; }
  void run(Stream, const ConvPointers&, void*) override { FAIL() << "there is no card to run on"; }

 private:
  std::string name_;
};

// cuDNN's answers for a described card, one for each graph, whoever asks how often.
class PaperEngines : public ConvEngines {
 public:
  struct Answer {
    ConvGraph graph;
    std::vector<EngineFacts> engines;  // up to the one that serves, if any

    bool served() const { return !engines.empty() && engines.back().finalised; }
  };

  PaperEngines(const Cudnn& cudnn, std::string device_json)
      : cudnn_(cudnn), device_json_(std::move(device_json)) {}

  std::unique_ptr<ConvEngine> engine(const ConvGraph& g) const override {
    const std::string name = to_string(g);
    const auto [found, is_new] = answers_.try_emplace(name);
    if (is_new) found->second = {g, cudnn_.engines_for(g, device_json_)};
    return found->second.served()
               ? std::make_unique<PaperEngine>(concat("cudnn engine ", found->second.engines.back().index))
               : nullptr;
  }

  const std::map<std::string, Answer>& answers() const { return answers_; }

 private:
  const Cudnn& cudnn_;
  std::string device_json_;
  mutable std::map<std::string, Answer> answers_;
};

// A card for which cuDNN has nothing at all.
class NoEngines : public ConvEngines {
 public:
  std::unique_ptr<ConvEngine> engine(const ConvGraph&) const override { return nullptr; }
};

// Its memory is the host's, and what is recorded is dropped.
class PaperCard : public GpuDevice {
 public:
  explicit PaperCard(const ConvEngines& engines, const CardSize& size = {}) : engines_(engines), size_(size) {
    name_ = "a card on paper";
  }
  const ConvEngines& cudnn() const override { return engines_; }
  CardSize size() const override { return size_; }
  MemoryPtr allocate(size_t size) override {
    return std::make_shared<Memory>(std::aligned_alloc(alignment, aligned(size)), size, std::free);
  }
  void upload(const Tensor& to, const void* from, Stream) override {
    std::memcpy(to.data, from, bytes(to.spec));
  }
  void download(const Tensor& from, void* to, Stream) override {
    std::memcpy(to, from.data, bytes(from.spec));
  }
  void synchronize(Stream) override {}
  KernelPtr record(std::function<void(Stream)>) override { return nullptr; }

 private:
  const ConvEngines& engines_;
  CardSize size_;
};

}  // namespace dlfs::testing
