// dlfs data: a look at a store before a model learns from it.
#include <unistd.h>

#include <iostream>
#include <limits>
#include <thread>

#include "dlfs/base/clock.h"
#include "dlfs/base/error.h"
#include "dlfs/data/review/browse.h"
#include "dlfs/main/audit_text.h"
#include "dlfs/main/verbs.h"
#include "dlfs/train/images.h"

namespace dlfs {
namespace {

// "12,000 of 118,287 images", ten times a second, until it is told that 0 of 0 are.
class ProgressLine {
 public:
  void operator()(size_t done, size_t all) {
    if (all > 0 && since_shown_.seconds() < 0.1) return;
    since_shown_ = {};
    std::cerr << "\r\33[K";
    if (all > 0)
      std::cerr << with_separators(static_cast<int64_t>(done)) << " of "
                << with_separators(static_cast<int64_t>(all)) << " images";
    std::cerr.flush();
  }

 private:
  Stopwatch since_shown_;
};

void run_audit(const DataCommand& command, std::ostream& out) {
  const Stopwatch watch;
  Store store(command.store, StoreUse::write);
  AuditRequest request{.threads = command.threads};
  if (request.threads == 0)
    request.threads = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
  if (::isatty(STDERR_FILENO) != 0) request.progress = ProgressLine();
  if (command.all) request.listed = std::numeric_limits<size_t>::max();
  const AuditReport report = audit(store, request);
  if (request.progress) request.progress(0, 0);
  const AuditTextSettings settings{
      .store = command.store, .all = command.all, .threads = request.threads, .seconds = watch.seconds()};
  out << (command.json ? audit_json(report, settings) + "\n" : audit_text(report, settings)) << std::flush;
  if (const int64_t errors = report.count(Level::error); errors > 0)
    throw PartlyDone("dlfs", concat("the audit found ", errors, errors == 1 ? " error" : " errors"));
}

// As training does it, but that what is not cut out by chance keeps its shape.
Recipe recipe_of(const DataCommand& command) {
  Model model;
  model.input = {1, command.size.height, command.size.width, 3};
  Recipe recipe = training_recipe(model, command.augment);
  if (!command.augment.resized) recipe.transforms.front() = Letterbox{command.size};
  recipe.fill = Recipe{}.fill;
  return recipe;
}

void run_browse(const DataCommand& command, std::ostream& out) {
  const Store store(command.store, StoreUse::read);
  std::string words = command.augment.resized ? "" : "letterbox";
  if (!(command.augment == Augment{})) words += (words.empty() ? "" : ",") + to_string(command.augment);
  const BrowseCounts counts = browse(store, {.out = command.out,
                                             .split = command.split,
                                             .category = command.category,
                                             .count = command.count,
                                             .seed = command.seed,
                                             .recipe = recipe_of(command),
                                             .recipe_words = words});
  out << counts.shown << " of " << with_separators(counts.of) << " images are in " << command.out
      << "/index.html\n"
      << std::flush;
  if (counts.unreadable > 0)
    throw PartlyDone("dlfs", concat(counts.unreadable, " of ", counts.shown,
                                    " images could not be read; the page says why"));
}

}  // namespace

void run_verb(const DataCommand& command, std::ostream& out) {
  if (command.what == "audit")
    run_audit(command, out);
  else
    run_browse(command, out);
}

}  // namespace dlfs
