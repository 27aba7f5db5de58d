#include "dlfs/gpu/cudnn.h"

#include <cudnn.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <deque>
#include <type_traits>
#include <utility>

#include "dlfs/base/error.h"

namespace dlfs {

// ---- the library's entry points that we use ----
struct CudnnLibrary {
  std::string path, version;
  cudnnHandle_t handle = nullptr;
  decltype(&cudnnGetVersion) get_version = nullptr;
  decltype(&cudnnGetErrorString) get_error_string = nullptr;
  decltype(&cudnnGetLastErrorString) get_last_error_string = nullptr;
  decltype(&cudnnCreate) create = nullptr;
  decltype(&cudnnDestroy) destroy = nullptr;
  decltype(&cudnnSetStream) set_stream = nullptr;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor = nullptr;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor = nullptr;
  decltype(&cudnnBackendSetAttribute) set_attribute = nullptr;
  decltype(&cudnnBackendGetAttribute) get_attribute = nullptr;
  decltype(&cudnnBackendFinalize) finalize = nullptr;
  decltype(&cudnnBackendExecute) execute = nullptr;

  ~CudnnLibrary() {
    if (handle != nullptr) destroy(handle);
  }

  // ensures: "" and every entry point is set, or what is wrong with the file.
  std::string resolve(void* file) {
    std::string missing;
    const auto find = [&](auto& entry, const char* name) {
      entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(dlsym(file, name));
      if (entry == nullptr) missing = name;
    };
    find(get_version, "cudnnGetVersion");
    find(get_error_string, "cudnnGetErrorString");
    find(get_last_error_string, "cudnnGetLastErrorString");
    find(create, "cudnnCreate");
    find(destroy, "cudnnDestroy");
    find(set_stream, "cudnnSetStream");
    find(create_descriptor, "cudnnBackendCreateDescriptor");
    find(destroy_descriptor, "cudnnBackendDestroyDescriptor");
    find(set_attribute, "cudnnBackendSetAttribute");
    find(get_attribute, "cudnnBackendGetAttribute");
    find(finalize, "cudnnBackendFinalize");
    find(execute, "cudnnBackendExecute");
    if (!missing.empty()) return "no cuDNN 9: it has no " + missing;
    const size_t number = get_version();
    version = concat(number / 10000, ".", number / 100 % 100, ".", number % 100);
    return number / 10000 == 9 ? "" : "cuDNN " + version + ", but 9 is needed";
  }

  void check(cudnnStatus_t status, const char* call, int subject = -1) const {
    if (status == CUDNN_STATUS_SUCCESS) return;
    std::array<char, 512> words{};
    get_last_error_string(words.data(), words.size());
    const std::string of = subject < 0 ? "" : concat(" of ", subject);
    throw DeviceError("gpu", concat(call, of, " failed with ", static_cast<int>(status), " (",
                                    get_error_string(status), "): ", words.data()));
  }
};

namespace {

constexpr int64_t most_workspace = int64_t{1} << 30;

// ---- descriptors: cuDNN's objects, owned ----
template <typename T>
constexpr cudnnBackendAttributeType_t type_of() {
  if constexpr (std::is_same_v<T, int64_t>) return CUDNN_TYPE_INT64;
  if constexpr (std::is_same_v<T, float>) return CUDNN_TYPE_FLOAT;
  if constexpr (std::is_same_v<T, bool>) return CUDNN_TYPE_BOOLEAN;
  if constexpr (std::is_same_v<T, char>) return CUDNN_TYPE_CHAR;
  if constexpr (std::is_same_v<T, void*>) return CUDNN_TYPE_VOID_PTR;
  if constexpr (std::is_same_v<T, cudnnHandle_t>) return CUDNN_TYPE_HANDLE;
  if constexpr (std::is_same_v<T, cudnnDataType_t>) return CUDNN_TYPE_DATA_TYPE;
  if constexpr (std::is_same_v<T, cudnnConvolutionMode_t>) return CUDNN_TYPE_CONVOLUTION_MODE;
  if constexpr (std::is_same_v<T, cudnnPointwiseMode_t>) return CUDNN_TYPE_POINTWISE_MODE;
  if constexpr (std::is_same_v<T, cudnnGenStatsMode_t>) return CUDNN_TYPE_GENSTATS_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendHeurMode_t>) return CUDNN_TYPE_HEUR_MODE;
  if constexpr (std::is_same_v<T, cudnnBackendNumericalNote_t>) return CUDNN_TYPE_NUMERICAL_NOTE;
  if constexpr (std::is_same_v<T, cudnnBackendBehaviorNote_t>) return CUDNN_TYPE_BEHAVIOR_NOTE;
}

class Descriptor {
 public:
  Descriptor(const CudnnLibrary& library, cudnnBackendDescriptorType_t type) : cudnn_(&library) {
    library.check(library.create_descriptor(type, &raw_), "cudnnBackendCreateDescriptor");
  }
  Descriptor(Descriptor&& other) noexcept : cudnn_(other.cudnn_), raw_(std::exchange(other.raw_, nullptr)) {}
  ~Descriptor() {
    if (raw_ != nullptr) cudnn_->destroy_descriptor(raw_);
  }
  cudnnBackendDescriptor_t raw() const { return raw_; }

  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T* values, size_t count) {
    return set_raw(name, type_of<T>(), values, count);
  }
  template <typename T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set(name, &value, 1);
  }
  template <typename T, size_t Count>
  Descriptor& set(cudnnBackendAttributeName_t name, const std::array<T, Count>& values) {
    return set(name, values.data(), Count);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set_raw(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, &value.raw_, 1);
  }
  Descriptor& set_raw(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const void* values,
                      size_t count) {
    cudnn_->check(cudnn_->set_attribute(raw_, name, type, static_cast<int64_t>(count), values),
                  "cudnnBackendSetAttribute", name);
    return *this;
  }
  cudnnStatus_t try_finalize() { return cudnn_->finalize(raw_); }
  Descriptor&& finalize() {
    cudnn_->check(try_finalize(), "cudnnBackendFinalize");
    return std::move(*this);
  }

  // Up to `most` values; none where cuDNN has none.
  template <typename T>
  std::vector<T> get(cudnnBackendAttributeName_t name, int64_t most) const {
    std::vector<T> values(static_cast<size_t>(most));
    int64_t count = 0;
    cudnn_->check(cudnn_->get_attribute(raw_, name, type_of<T>(), most, &count, values.data()),
                  "cudnnBackendGetAttribute", name);
    values.resize(static_cast<size_t>(std::min(count, most)));
    return values;
  }
  // Fills descriptors that were made for it; `most` 0 asks for their number.
  int64_t get_descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t* into,
                          int64_t most) const {
    int64_t count = 0;
    cudnn_->check(cudnn_->get_attribute(raw_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &count, into),
                  "cudnnBackendGetAttribute", name);
    return count;
  }

 private:
  const CudnnLibrary* cudnn_;
  cudnnBackendDescriptor_t raw_ = nullptr;
};

// ---- the graph: one convolution and what follows it; cuDNN writes shapes as n, c, h, w ----
enum Id : int64_t { id_x = 1, id_w, id_y, id_bias, id_add, id_sum, id_squares, id_between };

cudnnDataType_t type_of(DType dtype) {
  return dtype == DType::f16    ? CUDNN_DATA_HALF
         : dtype == DType::bf16 ? CUDNN_DATA_BFLOAT16
                                : CUDNN_DATA_FLOAT;
}

class Graph {
 public:
  Graph(const CudnnLibrary& library, const ConvGraph& of) : library_(library) {
    const Shape channels{1, 1, 1, of.y.c};
    const Descriptor& x = tensor(id_x, {of.x, of.dtype});
    const Descriptor& w = tensor(id_w, {of.w, of.dtype});
    const Descriptor& y = tensor(id_y, {of.y, of.dtype});
    struct Stage {
      cudnnPointwiseMode_t mode;
      const Descriptor* with;
    };
    std::vector<Stage> stages;
    // In this order and with a bias of the graph's type its engines need no compiler.
    if (of.add) stages.push_back({CUDNN_POINTWISE_ADD, &tensor(id_add, {of.y, of.dtype})});
    if (of.bias) stages.push_back({CUDNN_POINTWISE_ADD, &tensor(id_bias, {channels, of.dtype})});
    if (of.relu) stages.push_back({CUDNN_POINTWISE_RELU_FWD, nullptr});
    const auto result = [&](size_t stage) -> const Descriptor& {
      return stage == stages.size()
                 ? y
                 : tensor(id_between + static_cast<int64_t>(stage), {of.y, DType::f32}, true);
    };
    const Descriptor* value = &result(0);
    convolution(of, x, w, *value);
    for (size_t i = 0; i < stages.size(); ++i) {
      const Descriptor& next = result(i + 1);
      pointwise(stages[i].mode, *value, stages[i].with, next);
      value = &next;
    }
    if (of.sums)
      add(Descriptor(library, CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR)
              .set(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_GENSTATS_SUM_SQSUM)
              .set(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_DATA_FLOAT)
              .set(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, y)
              .set(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, tensor(id_sum, {channels, DType::f32}))
              .set(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, tensor(id_squares, {channels, DType::f32})));
    Descriptor graph(library, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set_raw(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, operations_.data(),
                  operations_.size());
    if (library.handle != nullptr) graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, library.handle);
    if (graph.try_finalize() == CUDNN_STATUS_SUCCESS) descriptor_ = &keep(std::move(graph));
  }
  const Descriptor* descriptor() const { return descriptor_; }  // null: cuDNN knows no such graph

 private:
  const Descriptor& keep(Descriptor&& part) { return parts_.emplace_back(std::move(part)); }
  void add(Descriptor& operation) { operations_.push_back(keep(operation.finalize()).raw()); }

  const Descriptor& tensor(int64_t id, const Spec& of, bool is_virtual = false) {
    const int64_t n = of.shape.n, c = of.shape.c, h = of.shape.h, w = of.shape.w;
    return keep(Descriptor(library_, CUDNN_BACKEND_TENSOR_DESCRIPTOR)
                    .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, id)
                    .set(CUDNN_ATTR_TENSOR_DATA_TYPE, type_of(of.dtype))
                    .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, int64_t{16})
                    .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::array{n, c, h, w})
                    .set(CUDNN_ATTR_TENSOR_STRIDES, std::array{h * w * c, int64_t{1}, w * c, c})
                    .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, is_virtual)
                    .finalize());
  }

  void convolution(const ConvGraph& of, const Descriptor& x, const Descriptor& w, const Descriptor& y) {
    // The attributes of all three kinds follow each other in one order: alpha, beta, settings, w, x, y.
    struct Names {
      cudnnBackendDescriptorType_t type;
      cudnnBackendAttributeName_t first;
    };
    constexpr std::array<Names, 3> all{{{CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA},
                                        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA},
                                        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
                                         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA}}};
    const Names& names = all[static_cast<size_t>(of.kind)];
    const auto name = [&](int i) { return static_cast<cudnnBackendAttributeName_t>(names.first + i); };
    const auto twice = [](int value) { return std::array<int64_t, 2>{value, value}; };
    const Descriptor& settings = keep(Descriptor(library_, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR)
                                          .set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
                                          .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
                                          .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2})
                                          .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, twice(of.dilation))
                                          .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, twice(of.stride))
                                          .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, twice(of.pad))
                                          .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, twice(of.pad))
                                          .finalize());
    add(Descriptor(library_, names.type)
            .set(name(2), settings)
            .set(name(4), x)
            .set(name(3), w)
            .set(name(5), y)
            .set(name(0), 1.0f)
            .set(name(1), of.accumulate ? 1.0f : 0.0f));
  }

  void pointwise(cudnnPointwiseMode_t mode, const Descriptor& from, const Descriptor* with,
                 const Descriptor& to) {
    const Descriptor& settings = keep(Descriptor(library_, CUDNN_BACKEND_POINTWISE_DESCRIPTOR)
                                          .set(CUDNN_ATTR_POINTWISE_MODE, mode)
                                          .set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT)
                                          .finalize());
    Descriptor operation(library_, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, settings)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, from)
        .set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, to);
    if (with != nullptr) operation.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *with);
    add(operation);
  }

  const CudnnLibrary& library_;
  std::deque<Descriptor> parts_;  // what an operation refers to stays
  std::vector<cudnnBackendDescriptor_t> operations_;
  const Descriptor* descriptor_ = nullptr;
};

// ---- which engine ----
struct Candidate {
  std::shared_ptr<const Graph> graph;  // that the config is of
  Descriptor config;
  EngineFacts facts;
};

// Reads an engine's notes and applies the rules of cudnn.h.
EngineFacts facts_of(const CudnnLibrary& library, const Descriptor& config, const ConvGraph& of) {
  constexpr std::array words{"tensor_core", "down_convert", "reduced_sums", "fft",        "nondeterministic",
                             "winograd",    "winograd4",    "winograd6",    "winograd13", "strict_nan"};
  const Descriptor engine(library, CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  config.get_descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, &raw, 1);
  EngineFacts facts;
  facts.index = engine.get<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1).at(0);
  facts.allowed = true;
  for (const auto note : engine.get<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, 64)) {
    facts.notes += concat(facts.notes.empty() ? "" : " ",
                          static_cast<size_t>(note) < words.size() ? words[note] : "unknown");
    // strict_nan is praise, and FFT was found to round like plain sums.
    if (note != CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP && note != CUDNN_NUMERICAL_NOTE_FFT &&
        !(note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE && (of.tf32 || of.dtype != DType::f32)) &&
        !(note == CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC && of.sums))
      facts.allowed = false;
  }
  // It carries no note, but is up to 2e-3 off in f32 (5x5 filters, H100, cuDNN 9.19): a Winograd transform.
  if (of.kind == ConvKind::filter_gradient && facts.index == 17) facts.allowed = false;
  for (const auto note : engine.get<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, 64))
    if (note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION) {
      facts.notes += " compiled_at_run_time";
      facts.allowed = false;
    }
  return facts;
}

// All engines that cuDNN offers, best first; `device` is null for the card that the handle is bound to.
std::vector<Candidate> candidates(const CudnnLibrary& library, const ConvGraph& of,
                                  const Descriptor* device) {
  std::vector<Candidate> all;
  if (of.moments) return all;
  const auto graph = std::make_shared<const Graph>(library, of);
  if (graph->descriptor() == nullptr) return all;
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK}) {
    Descriptor heuristics(library, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, *graph->descriptor())
        .set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
    if (device != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device);
    if (heuristics.try_finalize() != CUDNN_STATUS_SUCCESS) continue;  // has no engine for this graph
    std::vector<Descriptor> configs;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (int64_t i = heuristics.get_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, nullptr, 0); i > 0; --i)
      raw.push_back(configs.emplace_back(library, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR).raw());
    const int64_t offered = heuristics.get_descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, raw.data(),
                                                       static_cast<int64_t>(raw.size()));
    for (int64_t i = 0; i < offered; ++i) {
      EngineFacts facts = facts_of(library, configs[i], of);
      all.push_back({graph, std::move(configs[i]), std::move(facts)});
    }
  }
  return all;
}

class Engine : public ConvEngine {
 public:
  Engine(const CudnnLibrary& library, const ConvGraph& of, Descriptor plan, int64_t index)
      : library_(library),
        of_(of),
        plan_(std::move(plan)),
        name_(concat("cudnn ", library.version.substr(0, library.version.rfind('.')), " engine ", index)) {}

  static int64_t workspace_of(const Descriptor& plan) {
    return plan.get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, 1).at(0);
  }
  size_t workspace() const override { return static_cast<size_t>(workspace_of(plan_)); }
  const std::string& name() const override { return name_; }

  void run(Stream stream, const ConvPointers& at, void* workspace) override {
    library_.check(library_.set_stream(library_.handle, static_cast<cudaStream_t>(stream.native)),
                   "cudnnSetStream");
    std::array<int64_t, 7> ids{id_x, id_w, id_y};
    std::array<void*, 7> data{at.x, at.w, at.y};
    size_t count = 3;
    const auto bind = [&](bool wanted, int64_t id, void* where) {
      if (!wanted) return;
      ids[count] = id;
      data[count++] = where;
    };
    bind(of_.bias, id_bias, at.bias);
    bind(of_.add, id_add, at.add);
    bind(of_.sums, id_sum, at.sums);
    bind(of_.sums, id_squares, static_cast<float*>(at.sums) + of_.y.c);
    Descriptor pack(library_, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids.data(), count)
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, data.data(), count)
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .finalize();
    library_.check(library_.execute(library_.handle, plan_.raw(), pack.raw()), "cudnnBackendExecute");
  }

 private:
  const CudnnLibrary& library_;
  ConvGraph of_;
  Descriptor plan_;
  std::string name_;
};

}  // namespace

// ---- the class ----
std::unique_ptr<Cudnn> Cudnn::open(std::vector<LibraryPlace>& tried) {
  auto library = std::make_unique<CudnnLibrary>();
  const auto take = [&](void* file, std::string& found) {
    const std::string wrong = library->resolve(file);
    found = wrong.empty() ? "cuDNN " + library->version : wrong;
    return wrong.empty();
  };
  const Library cudnn{.variable = "DLFS_CUDNN", .files = {"libcudnn.so.9"}, .wheels = {"nvidia/cudnn/lib"}};
  if (!open_library(cudnn, take, tried)) return nullptr;
  library->path = file_of(reinterpret_cast<void*>(library->get_version));
  return std::unique_ptr<Cudnn>(new Cudnn(std::move(library)));
}

Cudnn::Cudnn(std::unique_ptr<CudnnLibrary> library) : library_(std::move(library)) {}
Cudnn::~Cudnn() = default;

const std::string& Cudnn::path() const { return library_->path; }
const std::string& Cudnn::version() const { return library_->version; }

void Cudnn::connect() { library_->check(library_->create(&library_->handle), "cudnnCreate"); }

std::vector<EngineOffer> Cudnn::offers(const ConvGraph& of) const {
  std::vector<EngineOffer> all;
  for (Candidate& candidate : candidates(*library_, of, nullptr)) {
    if (!candidate.facts.allowed) continue;
    const int64_t index = candidate.facts.index;
    const auto kept = std::make_shared<const Candidate>(std::move(candidate));
    all.push_back({index, [kept, of, library = library_.get()]() -> std::unique_ptr<ConvEngine> {
                     Descriptor plan(*library, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
                     plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, library->handle)
                         .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, kept->config);
                     if (plan.try_finalize() != CUDNN_STATUS_SUCCESS ||
                         Engine::workspace_of(plan) > most_workspace)
                       return nullptr;
                     return std::make_unique<Engine>(*library, of, std::move(plan), kept->facts.index);
                   }});
  }
  return all;
}

std::vector<EngineFacts> Cudnn::engines_for(const ConvGraph& of, const std::string& device_json) const {
  Descriptor device(*library_, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, device_json.data(), device_json.size());
  device.finalize();
  std::vector<EngineFacts> all;
  for (Candidate& candidate : candidates(*library_, of, &device)) {
    if (!all.emplace_back(std::move(candidate.facts)).allowed) continue;
    Descriptor plan(*library_, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device)
        .set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, candidate.config);
    if ((all.back().finalised = plan.try_finalize() == CUDNN_STATUS_SUCCESS)) break;
  }
  return all;
}

std::string to_string(const ConvGraph& of) {
  constexpr std::array kinds{"forward", "data_gradient", "filter_gradient"};
  const auto flag = [](bool set, const char* word) { return set ? word : ""; };
  return concat(kinds[static_cast<size_t>(of.kind)], " ", of.tf32 ? "tf32" : to_string(of.dtype), " ",
                to_string(of.x), " ", to_string(of.w), " ", to_string(of.y), " stride ", of.stride, " pad ",
                of.pad, " dilation ", of.dilation, " groups ", of.groups, flag(of.bias, " bias"),
                flag(of.add, " add"), flag(of.relu, " relu"), flag(of.sums, " sums"),
                flag(of.moments, " moments"), flag(of.accumulate, " accumulate"));
}

}  // namespace dlfs
