#include "dlfs/ops/convolution_gpu.h"

#include "dlfs/gpu/bias_relu.h"
#include "dlfs/gpu/direct_convolution.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/tiled_convolution.h"

namespace dlfs {
namespace {

ChannelRows rows_of(const Shape& y) { return {.rows = int64_t{y.n} * y.h * y.w, .channels = y.c}; }

// In strict f32 cuDNN is left with engines of older cards, and our tiles were found to be faster (docs/results.md), but
// for the gradient by the data of filters larger than 1x1 and for the filters of a linear layer. In tf32 they win where
// Tensor Cores find nothing to do: in the gradient of the filters over gray images.
bool tiles_win(const ConvGraph& graph) {
  if (graph.groups != 1) return false;
  if (graph.tf32)
    return graph.kind == ConvKind::filter_gradient && graph.x.c == 1 && graph.w.h * graph.w.w > 1;
  switch (graph.kind) {
    case ConvKind::forward:
      return true;
    case ConvKind::data_gradient:
      return graph.w.h * graph.w.w == 1;
    case ConvKind::filter_gradient:
      return graph.x.h * graph.x.w > 1;
  }
  return false;
}

std::unique_ptr<ConvEngine> engine_for(const GpuDevice& device, const ConvGraph& graph) {
  if (tiles_win(graph)) return tiled_convolution(graph);
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
      engine_ = tiled_convolution(graph, relu_);
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

// Working memory: the gradient through the ReLU, the partial sums of d_bias, the engines' workspace.
class Backward : public Kernel {
 public:
  Backward(const GpuDevice& device, const Site& site, const ConvolutionLayer& layer)
      : site_(site), rows_(rows_of(layer.graph.y)), relu_(layer.relu) {
    ConvGraph graph = layer.graph;
    const auto make = [&](ConvKind kind, const Grad& grad) {
      graph.kind = kind;
      graph.add = grad.how == Write::add;
      return grad.how == Write::skip ? nullptr : engine_for(device, graph);
    };
    data_ = make(ConvKind::data_gradient, site.d_in[0]);
    filter_ = make(ConvKind::filter_gradient, site.d_in[1]);
    size_t workspace = 0;
    for (const auto* engine : {data_.get(), filter_.get()})
      if (engine != nullptr) workspace = std::max(workspace, engine->workspace());
    partial_ = relu_ ? aligned(bytes(site.d_out[0].spec)) : 0;
    workspace_ = partial_ + (wants_bias() ? aligned(rows_.partial_bytes()) : 0);
    site.scratch.request(workspace_ + workspace);
  }

  void run(Stream stream) override {
    Scratch& scratch = site_.scratch;
    void* d_y = site_.d_out[0].data;
    auto* partial = static_cast<float*>(scratch.at(partial_));
    if (relu_ || wants_bias()) {
      auto* masked = static_cast<float*>(scratch.data());
      mask_and_sum(stream, rows_, site_.d_out[0].as<float>(), relu_ ? site_.out[0].as<float>() : nullptr,
                   masked, wants_bias() ? partial : nullptr);
      if (relu_) d_y = masked;
    }
    if (data_)
      data_->run(stream, {.x = site_.d_in[0].to.data, .w = site_.in[1].data, .y = d_y},
                 scratch.at(workspace_));
    if (filter_)
      filter_->run(stream, {.x = site_.in[0].data, .w = site_.d_in[1].to.data, .y = d_y},
                   scratch.at(workspace_));
    if (wants_bias())
      finish_sum(stream, rows_, partial, site_.d_in[2].to.as<float>(), site_.d_in[2].how == Write::add);
  }

  std::string engine() const override {
    std::vector<std::string> names;
    for (const auto* engine : {data_.get(), filter_.get()})
      if (engine != nullptr) names.push_back(engine->name());
    return names.empty() ? "own" : join(names, ", ");
  }

 private:
  bool wants_bias() const { return site_.d_in[2].how != Write::skip; }

  Site site_;
  ChannelRows rows_;
  bool relu_;
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
