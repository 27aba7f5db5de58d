// Batches of samples, made ahead by threads: decode, augment, lay into place. The stream of samples is a function of (seed,
// epoch, position): neither the number of threads nor a stop and a resume in between changes a pixel. An image that cannot
// be read is skipped, counted and named; training takes another in its place, chosen by the sample's key. The memory
// ahead is bounded: `ahead` batches beside the two that its user may hold. next() and seek() are for one thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dlfs/data/loader/sample.h"
#include "dlfs/data/loader/sampling.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

struct LoaderSettings {
  Recipe recipe;
  Sampling sampling = {};
  int batch = 64;
  int threads = 1;         // 0: the caller's own does the work
  int ahead = 2;           // batches that are made before they are asked for
  int boxes = 0;           // room for so many an image; crowds, and what does not fit, are left out
  bool on_device = false;  // files are decoded by the device, where it can; a thread then makes a whole batch
  // Whole batches only, and what cannot be read is replaced; else each image once, such a one as unread_label.
  bool training = true;
};

inline constexpr int32_t unread_label = -2;

struct LoaderPosition {
  int64_t epoch = 1, sample = 0;  // of the next batch
  bool operator==(const LoaderPosition&) const = default;
};

// Tensors to be uploaded by Device::upload_held(): of the host, but the pixels are on the device if they were made there.
struct LoadedBatch {
  LoaderPosition position;
  int count = 0;      // samples; behind them, in the last batch of an evaluation, nothing has a meaning
  Tensor pixels;      // u8 [n,h,w,c]
  Tensor looks;       // f32 [n,1,1,20], for `prepare`
  Tensor labels;      // i32 [n,1,1,1]; -1 for none, -2 of an image that could not be read
  Tensor boxes;       // f32 [n,1,boxes,4], x, y, width, height
  Tensor box_labels;  // i32 [n,1,1,boxes]; -1 where there is none
  std::vector<uint32_t> images;  // of the source
};

struct LoaderMeters {
  int64_t samples = 0, skipped = 0;
  double decode_seconds = 0, transform_seconds = 0;  // of all threads together
  double wait_seconds = 0;                           // of the caller, for a batch that was not ready
};

struct SkippedImage {
  std::string name, why;
};

class Loader {
 public:
  // `device` gives the memory that uploads are read from, and outlives the loader. Throws UsageError where recipe,
  // sampling and source do not go together.
  Loader(std::shared_ptr<const Source> source, const LoaderSettings& settings, Device& device);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  int64_t batches_per_epoch() const;

  // The next batch, in order. It stays as it is until the second call from now; by then what was enqueued on the device's
  // stream to read it must have been enqueued. Throws what a thread could not do in three attempts.
  const LoadedBatch& next();

  LoaderPosition position() const { return position_; }  // of the batch that next() will give
  void seek(const LoaderPosition& position);             // what was made ahead is dropped

  LoaderMeters meters() const;
  std::vector<SkippedImage> skipped() const;  // each image once

 private:
  struct Slot;
  struct Ticket;
  struct Worker;

  void wait_for_uploads();
  void start_threads();
  void stop_threads();
  bool start_batch();  // gives out the tickets of one more batch, if there is a free slot
  bool take(Ticket& ticket);
  void work(Worker& worker);
  void make(const Ticket& ticket, Worker& worker);
  SampleMaker::Seconds make_samples(const Ticket& ticket, Worker& worker);
  void make_on_device(Slot& slot, EncodedBatch& encoded);
  template <typename Make>
  void make_place(Slot& slot, int index, bool take_another, const Make& make);
  void skip(uint32_t image, const std::string& why);

  std::shared_ptr<const Source> source_;
  LoaderSettings settings_;
  Device& device_;
  int64_t epoch_length_ = 0;
  LoaderPosition position_;

  mutable std::mutex mutex_;
  std::condition_variable more_, ready_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::deque<Ticket> tickets_;  // of batches that were started, in order
  LoaderPosition started_;      // of the batch that is started next
  std::shared_ptr<const std::vector<uint32_t>> order_;
  int64_t order_epoch_ = 0;
  int64_t batches_started_ = 0, batches_given_ = 0, batches_released_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<SkippedImage> skipped_;
  std::vector<bool> is_skipped_;  // by image
  LoaderMeters meters_;

  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Worker>> workers_;  // one a thread, or the caller's own
};

}  // namespace dlfs
