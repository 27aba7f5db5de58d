#include "dlfs/gpu/hopper_convolution.h"
#include "dlfs/gpu/hopper_filter_gradient.h"

namespace dlfs {
namespace {

class HopperEngine : public ConvEngine {
 public:
  HopperEngine(GpuDevice& device, const ConvGraph& graph)
      : graph_(graph),
        processors_(device.size().processors),
        name_(graph.w == hopper_stem_filters ? "own 4x4" : "own 3x3") {
    if (!graph.moments) return;
    const unsigned zero = 0;
    ticket_ = device.allocate(sizeof zero);
    device.upload({{{}, DType::i32}, ticket_->data()}, &zero, device.stream());
  }
  size_t workspace() const override { return graph_.moments ? hopper_workspace(processors_) : 0; }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void* workspace) override {
    const bool forward = graph_.kind == ConvKind::forward;
    HopperConvolution of{.map = graph_.y,
                         .dtype = graph_.dtype,
                         .stem = graph_.w == hopper_stem_filters,
                         .data_gradient = !forward,
                         .relu = graph_.relu,
                         .x = forward ? at.x : at.y,
                         .w = at.w,
                         .bias = graph_.bias ? at.bias : nullptr,
                         .add = graph_.add          ? at.add
                                : graph_.accumulate ? at.x
                                                    : nullptr,
                         .y = forward ? at.y : at.x,
                         .processors = processors_};
    if (graph_.moments) {
      of.moments = static_cast<float*>(at.sums);
      of.workspace = workspace;
      of.ticket = static_cast<unsigned*>(ticket_->data());
    }
    run_hopper_convolution(of, stream);
  }

 private:
  ConvGraph graph_;
  int processors_;
  MemoryPtr ticket_;
  std::string name_;
};

class HopperFilterEngine : public ConvEngine {
 public:
  HopperFilterEngine(const CardSize& card, const ConvGraph& graph)
      : of_{.map = graph.y,
            .filters = graph.w,
            .dtype = graph.dtype,
            .add = graph.accumulate,
            .processors = card.processors},
        name_(graph.w == hopper_stem_filters ? "own 4x4 filters" : "own 3x3 filters") {}
  size_t workspace() const override { return hopper_filter_workspace(of_.filters, of_.processors); }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void* workspace) override {
    of_.x = at.x;
    of_.dy = at.y;
    of_.dw = at.w;
    of_.workspace = workspace;
    run_hopper_filter_gradient(of_, stream);
  }

 private:
  HopperFilterGradient of_;
  std::string name_;
};

bool serves(const ConvGraph& of) {
  const Shape& y = of.y;
  const bool stem = of.kind != ConvKind::data_gradient && of.w == hopper_stem_filters && of.pad == 0 &&
                    of.x == Shape{y.n, y.h + 3, y.w + 3, 16};
  const bool same = of.w == hopper_filters && of.pad == 1 && of.x == y;
  return (of.kind != ConvKind::filter_gradient || !of.bias) &&
         (of.dtype == DType::f16 || of.dtype == DType::bf16) && (stem || same) && of.stride == 1 &&
         of.dilation == 1 && !of.sums;
}

}  // namespace

std::unique_ptr<ConvEngine> hopper_convolution(GpuDevice& device, const ConvGraph& graph, bool any_size) {
  const CardSize card = device.size();
  if (!built_for_hopper() || card.architecture != 90 || !serves(graph)) return nullptr;
  if (!any_size && !hopper_convolution_pays(graph.y, graph.w)) return nullptr;
  if (graph.kind == ConvKind::filter_gradient) return std::make_unique<HopperFilterEngine>(card, graph);
  return std::make_unique<HopperEngine>(device, graph);
}

}  // namespace dlfs
