// cuDNN 9 behind our own thin layer: the library is opened at run time (nothing links it), and of its graph
// API we use a convolution forward with what may follow it, and its two gradients. The rules, whose version is
// engine_rules: no engine is taken that gives other bits on another run (but for the sums), that rounds below the graph's
// type (f32 to TF32 where that is asked for; 16 bits mean Tensor Cores that sum in f32), that is a Winograd transform, or
// that is compiled at run time, which takes seconds a graph. Where none is left our own kernels serve. One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/gpu/library_places.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

struct CudnnLibrary;  // the opened file and its entry points

constexpr int engine_rules = 1;

enum class ConvKind : uint8_t { forward, data_gradient, filter_gradient };

// One graph. forward: y = relu(x * w + bias + add), and with `sums` the sums of y and of its squares, channel by channel, or
// with `moments`, which cuDNN does not have, y's mean and variance, exact (no cancellation) and with the same bits on every run;
// data_gradient: x (+)= from y and w; filter_gradient: w (+)= from x and y. x, w, y, add and bias are of one type (cuDNN has
// no engine of another bias), sums and moments are f32 [1,1,2,k]. `relu` is for inference alone: cuDNN's turns NaN into 0, and a step that diverged must show.
struct ConvGraph {
  ConvKind kind = ConvKind::forward;
  Shape x, w, y;  // [n,h,w,c], [k,r,s,c/groups], [n,oh,ow,k]
  int stride = 1, pad = 0, dilation = 1, groups = 1;
  DType dtype = DType::f32;                                    // or f16, bf16
  bool tf32 = false;                                           // of f32
  bool bias = false, add = false, relu = false, sums = false;  // of forward
  bool moments = false;                                        // of forward: to ConvPointers::sums
  bool accumulate = false;                                     // of the gradients: (+)=
};

// "forward f16 [8,56,56,64] [64,3,3,64] [8,56,56,64] stride 1 pad 1 dilation 1 groups 1 bias relu": all that makes a graph.
std::string to_string(const ConvGraph& graph);

// The tensors of one graph at run time.
struct ConvPointers {
  void *x = nullptr, *w = nullptr, *y = nullptr, *bias = nullptr, *add = nullptr, *sums = nullptr;
};

// A graph compiled by one of cuDNN's engines for one device.
class ConvEngine {
 public:
  virtual ~ConvEngine() = default;
  virtual size_t workspace() const = 0;
  virtual const std::string& name() const = 0;  // "cudnn 9.19 engine 11"
  virtual void run(Stream stream, const ConvPointers& pointers, void* workspace) = 0;
};

// Whoever is asked for engines: cuDNN for the card at hand, or in tests for a card that is only described.
class ConvEngines {
 public:
  virtual ~ConvEngines() = default;
  // Null: there is none, so our own kernels serve.
  virtual std::unique_ptr<ConvEngine> engine(const ConvGraph& graph) const = 0;
};

// An engine that cuDNN offers and the rules allow, compiled when it is asked for.
struct EngineOffer {
  int64_t index = 0;
  std::function<std::unique_ptr<ConvEngine>()>
      compile;  // null: it does not compile, or wants more than 1 GiB
};

// What cuDNN says about one engine that it offers for a graph.
struct EngineFacts {
  int64_t index = 0;
  std::string notes;       // "tensor_core nondeterministic", near cuDNN's own words
  bool allowed = false;    // by our rules for the graph
  bool finalised = false;  // tried and good: the one that would serve
};

class Cudnn {
 public:
  // $DLFS_CUDNN, or else the places of library_places.h. ensures: each that was looked at is in `tried`; null where none
  // holds cuDNN 9.
  static std::unique_ptr<Cudnn> open(std::vector<LibraryPlace>& tried);
  ~Cudnn();

  const std::string& path() const;
  const std::string& version() const;  // "9.19.0"

  // Binds to the calling thread's present device; offers() needs it.
  void connect();
  // All that the rules allow, in the order of cuDNN's heuristics.
  std::vector<EngineOffer> offers(const ConvGraph& graph) const;
  // The same question for a card that need not be there, described by JSON: all engines, up to the one that
  // would serve.
  std::vector<EngineFacts> engines_for(const ConvGraph& graph, const std::string& device_json) const;

 private:
  explicit Cudnn(std::unique_ptr<CudnnLibrary> library);
  std::unique_ptr<CudnnLibrary> library_;
};

}  // namespace dlfs
