#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "dlfs/base/error.h"
#include "dlfs/data/augment/render.h"
#include "dlfs/data/loader/jpeg_batches.h"
#include "dlfs/data/loader/plain_jpeg.h"
#include "dlfs/gpu/gpu_device.h"
#include "dlfs/gpu/launch.h"
#include "dlfs/gpu/nvjpeg.h"
#include "dlfs/gpu/resample.h"

namespace dlfs {
namespace {

// Memory that grows where it must: of the card, or of the host and pinned.
class Room {
 public:
  explicit Room(bool on_card) : on_card_(on_card) {}
  ~Room() { release(data_); }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;

  // The first `kept` bytes stay (of the host's memory).
  void reserve(size_t size, size_t kept = 0) {
    if (size <= size_) return;
    size += size / 2;
    void* grown = nullptr;
    if (on_card_)
      cuda_check(cudaMalloc(&grown, size), "cudaMalloc");
    else
      cuda_check(cudaMallocHost(&grown, size), "cudaMallocHost");
    if (kept > 0) std::memcpy(grown, data_, kept);
    release(data_);
    data_ = grown;
    size_ = size;
  }
  template <typename T = std::byte>
  T* at(size_t offset = 0) const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(data_) + offset);
  }

 private:
  void release(void* data) const {
    if (data != nullptr) on_card_ ? cudaFree(data) : cudaFreeHost(data);
  }
  bool on_card_;
  void* data_ = nullptr;
  size_t size_ = 0;
};

class Order {  // a stream, and waiting for it without turning
 public:
  Order() {
    cuda_check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
    cuda_check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming | cudaEventBlockingSync),
               "cudaEventCreateWithFlags");
  }
  ~Order() {
    cudaStreamSynchronize(stream_);
    cudaEventDestroy(event_);
    cudaStreamDestroy(stream_);
  }
  Order(const Order&) = delete;
  Order& operator=(const Order&) = delete;

  void wait() const {
    cuda_check(cudaEventRecord(event_, stream_), "cudaEventRecord");
    cuda_check(cudaEventSynchronize(event_), "cudaEventSynchronize");
  }
  void copy(void* to, const void* from, size_t size) const {
    cuda_check(cudaMemcpyAsync(to, from, size, cudaMemcpyHostToDevice, stream_), "cudaMemcpyAsync");
  }
  Stream stream() const { return {stream_}; }

 private:
  cudaStream_t stream_ = nullptr;
  cudaEvent_t event_ = nullptr;
};

// A part of a sample that the card decodes.
struct Job {
  int sample = 0;
  JpegRoute route = JpegRoute::none;
  Stored stored;                   // its pixels are still to be placed:
  size_t pixels = 0;               // where in the room for them,
  size_t file = 0, file_size = 0;  // and its plain file in the room for those
};

class GpuJpegBatches : public JpegBatches {
 public:
  GpuJpegBatches(const GpuDevice& device, std::unique_ptr<NvJpeg> nvjpeg, const Recipe& recipe,
                 const JpegBatchSettings& settings)
      : device_(device), nvjpeg_(std::move(nvjpeg)), recipe_(recipe), settings_(settings) {}

  std::vector<FaultySample> fill(std::span<const EncodedSample> samples, const Tensor& to) override {
    const Shape slot{to.shape().n, recipe_.slot.height, recipe_.slot.width, recipe_.channels};
    DLFS_CHECK(to.spec == (Spec{slot, DType::u8}), to_string(to.spec), " is no batch of ", to_string(slot));
    DLFS_CHECK(static_cast<int>(samples.size()) <= slot.n, samples.size(), " samples for ", to_string(slot));
    device_.use();
    samples_ = samples;
    to_ = to;
    faults_.clear();
    begin_part(0);
    for (int i = 0; i < static_cast<int>(samples.size()); ++i) {
      const size_t before = pixel_bytes_;
      if (plan(i)) continue;
      if (before == 0) {
        on_cpu_.push_back(i);
        continue;
      }
      run_part(i);
      begin_part(i);
      if (!plan(i)) on_cpu_.push_back(i);
    }
    run_part(static_cast<int>(samples.size()));
    return std::move(faults_);
  }

 private:
  // ---- the host's half: who decodes what, and where to ----
  void begin_part(int first) {
    first_ = first;
    jobs_.clear();
    on_cpu_.clear();
    pixel_bytes_ = file_bytes_ = 0;
  }

  // ensures: the sample has its jobs, or is one for the CPU; false, and nothing was done, where the memory is full.
  bool plan(int sample) {
    const size_t jobs = jobs_.size(), pixel_bytes = pixel_bytes_, file_bytes = file_bytes_;
    const auto take_back = [&] {
      jobs_.resize(jobs);
      pixel_bytes_ = pixel_bytes;
      file_bytes_ = file_bytes;
    };
    const EncodedSample& of = samples_[sample];
    DLFS_CHECK(of.images.size() == of.drawn->parts.size(), of.images.size(), " files for ",
               of.drawn->parts.size(), " parts");
    for (size_t i = 0; i < of.images.size(); ++i)
      if (!of.drawn->parts[i].to_source.is_axis_aligned() || !plan(sample, of.images[i])) {
        take_back();
        on_cpu_.push_back(sample);
        return true;
      }
    if (pixel_bytes_ <= settings_.memory) return true;
    take_back();
    return false;
  }

  // One image; false where it is for the CPU.
  bool plan(int sample, const EncodedImage& image) try {
    const ImageHeader header = inspect_image(image.file, image.name, settings_.limits);
    if (header.codec != Codec::jpeg) return false;
    files_.reserve(file_bytes_ + image.file.size(), file_bytes_);
    const size_t file_size = plain_jpeg(image.file, files_.at(file_bytes_));
    if (file_size == 0) return false;
    const JpegRoute route = nvjpeg_->route({files_.at(file_bytes_), file_size});
    if (route == JpegRoute::none) return false;
    const bool turned = header.orientation >= 5;
    Stored stored{.width = turned ? header.size.height : header.size.width,
                  .height = turned ? header.size.width : header.size.height,
                  .channels = recipe_.channels,
                  .orientation = header.orientation};
    stored.pitch = static_cast<int64_t>(aligned(static_cast<size_t>(stored.width) * stored.channels));
    jobs_.push_back({.sample = sample,
                     .route = route,
                     .stored = stored,
                     .pixels = pixel_bytes_,
                     .file = file_bytes_,
                     .file_size = file_size});
    pixel_bytes_ += static_cast<size_t>(stored.pitch) * static_cast<size_t>(stored.height);
    file_bytes_ += aligned(file_size);
    return true;
  } catch (const FileError&) {
    return false;  // the CPU says what is wrong with it
  }

  // ---- the card's half ----
  // Samples from first_ up to `end`; others are left as they are.
  void run_part(int end) {
    pixels_.reserve(pixel_bytes_);
    {
      const auto turn =
          settings_.turn != nullptr ? std::unique_lock(*settings_.turn) : std::unique_lock<std::mutex>();
      for (const JpegRoute route : {JpegRoute::engine, JpegRoute::cuda}) decode(route);
      order_.wait();
    }
    std::sort(on_cpu_.begin(), on_cpu_.end());
    on_cpu_.erase(std::unique(on_cpu_.begin(), on_cpu_.end()), on_cpu_.end());
    draw(end);
    for (const int sample : on_cpu_) render(sample);
    order_.wait();
  }

  void decode(JpegRoute route) {
    targets_.clear();
    for (const Job& job : jobs_)
      if (job.route == route)
        targets_.push_back({.file = {files_.at(job.file), job.file_size},
                            .pixels = pixels_.at<uint8_t>(job.pixels),
                            .pitch = static_cast<size_t>(job.stored.pitch)});
    if (targets_.empty()) return;
    int64_t& count = route == JpegRoute::engine ? counts_.engine : counts_.cuda;
    if (nvjpeg_->decode(route, targets_, order_.stream())) {
      count += std::ssize(targets_);
      return;
    }
    size_t at = 0;  // one of them is no good: each by itself
    for (const Job& job : jobs_) {
      if (job.route != route) continue;
      order_.wait();
      if (nvjpeg_->decode(route, {&targets_[at++], 1}, order_.stream()))
        ++count;
      else
        on_cpu_.push_back(job.sample);
    }
  }

  void draw(int end) {
    table_.assign(static_cast<size_t>(to_.shape().n), {.first = 0, .count = -1});
    parts_.clear();
    for (int i = first_; i < end; ++i) {
      const Size size = samples_[i].drawn->size;
      table_[i] = {.first = 0, .count = 0, .width = size.width, .height = size.height};
    }
    for (const int sample : on_cpu_) table_[sample].count = -1;
    for (const Job& job : jobs_) {
      ResampleSample& sample = table_[job.sample];
      if (sample.count < 0) continue;
      if (sample.count == 0) sample.first = static_cast<int>(parts_.size());
      const Part& part = samples_[job.sample].drawn->parts[sample.count++];
      Stored stored = job.stored;
      stored.pixels = pixels_.at<uint8_t>(job.pixels);
      parts_.push_back({.image = upright(stored),
                        .x = part.where.x,
                        .y = part.where.y,
                        .width = part.where.width,
                        .height = part.where.height,
                        .across = {.step = part.to_source.a, .start = part.to_source.c},
                        .down = {.step = part.to_source.e, .start = part.to_source.f},
                        .weight = part.weight});
    }
    const size_t table_bytes = aligned(table_.size() * sizeof(table_[0])),
                 bytes = table_bytes + parts_.size() * sizeof(ResamplePart);
    tables_here_.reserve(bytes);
    tables_there_.reserve(bytes);
    std::memcpy(tables_here_.at(), table_.data(), table_.size() * sizeof(table_[0]));
    if (!parts_.empty())
      std::memcpy(tables_here_.at(table_bytes), parts_.data(), parts_.size() * sizeof(ResamplePart));
    order_.copy(tables_there_.at(), tables_here_.at(), bytes);
    resample({.samples = tables_there_.at<ResampleSample>(),
              .parts = tables_there_.at<ResamplePart>(table_bytes),
              .fill = recipe_.fill},
             to_, order_.stream());
  }

  // ---- what the card does not take: rendered here, copied beside the card's own work ----
  void render(int sample) {
    const EncodedSample& of = samples_[sample];
    const size_t bytes = static_cast<size_t>(to_.shape().count() / to_.shape().n);
    slot_.reserve(bytes);
    renderer_.begin(recipe_, *of.drawn, {slot_.at<uint8_t>(), bytes});
    try {
      for (size_t i = 0; i < of.images.size(); ++i) {
        const auto& [file, name] = of.images[i];
        const Part& part = of.drawn->parts[i];
        const Size size = inspect_image(file, name, settings_.limits).size;
        decode_image(file, name, request_for(part, size, recipe_.channels == 3 ? 4 : 1), decoded_,
                     settings_.limits);
        renderer_.show(part, decoded_);
        ++counts_.cpu;
      }
    } catch (const FileError& error) {
      faults_.push_back({sample, error.what()});
      renderer_.begin(recipe_, *of.drawn, {slot_.at<uint8_t>(), bytes});
    }
    copies_.copy(to_.as<uint8_t>() + sample * bytes, slot_.at(), bytes);
    copies_.wait();
  }

  const GpuDevice& device_;
  std::unique_ptr<NvJpeg> nvjpeg_;
  Recipe recipe_;
  JpegBatchSettings settings_;
  Room files_{false}, pixels_{true}, tables_here_{false}, tables_there_{true}, slot_{false};
  Order order_, copies_;  // go before what their work uses
  Renderer renderer_;
  Decoded decoded_;

  // of the batch at hand
  std::span<const EncodedSample> samples_;
  Tensor to_;
  std::vector<FaultySample> faults_;
  int first_ = 0;
  std::vector<Job> jobs_;  // the parts of a sample follow each other
  std::vector<int> on_cpu_;
  size_t pixel_bytes_ = 0, file_bytes_ = 0;
  std::vector<JpegTarget> targets_;
  std::vector<ResampleSample> table_;
  std::vector<ResamplePart> parts_;
};

}  // namespace

std::unique_ptr<JpegBatches> open_jpeg_batches_gpu(const Device& device, const Recipe& recipe,
                                                   const JpegBatchSettings& settings, std::string& why_not) {
  std::vector<LibraryPlace> tried;
  std::unique_ptr<NvJpeg> nvjpeg = NvJpeg::open(tried);
  if (nvjpeg == nullptr) {
    why_not = concat("nvJPEG is in none of ", tried.size(),
                     " places; install it (pip install nvidia-nvjpeg), or set DLFS_NVJPEG to its "
                     "libnvjpeg.so.13 (dlfs doctor lists the places)");
    return nullptr;
  }
  const auto& gpu_device = static_cast<const GpuDevice&>(device);
  gpu_device.use();
  if (!nvjpeg->connect(recipe.channels)) {
    why_not = concat("nvJPEG ", nvjpeg->version(), " does not work on ", device.name());
    return nullptr;
  }
  return std::make_unique<GpuJpegBatches>(gpu_device, std::move(nvjpeg), recipe, settings);
}

}  // namespace dlfs
