#include <sstream>

#include "dlfs/base/clock.h"
#include "dlfs/base/file.h"
#include "dlfs/base/text.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"

namespace dlfs {
namespace {

// Each line broken to the width of a terminal.
std::string fitted(const std::string& text) {
  std::istringstream lines(text);
  std::string all;
  for (std::string line; std::getline(lines, line);) all += wrapped(line, 80) + "\n";
  return all;
}

// {3, "box", "boxes"} -> "3 boxes"
std::string counted(int64_t count, const char* one, const char* several) {
  return concat(with_separators(count), " ", count == 1 ? one : several);
}

std::string new_and_known(int64_t fresh, int64_t known) {
  return concat(with_separators(fresh), " new", known > 0 ? ", " + with_separators(known) + " known" : "");
}

// What the user may want to know besides, a line each.
std::string remarks(const ImportReport& report) {
  std::string text;
  if (report.differing > 0)
    text += counted(report.differing, "known row is", "known rows are") +
            " otherwise in the source; the store's stand\n";
  if (report.missing_files > 0)
    text += concat(counted(report.missing_files, "image file is", "image files are"), " not there, ",
                   printable(report.missing_file), report.missing_files > 1 ? " among them" : "",
                   "; to name their folder, import into a new store with --images\n");
  if (report.left_out > 0)
    text += concat("left out: ", with_separators(report.left_out), " ", report.left_out_what, "\n");
  return text;
}

}  // namespace

void run_verb(const ImportCommand& command, std::ostream& out) {
  const Stopwatch watch;
  const size_t slash = command.store.rfind('/');
  if (slash != std::string::npos && slash > 0) make_directories(command.store.substr(0, slash));
  Store store(command.store, StoreUse::create);
  const ImportReport report = import_annotations(store, command.request);
  const double seconds = watch.seconds();
  const std::string negatives =
      report.empty_images > 0 ? concat("; ", with_separators(report.empty_images), " without objects") : "";
  std::vector<std::vector<std::string>> rows;
  if (command.request.format == "coco-results") {
    rows.push_back({"predictions", new_and_known(report.predictions, report.known_predictions)});
  } else {
    rows.push_back({"images", new_and_known(report.images, report.known_images) + negatives});
    rows.push_back({"annotations", new_and_known(report.annotations, report.known_annotations)});
    rows.push_back({"categories", new_and_known(report.categories, 0)});
  }
  out << printable(command.store) << ": imported in " << fixed(seconds, 1) << " s\n"
      << columns(rows) << fitted(remarks(report));
}

void run_verb(const ExportCommand& command, std::ostream& out) {
  const Store store(command.store, StoreUse::read);
  const ExportCounts counts = export_annotations(store, command.request);
  std::string text =
      concat(printable(command.request.path), ": ", counted(counts.images, "image", "images"), ", ",
             command.request.model.empty() ? counted(counts.annotations, "annotation", "annotations")
                                           : counted(counts.annotations, "prediction", "predictions"),
             "; images are named from ", printable(counts.root), "\n");
  if (counts.left_out > 0)
    text += concat("left out: ", counted(counts.left_out, "annotation", "annotations"), " that ",
                   command.request.format, " has no place for\n");
  out << fitted(text);
}

}  // namespace dlfs
