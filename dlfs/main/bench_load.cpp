// `dlfs bench load`: how fast a store's images become batches on the device, and what limits that.
#include <algorithm>

#include "dlfs/base/clock.h"
#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/data/loader/loader.h"
#include "dlfs/main/progress.h"
#include "dlfs/main/verbs.h"
#include "dlfs/train/start.h"

namespace dlfs {
namespace {

constexpr double round_seconds = 1;
constexpr int rounds = 5;

// A square is cut out by chance, as classifiers are trained; anything else is filled as far as an image goes, as detectors are.
Recipe recipe_for(Size size) {
  Recipe recipe{.transforms = {}, .slot = size};
  if (size.width == size.height)
    recipe.transforms.emplace_back(RandomResizedCrop{.to = size});
  else
    recipe.transforms.emplace_back(Letterbox{size});
  recipe.transforms.emplace_back(RandomFlip{});
  return recipe;
}

struct Measured {
  double images_per_second = 0;      // the median of the rounds
  double wait_share = 0;             // of the time, in which the device's side waited for images
  double decode = 0, transform = 0;  // seconds of a thread an image
  int64_t images = 0, skipped = 0;
};

Measured measure(Loader& loader, Device& device, Plan& plan) {
  const auto run = [&] {
    const LoadedBatch& batch = loader.next();
    upload_images(device, plan, batch);
    plan.run(device.stream());
    return batch.count;
  };
  run();
  device.synchronize(device.stream());
  const LoaderMeters before = loader.meters();
  std::vector<double> rates;
  double seconds = 0;
  Measured measured;
  for (int round = 0; round < rounds; ++round) {
    const Stopwatch watch;
    double took = 0;
    int64_t images = 0;
    while (took < round_seconds) {
      images += run();
      device.synchronize(device.stream());
      took = watch.seconds();
    }
    rates.push_back(static_cast<double>(images) / took);
    seconds += took;
    measured.images += images;
  }
  std::sort(rates.begin(), rates.end());
  const LoaderMeters after = loader.meters();
  const auto samples = static_cast<double>(after.samples - before.samples);
  measured.images_per_second = rates[rounds / 2];
  measured.wait_share = (after.wait_seconds - before.wait_seconds) / seconds;
  measured.decode = (after.decode_seconds - before.decode_seconds) / samples;
  measured.transform = (after.transform_seconds - before.transform_seconds) / samples;
  measured.skipped = after.skipped;
  return measured;
}

std::string what_limits(const Measured& measured, bool on_device) {
  if (measured.wait_share < 0.1) return "the device: it hardly waits for images";
  if (on_device) return "the card's decoders, or where more --threads still help, reading files for them";
  return measured.decode > measured.transform ? "decode: more --threads would help, on more cores"
                                              : "transform: more --threads would help, on more cores";
}

Split split_with_images(const Snapshot& snapshot) {
  for (size_t i = 0; i < snapshot.size(); ++i)
    if (snapshot.split(i) == Split::train) return Split::train;
  return snapshot.size() > 0 ? snapshot.split(0) : Split::train;
}

}  // namespace

void run_bench_load(const BenchCommand& command, Device& device, std::ostream& out) {
  const auto snapshot = std::make_shared<const Snapshot>(Store(command.name, StoreUse::read));
  const auto source =
      std::make_shared<const StoreSource>(snapshot, split_with_images(*snapshot), Purpose::detect);
  const Recipe recipe = recipe_for(command.size.value_or(Size{224, 224}));
  const int batch = std::min<int>(command.batch, static_cast<int>(source->count()));
  const int threads = command.threads > 0        ? command.threads
                      : command.decode_on_device ? 4
                                                 : usual_threads(device);
  Loader loader(source,
                {.recipe = recipe, .batch = batch, .threads = threads, .on_device = command.decode_on_device},
                device);
  State state(0);
  Trace trace(state, {.mode = Mode::infer});
  const Model shape{
      .name = "images", .input = {1, recipe.slot.height, recipe.slot.width, 3}, .build = nullptr};
  trace.output("images", loaded_images(trace, shape, batch, imagenet_statistics()));
  Plan plan(std::move(trace));
  plan.compile(device);

  const Measured measured = measure(loader, device, plan);
  const std::string size = concat(recipe.slot.width, "x", recipe.slot.height);
  if (!command.table && terminal_columns() == nullptr) {
    out << JsonWriter()
               .object()
               .field("bench", "load")
               .field("device", device.name())
               .field("size", size)
               .field("batch", batch)
               .field("threads", threads)
               .field("decode", command.decode_on_device ? "gpu" : "cpu")
               .field("images", measured.images)
               .field("skipped", measured.skipped)
               .field("images_per_second", measured.images_per_second)
               .field("decode_ms", 1e3 * measured.decode)
               .field("transform_ms", 1e3 * measured.transform)
               .field("wait_share", measured.wait_share)
               .field("limit", what_limits(measured, command.decode_on_device))
               .close()
               .text()
        << "\n";
    return;
  }
  out << columns(
             {{"images/s", with_separators(static_cast<int64_t>(measured.images_per_second)),
               concat("batches of ", batch, " at ", size, " on ", device.name())},
              {"decode", fixed(1e3 * measured.decode, 2), concat("ms an image, in ", threads, " threads")},
              {"transform", fixed(1e3 * measured.transform, 2), "ms an image"},
              {"waiting", fixed(100 * measured.wait_share, 0), "% of the time, for images"},
              {"skipped", with_separators(measured.skipped), "images that could not be read"}})
      << "limited by " << what_limits(measured, command.decode_on_device) << "\n";
}

}  // namespace dlfs
