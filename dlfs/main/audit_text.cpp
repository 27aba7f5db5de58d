#include "dlfs/main/audit_text.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <sstream>

#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/main/terminal.h"

namespace dlfs {
namespace {

constexpr int columns_wide = 80;
constexpr size_t shown_notes = 3, shown_classes = 20;
constexpr std::array<Split, 4> splits = {Split::train, Split::validation, Split::test, Split::none};

int64_t sum(const SplitCounts& counts) { return std::accumulate(counts.begin(), counts.end(), int64_t{0}); }

// "1 error", "4,888 boxes"
std::string counted(int64_t count, const std::string& one, const std::string& many) {
  return (count == 0 ? "no" : with_separators(count)) + " " + (count == 1 ? one : many);
}

std::string left(const std::string& text, int columns) {
  return text + std::string(std::max(columns - width(text), 0), ' ');
}
std::string right(const std::string& text, int columns) {
  return std::string(std::max(columns - width(text), 0), ' ') + text;
}

std::string verdict(const AuditReport& report, const std::string& store) {
  const int64_t errors = report.count(Level::error), warnings = report.count(Level::warning),
                notes = report.count(Level::note);
  const auto images = [&](Split split) { return report.labels.images[static_cast<size_t>(split)]; };
  const char* const says = errors > 0                  ? " is not fit to train on: "
                           : images(Split::train) == 0 ? " has no images to train on: "
                           : images(Split::validation) + images(Split::test) == 0
                               ? " has no images to test on: "
                               : " can be trained on: ";
  return concat(store, says, counted(errors, "error", "errors"), ", ",
                counted(warnings, "warning", "warnings"), ", ", counted(notes, "note", "notes"));
}

std::string summary(const AuditReport& report, const AuditTextSettings& settings) {
  const LabelFacts& labels = report.labels;
  const FileCounts& files = report.files;
  std::vector<std::string> kinds;
  for (const auto& [count, kind] : {std::pair(files.jpeg, "JPEG"),
                                    {files.png, "PNG"},
                                    {files.pgm, "PGM"},
                                    {files.gray, "gray"},
                                    {files.progressive, "progressive"}})
    if (count > 0) kinds.push_back(concat(with_separators(count), " ", kind));
  kinds.push_back(human_bytes(files.bytes));
  const int64_t boxes = sum(labels.boxes), whole = sum(labels.image_labels);
  std::string text = concat(counted(sum(labels.images), "image", "images"), " (", join(kinds, ", "), ")");
  if (boxes > 0 || whole == 0) text += ", " + counted(boxes, "box", "boxes");
  if (whole > 0) text += ", " + counted(whole, "image label", "image labels");
  return concat(text, " of ", counted(static_cast<int64_t>(labels.classes.size()), "class", "classes"),
                ", revision ", report.revision, "; read in ", fixed(settings.seconds, 1), " s by ",
                counted(settings.threads, "thread", "threads"));
}

// What does not fit goes on in a line of its own, further in.
std::string indented(const std::string& line, int columns) {
  std::string text;
  std::istringstream lines(wrapped(line, columns_wide - columns - 2));
  for (std::string part; std::getline(lines, part);)
    text += std::string(columns + (text.empty() ? 0 : 2), ' ') + part + "\n";
  return text;
}

// "…images/000034.jpg": of a long path the end says most.
std::string end_of(const std::string& name, int at_most) {
  if (width(name) <= at_most) return name;
  std::string end = name;
  while (width(end) >= at_most || (end[0] & 0xC0) == 0x80) end.erase(0, 1);
  return "…" + end;
}

// A heading where a level begins, a line for a kind, and under it what was found, by name.
std::string findings(const AuditReport& report, bool all) {
  std::string text;
  const FaultKind* last = nullptr;
  for (const FindingGroup& group : report.findings) {
    const bool note = group.kind->level == Level::note;
    if (last == nullptr || last->level != group.kind->level)
      text += "\n" + to_string(group.kind->level) + "s\n";
    last = group.kind;
    text += "  " + right(with_separators(group.count), 7) + "  " + group.kind->meaning + "\n";
    const size_t shown = all || !note ? group.listed.size() : std::min(group.listed.size(), shown_notes);
    for (size_t i = 0; i < shown; ++i) {
      const Finding& one = group.listed[i];
      const std::string name = printable(one.name);
      const std::string line = (all ? name : end_of(name, columns_wide - 15)) +
                               (one.what.empty() ? "" : ": " + printable(one.what));
      text += indented(line, 11);
    }
    if (const int64_t more = group.count - static_cast<int64_t>(shown); more > 0)
      text += concat(std::string(11, ' '), "and ", with_separators(more), " more\n");
  }
  return text;
}

// Rows of counts, a column a split that has images.
struct SplitTable {
  const LabelFacts& labels;
  int widest_name;

  bool has(size_t split) const { return labels.images[split] > 0; }
  std::string heading(const std::string& title) const {
    std::string line = left(title, widest_name + 2);
    for (size_t i = 0; i < splits.size(); ++i)
      if (has(i)) line += right(to_string(splits[i]), 10);
    return line;
  }
  std::string row(const std::string& name, const SplitCounts& counts) const {
    std::string line = "  " + left(name, widest_name);
    for (size_t i = 0; i < splits.size(); ++i)
      if (has(i)) line += right(with_separators(counts[i]), 10);
    return line;
  }
};

std::string split_table(const LabelFacts& labels) {
  const SplitTable table{labels, 24};
  std::string text = "\n" + table.heading("splits") + "\n" + table.row("images", labels.images) + "\n";
  if (sum(labels.unlabelled) > 0) text += table.row("images without labels", labels.unlabelled) + "\n";
  if (sum(labels.boxes) > 0) text += table.row("boxes", labels.boxes) + "\n";
  if (sum(labels.image_labels) > 0) text += table.row("image labels", labels.image_labels) + "\n";
  return text;
}

// The most frequent first, with a bar of their share of the largest.
std::string class_table(const LabelFacts& labels, bool all) {
  std::vector<const ClassCounts*> classes;
  for (const ClassCounts& one : labels.classes) classes.push_back(&one);
  std::stable_sort(classes.begin(), classes.end(),
                   [](const ClassCounts* a, const ClassCounts* b) { return a->all() > b->all(); });
  const size_t shown = all ? classes.size() : std::min(classes.size(), shown_classes);
  if (shown == 0) return "";
  SplitTable table{labels, 10};
  for (size_t i = 0; i < shown; ++i)
    table.widest_name = std::min(std::max(table.widest_name, width(printable(classes[i]->name))), 24);
  std::string text = "\n" + table.heading("classes") + "\n";
  const double most = static_cast<double>(std::max<int64_t>(classes[0]->all(), 1));
  for (size_t i = 0; i < shown; ++i) {
    const std::string row =
        table.row(cut(printable(classes[i]->name), table.widest_name), classes[i]->labels);
    const int room = columns_wide - width(row) - 2;
    text += row + "  " + bar(static_cast<double>(classes[i]->all()) / most, std::min(room, 30)) + "\n";
  }
  if (shown < classes.size()) text += concat("  and ", classes.size() - shown, " more classes\n");
  return text;
}

// A heading and a row a range, each 26 columns wide.
std::vector<std::string> histogram_block(const std::string& title, const std::vector<std::string>& ranges,
                                         const Histogram& histogram) {
  std::vector<std::string> lines = {title};
  const int64_t most =
      std::max<int64_t>(*std::max_element(histogram.counts.begin(), histogram.counts.end()), 1);
  for (size_t i = 0; i < ranges.size(); ++i)
    lines.push_back(left(ranges[i], 9) + right(with_separators(histogram.counts[i]), 8) + " " +
                    bar(static_cast<double>(histogram.counts[i]) / static_cast<double>(most), 6));
  return lines;
}

std::string box_tables(const LabelFacts& labels) {
  const int64_t counted_boxes = labels.small + labels.medium + labels.large;
  if (counted_boxes == 0) return "";
  const auto share = [&](int64_t count) {
    return fixed(100.0 * static_cast<double>(count) / static_cast<double>(counted_boxes), 1) + " %";
  };
  const std::string crowds =
      labels.crowds > 0 ? "; " + counted(labels.crowds, "crowd", "crowds") + " not counted" : "";
  std::string text =
      concat("\nboxes   small (area below 32 x 32 pixels) ", share(labels.small), ", medium (below 96 x 96) ",
             share(labels.medium), ",\n        large ", share(labels.large), crowds, "; at most ",
             with_separators(labels.most_per_image), " an image\n\n");
  const std::array<std::vector<std::string>, 3> blocks = {
      histogram_block("pixels (√area)",
                      {"< 8", "8–16", "16–32", "32–64", "64–128", "128–256", "256–512", "≥ 512"},
                      labels.sides),
      histogram_block("width / height", {"< 0.25", "0.25–0.5", "0.5–0.8", "0.8–1.25", "1.25–2", "2–4", "≥ 4"},
                      labels.aspects),
      histogram_block("boxes an image", {"0", "1", "2", "3–4", "5–8", "9–16", "17–32", "33–64", "≥ 65"},
                      labels.per_image)};
  for (size_t i = 0; i < 10; ++i) {
    std::string line;
    for (const auto& block : blocks) line += "  " + left(i < block.size() ? block[i] : "", 24);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

void write_splits(JsonWriter& json, const char* name, const SplitCounts& counts) {
  json.key(name).object();
  for (size_t i = 0; i < splits.size(); ++i) json.field(to_string(splits[i]), counts[i]);
  json.close();
}

void write_histogram(JsonWriter& json, const char* name, const Histogram& histogram) {
  json.key(name).object().field("bounds", histogram.bounds).field("counts", histogram.counts).close();
}

void write_findings(JsonWriter& json, const AuditReport& report) {
  json.key("findings").array();
  for (const FindingGroup& group : report.findings) {
    json.object()
        .field("kind", group.kind->name)
        .field("level", to_string(group.kind->level))
        .field("count", group.count)
        .key("listed")
        .array();
    for (const Finding& one : group.listed) {
      json.object().field("name", one.name);
      if (one.image > 0) json.field("image", one.image);
      if (one.image > 0 && one.annotation > 0) json.field("annotation", one.annotation);
      if (!one.what.empty()) json.field("what", one.what);
      json.close();
    }
    json.close().close();
  }
  json.close();
}

void write_labels(JsonWriter& json, const LabelFacts& labels) {
  write_splits(json, "images", labels.images);
  write_splits(json, "unlabelled", labels.unlabelled);
  write_splits(json, "boxes", labels.boxes);
  write_splits(json, "image_labels", labels.image_labels);
  json.key("classes").array();
  for (const ClassCounts& one : labels.classes) {
    json.object().field("name", one.name);
    write_splits(json, "labels", one.labels);
    json.close();
  }
  json.close().key("box_sizes").object();
  json.field("small", labels.small).field("medium", labels.medium).field("large", labels.large);
  json.field("crowds", labels.crowds).close();
  write_histogram(json, "box_sides", labels.sides);
  write_histogram(json, "box_aspects", labels.aspects);
  write_histogram(json, "boxes_per_image", labels.per_image);
}

}  // namespace

std::string audit_text(const AuditReport& report, const AuditTextSettings& settings) {
  const std::string store = printable(settings.store);
  return wrapped(verdict(report, store), columns_wide) + "\n" +
         wrapped(summary(report, settings), columns_wide) + "\n" + findings(report, settings.all) +
         split_table(report.labels) + class_table(report.labels, settings.all) + box_tables(report.labels);
}

std::string audit_json(const AuditReport& report, const AuditTextSettings& settings) {
  const FileCounts& files = report.files;
  JsonWriter json;
  json.object()
      .field("store", settings.store)
      .field("revision", report.revision)
      .field("errors", report.count(Level::error))
      .field("warnings", report.count(Level::warning))
      .field("notes", report.count(Level::note));
  json.key("files").object().field("jpeg", files.jpeg).field("png", files.png).field("pgm", files.pgm);
  json.field("gray", files.gray).field("progressive", files.progressive).field("bytes", files.bytes).close();
  write_labels(json, report.labels);
  write_findings(json, report);
  return json.close().text();
}

}  // namespace dlfs
