#include "dlfs/gpu/nvjpeg.h"

#if DLFS_NVJPEG
#include <dlfcn.h>
#include <nvjpeg.h>

#include <array>
#include <type_traits>
#include <utility>
#endif

#include "dlfs/base/error.h"

namespace dlfs {

#if DLFS_NVJPEG

// ---- the library's entry points that we use ----
struct NvJpegEntries {
  decltype(&nvjpegGetProperty) get_property = nullptr;
  decltype(&nvjpegCreateEx) create = nullptr;
  decltype(&nvjpegDestroy) destroy = nullptr;
  decltype(&nvjpegGetHardwareDecoderInfo) engine_info = nullptr;
  decltype(&nvjpegJpegStateCreate) create_state = nullptr;
  decltype(&nvjpegJpegStateDestroy) destroy_state = nullptr;
  decltype(&nvjpegJpegStreamCreate) create_parse = nullptr;
  decltype(&nvjpegJpegStreamDestroy) destroy_parse = nullptr;
  decltype(&nvjpegJpegStreamParseHeader) parse_header = nullptr;
  decltype(&nvjpegDecodeParamsCreate) create_params = nullptr;
  decltype(&nvjpegDecodeParamsDestroy) destroy_params = nullptr;
  decltype(&nvjpegDecodeParamsSetOutputFormat) set_format = nullptr;
  decltype(&nvjpegDecodeBatchedSupportedEx) supported = nullptr;
  decltype(&nvjpegDecodeBatchedInitialize) initialize = nullptr;
  decltype(&nvjpegDecodeBatchedPreAllocate) preallocate = nullptr;
  decltype(&nvjpegDecodeBatched) decode = nullptr;

  // ensures: true and every entry point is set, or what is wrong with the file.
  bool resolve(void* file, std::string& found, std::string& version) {
    std::string missing;
    const auto find = [&](auto& entry, const char* name) {
      entry = reinterpret_cast<std::remove_reference_t<decltype(entry)>>(dlsym(file, name));
      if (entry == nullptr) missing = name;
    };
    find(get_property, "nvjpegGetProperty");
    find(create, "nvjpegCreateEx");
    find(destroy, "nvjpegDestroy");
    find(engine_info, "nvjpegGetHardwareDecoderInfo");
    find(create_state, "nvjpegJpegStateCreate");
    find(destroy_state, "nvjpegJpegStateDestroy");
    find(create_parse, "nvjpegJpegStreamCreate");
    find(destroy_parse, "nvjpegJpegStreamDestroy");
    find(parse_header, "nvjpegJpegStreamParseHeader");
    find(create_params, "nvjpegDecodeParamsCreate");
    find(destroy_params, "nvjpegDecodeParamsDestroy");
    find(set_format, "nvjpegDecodeParamsSetOutputFormat");
    find(supported, "nvjpegDecodeBatchedSupportedEx");
    find(initialize, "nvjpegDecodeBatchedInitialize");
    find(preallocate, "nvjpegDecodeBatchedPreAllocate");
    find(decode, "nvjpegDecodeBatched");
    std::array<int, 3> number{};
    if (missing.empty())
      for (const auto type : {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL})
        get_property(type, &number.at(type));
    version = concat(number[0], ".", number[1], ".", number[2]);
    found = missing.empty() ? "nvJPEG " + version : "no nvJPEG that we know: it has no " + missing;
    return missing.empty() && (number[0] == 12 || number[0] == 13);
  }
};

static void check(nvjpegStatus_t status, const char* call) {
  if (status != NVJPEG_STATUS_SUCCESS)
    throw DeviceError("gpu", concat(call, " failed with ", static_cast<int>(status)));
}

// ---- one way to decode: the engines, or CUDA ----
class NvJpegBackend {
 public:
  // `handle` is null where the card has no such thing.
  NvJpegBackend(const NvJpegEntries& entries, nvjpegBackend_t kind, nvjpegOutputFormat_t format)
      : entries_(entries), format_(format) {
    if (entries.create(kind, nullptr, nullptr, NVJPEG_FLAGS_DEFAULT, &handle_) != NVJPEG_STATUS_SUCCESS) {
      handle_ = nullptr;
      return;
    }
    check(entries.create_state(handle_, &state_), "nvjpegJpegStateCreate");
    check(entries.create_parse(handle_, &parse_), "nvjpegJpegStreamCreate");
    check(entries.create_params(handle_, &params_), "nvjpegDecodeParamsCreate");
    check(entries.set_format(params_, format), "nvjpegDecodeParamsSetOutputFormat");
    // Of any size: from then on the engines' memory comes from a pool. Others may not know it.
    if (kind == NVJPEG_BACKEND_HARDWARE)
      entries.preallocate(handle_, state_, 1, 1, 1, NVJPEG_CSS_444, format);
  }
  ~NvJpegBackend() {
    if (params_ != nullptr) entries_.destroy_params(params_);
    if (parse_ != nullptr) entries_.destroy_parse(parse_);
    if (state_ != nullptr) entries_.destroy_state(state_);
    if (handle_ != nullptr) entries_.destroy(handle_);
  }
  NvJpegBackend(const NvJpegBackend&) = delete;
  NvJpegBackend& operator=(const NvJpegBackend&) = delete;

  nvjpegHandle_t handle() const { return handle_; }

  bool takes(std::span<const std::byte> file) const {
    int refused = 1;
    return handle_ != nullptr &&
           entries_.parse_header(handle_, bytes_of(file), file.size(), parse_) == NVJPEG_STATUS_SUCCESS &&
           entries_.supported(handle_, parse_, params_, &refused) == NVJPEG_STATUS_SUCCESS && refused == 0;
  }

  bool decode(std::span<const JpegTarget> targets, cudaStream_t stream) {
    const auto count = static_cast<int>(targets.size());
    files_.clear();
    lengths_.clear();
    images_.clear();
    for (const JpegTarget& target : targets) {
      files_.push_back(bytes_of(target.file));
      lengths_.push_back(target.file.size());
      nvjpegImage_t& image = images_.emplace_back();
      image = {};
      image.channel[0] = target.pixels;
      image.pitch[0] = target.pitch;
    }
    if (count != prepared_for_)
      check(entries_.initialize(handle_, state_, count, host_threads, format_),
            "nvjpegDecodeBatchedInitialize");
    prepared_for_ = count;
    const bool done = entries_.decode(handle_, state_, files_.data(), lengths_.data(), images_.data(),
                                      stream) == NVJPEG_STATUS_SUCCESS;
    if (!done) prepared_for_ = 0;  // a batch that failed is begun anew
    return done;
  }

 private:
  static constexpr int host_threads = 4;  // for what CUDA leaves to the processor
  static const unsigned char* bytes_of(std::span<const std::byte> file) {
    return reinterpret_cast<const unsigned char*>(file.data());
  }

  const NvJpegEntries& entries_;
  nvjpegOutputFormat_t format_;
  nvjpegHandle_t handle_ = nullptr;
  nvjpegJpegState_t state_ = nullptr;
  nvjpegJpegStream_t parse_ = nullptr;
  nvjpegDecodeParams_t params_ = nullptr;
  int prepared_for_ = 0;  // images
  std::vector<const unsigned char*> files_;
  std::vector<size_t> lengths_;
  std::vector<nvjpegImage_t> images_;
};

struct NvJpegLibrary {
  NvJpegEntries entries;
  std::string path, version;
  std::unique_ptr<NvJpegBackend> engine, cuda;
};

// ---- the class ----
std::unique_ptr<NvJpeg> NvJpeg::open(std::vector<LibraryPlace>& tried) {
  auto library = std::make_unique<NvJpegLibrary>();
  const auto take = [&](void* file, std::string& found) {
    return library->entries.resolve(file, found, library->version);
  };
  const Library nvjpeg{.variable = "DLFS_NVJPEG",
                       .files = {"libnvjpeg.so.13", "libnvjpeg.so.12"},
                       .wheels = {"nvidia/cu13/lib", "nvidia/nvjpeg/lib", "torchvision.libs"}};
  if (!open_library(nvjpeg, take, tried)) return nullptr;
  library->path = file_of(reinterpret_cast<void*>(library->entries.get_property));
  return std::unique_ptr<NvJpeg>(new NvJpeg(std::move(library)));
}

bool NvJpeg::connect(int channels) {
  DLFS_CHECK(channels == 1 || channels == 3, channels);
  const nvjpegOutputFormat_t format = channels == 3 ? NVJPEG_OUTPUT_RGBI : NVJPEG_OUTPUT_Y;
  library_->engine = std::make_unique<NvJpegBackend>(library_->entries, NVJPEG_BACKEND_HARDWARE, format);
  library_->cuda = std::make_unique<NvJpegBackend>(library_->entries, NVJPEG_BACKEND_GPU_HYBRID, format);
  return library_->engine->handle() != nullptr || library_->cuda->handle() != nullptr;
}

std::string NvJpeg::engines() const {
  unsigned count = 0, cores = 0;
  const nvjpegHandle_t handle = library_->engine->handle();
  if (handle == nullptr || library_->entries.engine_info(handle, &count, &cores) != NVJPEG_STATUS_SUCCESS ||
      count == 0)
    return "none";
  return concat(count, count == 1 ? " engine of " : " engines of ", cores, cores == 1 ? " core" : " cores");
}

JpegRoute NvJpeg::route(std::span<const std::byte> file) const {
  if (library_->engine->takes(file)) return JpegRoute::engine;
  return library_->cuda->takes(file) ? JpegRoute::cuda : JpegRoute::none;
}

bool NvJpeg::decode(JpegRoute by, std::span<const JpegTarget> targets, Stream stream) {
  NvJpegBackend& backend = by == JpegRoute::engine ? *library_->engine : *library_->cuda;
  return backend.decode(targets, static_cast<cudaStream_t>(stream.native));
}

#else

struct NvJpegLibrary {
  std::string path, version;
};

std::unique_ptr<NvJpeg> NvJpeg::open(std::vector<LibraryPlace>& tried) {
  tried.push_back({"this build", "was made without nvjpeg.h, which ./dev setup brings"});
  return nullptr;
}

bool NvJpeg::connect(int) { return false; }
std::string NvJpeg::engines() const { return "none"; }
JpegRoute NvJpeg::route(std::span<const std::byte>) const { return JpegRoute::none; }
bool NvJpeg::decode(JpegRoute, std::span<const JpegTarget>, Stream) { return false; }

#endif

NvJpeg::NvJpeg(std::unique_ptr<NvJpegLibrary> library) : library_(std::move(library)) {}
NvJpeg::~NvJpeg() = default;

const std::string& NvJpeg::path() const { return library_->path; }
const std::string& NvJpeg::version() const { return library_->version; }

}  // namespace dlfs
