#include "dlfs/ops/convolution_gpu.h"

#include "dlfs/gpu/bias_relu.h"
#include "dlfs/gpu/direct_convolution.h"
#include "dlfs/gpu/hopper_convolution.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/stem_convolution.h"
#include "dlfs/gpu/tiled_convolution.h"

namespace dlfs {
namespace {

ChannelRows rows_of(const ConvGraph& graph) {
  const Shape& y = graph.y;
  return {.rows = int64_t{y.n} * y.h * y.w, .channels = y.c, .dtype = graph.dtype};
}

// Where our tiles were measured to be faster than the first engine of cuDNN's that the rules allow (docs/results.md). In
// strict f32 it is left with engines of older cards, but for an FFT that is good at the gradient by the data of large
// maps. In tf32 ours win where a sum or a result is too small to keep Tensor Cores busy.
bool tiles_win(const ConvGraph& graph) {
  if (graph.groups != 1 || graph.dtype != DType::f32) return false;
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

std::unique_ptr<ConvEngine> engine_for(GpuDevice& device, const ConvGraph& graph,
                                       const TiledSettings& settings = {}) {
  if (tiles_win(graph)) return tiled_convolution(graph, settings);
  if (auto engine = hopper_convolution(device, graph)) return engine;
  if (auto engine = stem_convolution(graph)) return engine;
  if (auto engine = device.cudnn().engine(graph)) return engine;
  return graph.groups == 1 && graph.dtype == DType::f32 ? tiled_convolution(graph)
                                                        : direct_convolution(graph);
}

Tensor optional(const std::vector<Tensor>& all, size_t i) { return i < all.size() ? all[i] : Tensor{}; }

// One kernel for all where one of ours or of cuDNN's makes it; what the engine leaves out is one pass of ours, and the sums
// or moments another. Working memory: a bias of the engine's type (in inference it is kept), the parts of the sums or moments, the engine's own.
class Forward : public Kernel {
 public:
  Forward(GpuDevice& device, const Site& site, const ConvGraph& wished)
      : site_(site),
        rows_(rows_of(wished)),
        bias_(optional(site.in, 2)),
        add_(optional(site.in, 3)),
        sums_(optional(site.out, 1)) {
    ConvGraph graph = choose(device, wished);
    rest_ = {.y = site.out[0].data,
             .bias = graph.bias ? nullptr : bias_.as<float>(),
             .add = graph.add ? nullptr : add_.data,
             .relu = wished.relu && !graph.relu};
    pass_ = rest_.bias != nullptr || rest_.add != nullptr || rest_.relu;
    makes_sums_ = wished.sums && !graph.sums;
    makes_moments_ = wished.moments && !graph.moments;
    narrows_ = graph.bias && graph.dtype != DType::f32;
    const Spec narrow{{1, 1, 1, rows_.channels}, graph.dtype};
    if (narrows_ && site.is_fixed(2))
      kept_ = device.allocate(bytes(narrow));
    else if (narrows_)
      partial_ = aligned(bytes(narrow));
    workspace_ = partial_;
    if (makes_sums_ || makes_moments_) workspace_ += aligned(2 * rows_.partial_bytes());
    if (makes_moments_) workspace_ += aligned(bytes(sums_.spec));
    site_.scratch.request(workspace_ + engine_->workspace());
  }

  void refresh(Stream stream) override {
    if (kept_) narrow_bias(stream, kept_->data());
  }

  void run(Stream stream) override {
    Scratch& scratch = site_.scratch;
    void* bias = kept_ ? kept_->data() : narrows_ ? scratch.data() : bias_.data;
    if (narrows_ && !kept_) narrow_bias(stream, bias);
    const Tensor &x = site_.in[0], &w = site_.in[1], &y = site_.out[0];
    engine_->run(stream,
                 {.x = x.data, .w = w.data, .y = y.data, .bias = bias, .add = add_.data, .sums = sums_.data},
                 scratch.at(workspace_));
    if (pass_) finish_map(stream, rows_, rest_);
    if (makes_sums_)
      sums_of_map(stream, rows_, y.data, static_cast<float*>(scratch.at(partial_)), sums_.as<float>());
    if (makes_moments_)
      moments_of_map(stream, rows_, y.data, static_cast<float*>(scratch.at(partial_)), sums_.as<float>());
  }
  std::string engine() const override { return engine_->name(); }

 private:
  // Finds the engine; gives the graph that it makes, which is all or a part of what is wished for. cuDNN's ReLU turns NaN
  // into 0, so it serves inference alone; before a ReLU of ours the bias is in the same pass. It has shortcut and ReLU behind a bias alone, and sums of f16
  // behind nothing.
  ConvGraph choose(GpuDevice& device, const ConvGraph& wished) {
    if ((engine_ = hopper_convolution(device, wished))) return wished;
    ConvGraph plain = wished;
    plain.bias = plain.add = plain.relu = plain.sums = plain.moments = false;
    ConvGraph graph = wished;
    graph.moments = false;
    if (tiles_win(wished)) {
      graph.add = graph.sums = false;
      graph.relu &= !wished.add;
      engine_ = tiled_convolution(graph);
      return graph;
    }
    std::vector<ConvGraph> fused;
    const bool bare = !wished.bias && !wished.add && !wished.relu;
    if (wished.sums && bare && wished.dtype == DType::f16 && wished.y.c % 8 == 0) {
      fused = {wished};
    } else if (wished.bias && (!wished.relu || site_.is_fixed(1))) {
      graph.sums = false;
      fused = {graph, plain};
      fused[1].bias = true;
    }
    for (const ConvGraph& tried : fused)
      if ((engine_ = device.cudnn().engine(tried))) return tried;
    engine_ = engine_for(device, plain);
    return plain;
  }

  void narrow_bias(Stream stream, void* to) const {
    narrow_numbers(stream, bias_.as<float>(), to, rows_.dtype, rows_.channels);
  }

  Site site_;
  ChannelRows rows_;
  Tensor bias_, add_, sums_;
  std::unique_ptr<ConvEngine> engine_;
  FinishMap rest_{};
  bool pass_ = false, makes_sums_ = false, makes_moments_ = false, narrows_ = false;
  MemoryPtr kept_;                      // the bias of the engine's type
  size_t partial_ = 0, workspace_ = 0;  // offsets
};

// Working memory: the gradient through the ReLU, the partial sums of d_bias, the engines' workspace. Our tiles make
// d_bias with d_w, as one row more; beside an engine of cuDNN's it takes passes of its own.
class Backward : public Kernel {
 public:
  Backward(GpuDevice& device, const Site& site, ConvGraph graph)
      : site_(site), rows_(rows_of(graph)), relu_(graph.relu) {
    graph.relu = false;
    const Grad &d_x = site.d_in[0], &d_w = site.d_in[1], &d_bias = site.d_in[2];
    graph.kind = ConvKind::data_gradient;
    graph.accumulate = d_x.how == Write::add;
    if (d_x.how != Write::skip) data_ = engine_for(device, graph);
    graph.kind = ConvKind::filter_gradient;
    graph.accumulate = d_w.how == Write::add;
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
      const MaskMap map{.d_y = d_y, .y = relu_ ? site_.out[0].data : nullptr, .masked = scratch.data()};
      mask_and_sum(stream, rows_, map, sums_bias_ ? partial : nullptr);
      if (relu_) d_y = scratch.data();
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
  ConvGraph& graph = layer.graph;
  graph.kind = ConvKind::forward;
  graph.dtype = site.in[0].spec.dtype;
  graph.tf32 = site.precision == Precision::tf32;
  graph.bias = static_cast<bool>(optional(site.in, 2));
  graph.add = static_cast<bool>(optional(site.in, 3));
  graph.sums = !graph.moments && optional(site.out, 1);
  graph.relu = layer.relu;
  return std::make_unique<Forward>(device, site, graph);
}

KernelPtr convolution_backward_gpu(GpuDevice& device, const Site& site, ConvolutionLayer layer) {
  ConvGraph& graph = layer.graph;
  graph.moments = false;
  graph.dtype = site.d_out[0].spec.dtype;
  graph.tf32 = site.precision == Precision::tf32;
  graph.relu = layer.relu;
  return std::make_unique<Backward>(device, site, graph);
}

}  // namespace dlfs
