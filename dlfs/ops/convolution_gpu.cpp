#include "dlfs/ops/convolution_gpu.h"

#include "dlfs/gpu/bias_relu.h"
#include "dlfs/gpu/direct_convolution.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/tiled_convolution.h"

namespace dlfs {
namespace {

ChannelRows rows_of(const Shape& y) { return {.rows = int64_t{y.n} * y.h * y.w, .channels = y.c}; }

// Where our tiles were measured to be faster than the first engine of cuDNN's that the rules allow (docs/results.md). In
// strict f32 it is left with engines of older cards, but for an FFT that is good at the gradient by the data of large
// maps. In tf32 ours win where a sum or a result is too small to keep Tensor Cores busy.
bool tiles_win(const ConvGraph& graph) {
  if (graph.groups != 1) return false;
  const int64_t taps = int64_t{graph.w.h} * graph.w.w, map = int64_t{graph.x.h} * graph.x.w;
  const bool narrow = graph.x.c <= 32;
  switch (graph.kind) {
    case ConvKind::forward:
      return !graph.tf32 || (narrow && taps > 1);
    case ConvKind::data_gradient:
      return graph.tf32 ? narrow && taps > 1 && graph.stride == 1
                        : taps == 1 || (graph.stride == 1 && graph.x.count() <= (1 << 21));
    case ConvKind::filter_gradient:
      return graph.tf32 ? narrow && taps > 1 : map > 1;
  }
  return false;
}

std::unique_ptr<ConvEngine> engine_for(const GpuDevice& device, const ConvGraph& graph,
                                       const TiledSettings& settings = {}) {
  if (tiles_win(graph)) return tiled_convolution(graph, settings);
  if (auto engine = device.cudnn().engine(graph)) return engine;
  return graph.groups == 1 ? tiled_convolution(graph) : direct_convolution(graph);
}

// One kernel for all where ours serves; else one engine of cuDNN's for convolution and bias where it has it, and bias and
// ReLU in one pass of ours otherwise.
class Forward : public Kernel {
 public:
  Forward(const GpuDevice& device, const Site& site, ConvolutionLayer layer)
      : site_(site), rows_(rows_of(layer.graph.y)), relu_(layer.relu) {
    ConvGraph& graph = layer.graph;
    if (tiles_win(graph))
      engine_ = tiled_convolution(graph, {.relu = relu_});
    else if (graph.bias && !relu_)
      engine_ = device.cudnn().engine(graph);
    pass_ = !engine_ && (graph.bias || relu_);
    if (!engine_) {
      graph.bias = false;
      engine_ = engine_for(device, graph);
    }
    site_.scratch.request(engine_->workspace());
  }

  void run(Stream stream) override {
    const Tensor &x = site_.in[0], &w = site_.in[1], &bias = site_.in[2], &y = site_.out[0];
    engine_->run(stream, {.x = x.data, .w = w.data, .y = y.data, .bias = bias.data}, site_.scratch.data());
    if (pass_) add_bias_relu(stream, rows_, y.as<float>(), bias.as<float>(), relu_);
  }
  std::string engine() const override { return engine_->name(); }

 private:
  Site site_;
  ChannelRows rows_;
  bool relu_, pass_ = false;
  std::unique_ptr<ConvEngine> engine_;
};

// Working memory: the gradient through the ReLU, the partial sums of d_bias, the engines' workspace. Our tiles make
// d_bias with d_w, as one row more; beside an engine of cuDNN's it takes passes of its own.
class Backward : public Kernel {
 public:
  Backward(const GpuDevice& device, const Site& site, const ConvolutionLayer& layer)
      : site_(site), rows_(rows_of(layer.graph.y)), relu_(layer.relu) {
    ConvGraph graph = layer.graph;
    const Grad &d_x = site.d_in[0], &d_w = site.d_in[1], &d_bias = site.d_in[2];
    graph.kind = ConvKind::data_gradient;
    graph.add = d_x.how == Write::add;
    if (d_x.how != Write::skip) data_ = engine_for(device, graph);
    graph.kind = ConvKind::filter_gradient;
    graph.add = d_w.how == Write::add;
    if (d_w.how != Write::skip) {
      const bool apart = d_bias.to.data != d_w.to.data;  // else one must be written after the other
      graph.bias = d_bias.how != Write::skip && apart && tiles_win(graph);
      filter_ = engine_for(device, graph, {.add_bias = d_bias.how == Write::add});
    }
    sums_bias_ = d_bias.how != Write::skip && !graph.bias;
    size_t workspace = 0;
    for (const auto* engine : {data_.get(), filter_.get()})
      if (engine != nullptr) workspace = std::max(workspace, engine->workspace());
    partial_ = relu_ ? aligned(bytes(site.d_out[0].spec)) : 0;
    workspace_ = partial_ + (sums_bias_ ? aligned(rows_.partial_bytes()) : 0);
    site.scratch.request(workspace_ + workspace);
  }

  void run(Stream stream) override {
    Scratch& scratch = site_.scratch;
    void* d_y = site_.d_out[0].data;
    auto* partial = static_cast<float*>(scratch.at(partial_));
    if (relu_ || sums_bias_) {
      auto* masked = static_cast<float*>(scratch.data());
      mask_and_sum(stream, rows_, site_.d_out[0].as<float>(), relu_ ? site_.out[0].as<float>() : nullptr,
                   masked, sums_bias_ ? partial : nullptr);
      if (relu_) d_y = masked;
    }
    if (data_)
      data_->run(stream, {.x = site_.d_in[0].to.data, .w = site_.in[1].data, .y = d_y},
                 scratch.at(workspace_));
    if (filter_)
      filter_->run(
          stream,
          {.x = site_.in[0].data, .w = site_.d_in[1].to.data, .y = d_y, .bias = site_.d_in[2].to.data},
          scratch.at(workspace_));
    if (sums_bias_)
      finish_sum(stream, rows_, partial, site_.d_in[2].to.as<float>(), site_.d_in[2].how == Write::add);
  }

  std::string engine() const override {
    std::vector<std::string> names;
    for (const auto* engine : {data_.get(), filter_.get()})
      if (engine != nullptr) names.push_back(engine->name());
    return names.empty() ? "own" : join(names, ", ");
  }

 private:
  Site site_;
  ChannelRows rows_;
  bool relu_, sums_bias_ = false;
  std::unique_ptr<ConvEngine> data_, filter_;
  size_t partial_ = 0, workspace_ = 0;  // offsets
};

}  // namespace

KernelPtr convolution_forward_gpu(GpuDevice& device, const Site& site, ConvolutionLayer layer) {
  layer.graph.kind = ConvKind::forward;
  layer.graph.bias = static_cast<bool>(site.in[2]);
  layer.graph.tf32 = site.precision == Precision::tf32;
  return std::make_unique<Forward>(device, site, layer);
}

KernelPtr convolution_backward_gpu(GpuDevice& device, const Site& site, ConvolutionLayer layer) {
  layer.graph.tf32 = site.precision == Precision::tf32;
  return std::make_unique<Backward>(device, site, layer);
}

}  // namespace dlfs
