#include "dlfs/data/loader/loader.h"

#include <algorithm>
#include <cstring>

#include "dlfs/base/clock.h"
#include "dlfs/base/error.h"
#include "dlfs/base/random.h"

namespace dlfs {
namespace {

constexpr int held_batches =
    2;  // in the hands of the caller: one is read while the other's uploads are on their way
constexpr int attempts = 3;       // at a sample that ends in anything but a FileError
constexpr int replacements = 16;  // of images that cannot be read, before the data is given up

// The tensors of one batch, one after another in one piece of memory.
class Layout {
 public:
  explicit Layout(std::byte* base) : base_(base) {}
  Tensor place(const Spec& spec) {
    const Tensor tensor{spec, base_ == nullptr ? nullptr : base_ + end_};
    end_ += aligned(bytes(spec));
    return spec.shape.count() > 0 ? tensor : Tensor{};
  }
  size_t size() const { return end_; }

 private:
  std::byte* base_;
  size_t end_ = 0;
};

size_t lay_out(LoadedBatch& batch, const LoaderSettings& s, std::byte* base) {
  Layout layout(base);
  const Size slot = s.recipe.slot;
  batch.pixels = layout.place({{s.batch, slot.height, slot.width, s.recipe.channels}, DType::u8});
  batch.looks = layout.place({{s.batch, 1, 1, sizeof(Look) / sizeof(float)}, DType::f32});
  batch.labels = layout.place({{s.batch, 1, 1, 1}, DType::i32});
  batch.boxes = layout.place({{s.batch, 1, s.boxes, 4}, DType::f32});
  batch.box_labels = layout.place({{s.batch, 1, 1, s.boxes}, DType::i32});
  return layout.size();
}

void write_boxes(const Drawn& drawn, int index, const LoadedBatch& batch) {
  if (!batch.boxes) return;
  const int room = batch.boxes.shape().w;
  auto* to = batch.boxes.as<BoundingBox>() + static_cast<ptrdiff_t>(index) * room;
  int32_t* labels = batch.box_labels.as<int32_t>() + static_cast<ptrdiff_t>(index) * room;
  int count = 0;
  for (const SnapshotBox& one : drawn.boxes)
    if (!one.crowd && count < room) {
      to[count] = one.box;
      labels[count++] = one.label;
    }
  std::fill(to + count, to + room, BoundingBox{});
  std::fill(labels + count, labels + room, -1);
}

}  // namespace

struct Loader::Slot {
  MemoryPtr memory, on_device;
  LoadedBatch batch;
  std::vector<uint32_t> wanted;  // by the order of the epoch
  int missing = 0;               // samples that are not there yet
  std::unique_ptr<Fence> fence;
};

struct Loader::Ticket {
  Slot* slot = nullptr;
  int first = 0, count = 0;  // samples of the batch
  int tries = 0;
};

struct Loader::Worker {
  SampleMaker maker;
  std::unique_ptr<EncodedBatch> encoded;  // where the device decodes
};

Loader::Loader(std::shared_ptr<const Source> source, const LoaderSettings& settings, Device& device)
    : source_(std::move(source)), settings_(settings), device_(device), is_skipped_(source_->count()) {
  refuse_nonsense(settings.recipe);
  DLFS_CHECK(settings.batch >= 1 && settings.threads >= 0 && settings.ahead >= 1 && settings.boxes >= 0,
             "a batch of ", settings.batch, ", ", settings.threads, " threads, ", settings.ahead, " ahead, ",
             settings.boxes, " boxes");
  order_epoch_ = position_.epoch;
  order_ =
      std::make_shared<const std::vector<uint32_t>>(epoch_images(settings.sampling, *source_, order_epoch_));
  epoch_length_ = static_cast<int64_t>(order_->size());
  if (batches_per_epoch() < 1)
    throw UsageError("data", concat("a batch of ", settings.batch, " is more than the ", epoch_length_,
                                    " images that there are; take a smaller one"));
  for (int i = 0; i < settings.ahead + held_batches; ++i) {
    auto slot = std::make_unique<Slot>();
    slot->memory = device.allocate_host(lay_out(slot->batch, settings, nullptr));
    std::memset(slot->memory->data(), 0, slot->memory->size());
    lay_out(slot->batch, settings, static_cast<std::byte*>(slot->memory->data()));
    slot->batch.images.resize(settings.batch);
    if (settings.on_device) {
      slot->on_device = device.allocate(bytes(slot->batch.pixels.spec));
      slot->batch.pixels.data = slot->on_device->data();
    }
    slot->fence = device.fence();
    slots_.push_back(std::move(slot));
  }
  constexpr size_t room = size_t{2} << 30;  // for decoded images, of all threads together
  const auto turn = std::make_shared<std::mutex>();
  for (int i = 0; i < std::max(settings.threads, 1); ++i) {
    workers_.push_back(std::make_unique<Worker>());
    if (!settings.on_device) continue;
    std::string why_not;
    auto jpeg = open_jpeg_batches(device, settings.recipe,
                                  {.memory = room / std::max(settings.threads, 1), .turn = turn}, why_not);
    if (jpeg == nullptr) throw DeviceError("data", "images cannot be decoded on the device: " + why_not);
    workers_[i]->encoded = std::make_unique<EncodedBatch>(std::move(jpeg), settings.batch);
  }
  start_threads();
}

Loader::~Loader() {
  stop_threads();
  wait_for_uploads();
}

int64_t Loader::batches_per_epoch() const {
  return settings_.training ? epoch_length_ / settings_.batch
                            : (epoch_length_ + settings_.batch - 1) / settings_.batch;
}

// ---- the caller's side ----

const LoadedBatch& Loader::next() {
  if (batches_given_ > 0) slots_[(batches_given_ - 1) % slots_.size()]->fence->set(device_.stream());
  if (batches_given_ - batches_released_ == held_batches) {
    slots_[batches_released_ % slots_.size()]->fence->wait();
    const std::scoped_lock lock(mutex_);
    ++batches_released_;
    more_.notify_all();
  }
  const Stopwatch waiting;  // the device was waited for above, images are from here on
  Slot& slot = *slots_[batches_given_ % slots_.size()];
  const auto is_ready = [&] { return failure_ || (batches_started_ > batches_given_ && slot.missing == 0); };
  std::unique_lock lock(mutex_);
  if (settings_.threads == 0)
    while (!is_ready()) {
      Ticket ticket;
      DLFS_CHECK(take(ticket), "no slot is free, and none is ready");
      lock.unlock();
      make(ticket, *workers_[0]);
      lock.lock();
    }
  else
    ready_.wait(lock, is_ready);
  if (failure_) std::rethrow_exception(failure_);
  ++batches_given_;
  meters_.wait_seconds += settings_.threads == 0 ? 0 : waiting.seconds();
  position_ = slot.batch.position;
  position_.sample += slot.batch.count;
  if (epoch_length_ - position_.sample < (settings_.training ? settings_.batch : 1))
    position_ = {.epoch = position_.epoch + 1, .sample = 0};
  return slot.batch;
}

void Loader::wait_for_uploads() {
  for (const auto& slot : slots_) slot->fence->set(device_.stream());
  for (const auto& slot : slots_) slot->fence->wait();
}

void Loader::seek(const LoaderPosition& position) {
  DLFS_CHECK(position.epoch >= 1 && position.sample >= 0 && position.sample < epoch_length_, "epoch ",
             position.epoch, ", sample ", position.sample, " of ", epoch_length_);
  stop_threads();
  wait_for_uploads();
  tickets_.clear();
  batches_started_ = batches_given_ = batches_released_ = 0;
  position_ = started_ = position;
  failure_ = nullptr;
  start_threads();
}

LoaderMeters Loader::meters() const {
  const std::scoped_lock lock(mutex_);
  LoaderMeters meters = meters_;
  meters.skipped = static_cast<int64_t>(skipped_.size());
  return meters;
}

std::vector<SkippedImage> Loader::skipped() const {
  const std::scoped_lock lock(mutex_);
  return skipped_;
}

// ---- the threads' side; requires mutex_: start_batch, take ----

void Loader::start_threads() try {
  stopping_ = false;
  for (int i = 0; i < settings_.threads; ++i) threads_.emplace_back([this, i] { work(*workers_[i]); });
} catch (...) {  // the system has no more: those that run must not outlive us
  stop_threads();
  throw;
}

void Loader::stop_threads() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    more_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

bool Loader::start_batch() {
  if (batches_started_ - batches_released_ >= static_cast<int64_t>(slots_.size())) return false;
  if (started_.epoch != order_epoch_) {
    order_ = std::make_shared<const std::vector<uint32_t>>(
        epoch_images(settings_.sampling, *source_, started_.epoch));
    order_epoch_ = started_.epoch;
  }
  Slot& slot = *slots_[batches_started_++ % slots_.size()];
  const int64_t left = epoch_length_ - started_.sample;
  const int count = static_cast<int>(std::min<int64_t>(settings_.batch, left));
  slot.batch.position = started_;
  slot.batch.count = slot.missing = count;
  slot.wanted.assign(order_->begin() + started_.sample, order_->begin() + started_.sample + count);
  // A few for each thread: enough that none waits long for another, so few that the queue costs nothing.
  const int share =
      settings_.on_device ? count : std::clamp(count / (4 * std::max(settings_.threads, 1)), 1, 64);
  for (int first = 0; first < count; first += share)
    tickets_.push_back({.slot = &slot, .first = first, .count = std::min(share, count - first)});
  started_.sample += count;
  if (epoch_length_ - started_.sample < (settings_.training ? settings_.batch : 1))
    started_ = {.epoch = started_.epoch + 1, .sample = 0};
  return true;
}

bool Loader::take(Ticket& ticket) {
  if (tickets_.empty() && !start_batch()) return false;
  ticket = tickets_.front();
  tickets_.pop_front();
  return true;
}

void Loader::work(Worker& worker) {
  for (;;) {
    Ticket ticket;
    {
      std::unique_lock lock(mutex_);
      try {
        more_.wait(lock, [&] { return stopping_ || failure_ || take(ticket); });
      } catch (...) {  // an epoch's order could not be made
        failure_ = std::current_exception();
        more_.notify_all();
        ready_.notify_one();
      }
      if (stopping_ || failure_) return;
    }
    make(ticket, worker);
  }
}

// Samples are made, or their ticket goes back into the queue: whatever a thread meets, no place of a batch is lost.
void Loader::make(const Ticket& ticket, Worker& worker) try {
  const SampleMaker::Seconds seconds = make_samples(ticket, worker);
  const std::scoped_lock lock(mutex_);
  meters_.samples += ticket.count;
  meters_.decode_seconds += seconds.decode;
  meters_.transform_seconds += seconds.transform;
  if ((ticket.slot->missing -= ticket.count) == 0) ready_.notify_one();
} catch (...) {
  const std::scoped_lock lock(mutex_);
  if (ticket.tries + 1 < attempts) {
    tickets_.push_front(ticket);
    ++tickets_.front().tries;
    more_.notify_one();
  } else {
    failure_ = std::current_exception();
    more_.notify_all();
    ready_.notify_one();
  }
}

SampleMaker::Seconds Loader::make_samples(const Ticket& ticket, Worker& worker) {
  Slot& slot = *ticket.slot;
  if (worker.encoded != nullptr) {
    const Stopwatch watch;
    make_on_device(slot, *worker.encoded);
    return {.decode = watch.seconds(), .transform = 0};
  }
  const size_t size = bytes(slot.batch.pixels.spec) / settings_.batch;
  for (int i = ticket.first; i < ticket.first + ticket.count; ++i) {
    const std::span<uint8_t> place(slot.batch.pixels.as<uint8_t>() + i * size, size);
    make_place(slot, i, false, [&](uint32_t image, uint64_t key) {
      return worker.maker.make(*source_, settings_.recipe, image, key, place);
    });
  }
  return worker.maker.take_seconds();
}

void Loader::make_on_device(Slot& slot, EncodedBatch& encoded) {
  const Tensor& all = slot.batch.pixels;
  for (int i = 0; i < slot.batch.count; ++i)
    make_place(slot, i, false, [&](uint32_t image, uint64_t key) {
      return encoded.prepare(i, *source_, settings_.recipe, image, key);
    });
  for (const FaultySample& fault : encoded.fill(slot.batch.count, all)) {
    const int i = fault.sample;
    Tensor place = all;
    place.spec.shape.n = 1;
    place.data = all.as<uint8_t>() + i * bytes(place.spec);
    skip(slot.batch.images[i], fault.why);
    make_place(slot, i, true, [&](uint32_t image, uint64_t key) {
      Drawn drawn = encoded.prepare(i, *source_, settings_.recipe, image, key);
      for (const FaultySample& again : encoded.fill_one(i, place))
        throw UnreadableImage(image, FileError("data", again.why));
      return drawn;
    });
  }
}

// The sample of one place, from the image that the epoch's order wants or, where that cannot be read and in training,
// from another. make(image, key) makes its pixels.
template <typename Make>
void Loader::make_place(Slot& slot, int index, bool take_another, const Make& make) {
  LoadedBatch& batch = slot.batch;
  const auto try_image = [&](uint32_t image, uint64_t key) {
    try {
      const Drawn drawn = make(image, key);
      batch.looks.as<Look>()[index] = drawn.look;
      batch.labels.as<int32_t>()[index] = drawn.label;
      batch.images[index] = image;
      write_boxes(drawn, index, batch);
      return true;
    } catch (const UnreadableImage& error) {
      skip(error.image(), error.what());
      return false;
    }
  };
  const LoaderPosition at = batch.position;
  const uint64_t key = sample_key(settings_.sampling.seed, at.epoch, at.sample + index);
  bool made = !take_another && try_image(slot.wanted[index], key);
  const Random others(combine(key, key_of("replacement")));
  for (int i = 0; !made && settings_.training; ++i) {
    if (i == replacements)
      throw Error("data", concat(replacements + 1,
                                 " images in a row cannot be read; the last: ", skipped().back().why));
    made = try_image(others.below(i, source_->count()), combine(key, i));
  }
  if (made) return;
  batch.looks.as<Look>()[index] = {};
  batch.labels.as<int32_t>()[index] = unread_label;
  batch.images[index] = slot.wanted[index];
  write_boxes({}, index, batch);
}

void Loader::skip(uint32_t image, const std::string& why) {
  const std::scoped_lock lock(mutex_);
  if (is_skipped_[image]) return;
  is_skipped_[image] = true;
  skipped_.push_back({source_->name(image), why});
}

}  // namespace dlfs
