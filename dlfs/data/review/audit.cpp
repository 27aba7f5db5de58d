#include "dlfs/data/review/audit.h"

#include <atomic>
#include <deque>
#include <future>
#include <optional>
#include <thread>

#include "dlfs/base/error.h"
#include "dlfs/data/review/file_check.h"
#include "dlfs/data/review/twins.h"
#include "dlfs/data/store/snapshot.h"

namespace dlfs {
namespace {

std::string text_of(Size size) { return concat(size.width, " x ", size.height); }
bool is_known(Size size) { return size.width > 0 && size.height > 0; }

// What is known of an image once its file was read.
struct Row {
  Size size;                          // upright: the file's, or the store's where the file tells none
  std::optional<ImageHeader> header;  // of a file that could be decoded
  uint64_t bytes = 0;                 // likewise
  bool hash_is_new = false;
};

class Auditor {
 public:
  Auditor(Store& store, const AuditRequest& request)
      : store_(store),
        request_(request),
        findings_(request.listed),
        images_(store),
        rows_(images_.size()),
        likenesses_(images_.size()) {}

  AuditReport run() {
    open_folders();
    name_folders();
    check_files();
    count_files();
    add_twins();
    add_odd_channels();
    const LabelFacts labels = check_labels();
    if (request_.record) record();
    return {.revision = images_.revision(), .findings = findings_.take(), .files = counts_, .labels = labels};
  }

 private:
  struct OpenFolder {
    std::optional<Folder> open;
    std::string fault;
  };

  std::string name(size_t image) const {
    return folder_names_[images_.folder(image)] + std::string(images_.path(image));
  }
  void add(Fault fault, size_t image, const std::string& what) {
    findings_.add(fault, {.image = images_.id(image), .name = name(image), .what = what});
  }

  void open_folders() {
    for (const ImageFolder& folder : images_.folders()) {
      OpenFolder& opened = folders_.emplace_back();
      try {
        opened.open.emplace(folder.path);
      } catch (const FileError& error) {
        opened.fault = error.fact();
      }
    }
  }

  // Of several folders each is named in findings, without the path that all share.
  void name_folders() {
    std::string shared = images_.folders().empty() ? "" : images_.folders()[0].path + "/";
    for (const ImageFolder& folder : images_.folders())
      while (!shared.empty() && (folder.path + "/").rfind(shared, 0) != 0)
        shared.erase(shared.find_last_of('/', shared.size() - 2) + 1);
    if (shared == "/") shared.clear();
    for (const ImageFolder& folder : images_.folders())
      folder_names_.push_back((folder.path + "/").substr(shared.size()));
  }

  void check_files();
  void check_file(size_t image, FileCheck& check);
  void check_header(size_t image, const CheckedFile& file);
  void count_files();
  void add_twins();
  void add_odd_channels();
  LabelFacts check_labels();
  void record();

  Store& store_;
  const AuditRequest& request_;
  Findings findings_;
  const Snapshot images_;
  std::vector<Row> rows_;  // by the snapshot's index, as are
  std::vector<Likeness> likenesses_;
  std::deque<OpenFolder> folders_;
  std::vector<std::string> folder_names_;  // "train2017/"; "" where there is one
  FileCounts counts_;
};

void Auditor::check_files() {
  std::atomic<size_t> next = 0;
  const auto caller = std::this_thread::get_id();
  const auto work = [&] {
    FileCheck check;
    try {
      for (size_t i = next++; i < rows_.size(); i = next++) {
        check_file(i, check);
        if (request_.progress && std::this_thread::get_id() == caller) request_.progress(i + 1, rows_.size());
      }
    } catch (...) {
      next = rows_.size();  // for all of them
      throw;
    }
  };
  std::vector<std::future<void>> others;
  for (int i = 1; i < request_.threads; ++i) others.push_back(std::async(std::launch::async, work));
  work();
  for (std::future<void>& other : others) other.get();
}

void Auditor::check_file(size_t image, FileCheck& check) {
  Row& row = rows_[image];
  row.size = images_.image_size(image);
  const OpenFolder& folder = folders_[images_.folder(image)];
  if (!folder.open) {
    add(Fault::missing, image, folder.fault);
    return;
  }
  const CheckedFile file = check.check(*folder.open, std::string(images_.path(image)));
  if (file.fault) {
    add(*file.fault, image, file.why);
    return;
  }
  check_header(image, file);
  row.size = file.header.size;
  row.header = file.header;
  row.bytes = file.bytes;
  likenesses_[image] = {
      .known = true, .split = images_.split(image), .digest = file.digest, .looks = file.looks};
  if (!file.looks) add(Fault::blank, image, "");
  if (file.cmyk) add(Fault::cmyk, image, "");
}

void Auditor::check_header(size_t image, const CheckedFile& file) {
  const Size is = file.header.size, known = images_.image_size(image), turned = {is.height, is.width};
  const int orientation = file.header.orientation;
  const bool unknown = !is_known(known), lies = orientation >= 5 && known == turned;
  if (unknown)
    add(Fault::learned, image, text_of(is));
  else if (is != known)
    add(Fault::wrong_size, image,
        concat("is ", text_of(is), lies ? " upright" : "", ", but the store says ", text_of(known),
               lies ? ", as it lies in the file" : ""));
  if (orientation != 1)
    add(Fault::rotated, image,
        concat("orientation ", orientation, "; the stored size is ",
               unknown       ? "not known"
               : is == known ? "the upright one"
               : lies        ? "that of the file's rows"
                             : "another"));
}

void Auditor::count_files() {
  for (const Row& row : rows_) {
    if (!row.header) continue;
    const Codec codec = row.header->codec;
    ++(codec == Codec::jpeg ? counts_.jpeg : codec == Codec::png ? counts_.png : counts_.pgm);
    counts_.gray += row.header->channels == 1;
    counts_.progressive += row.header->progressive;
    counts_.bytes += row.bytes;
  }
}

void Auditor::add_twins() {
  for (const auto& [image, other, equal, leak] : find_twins(likenesses_)) {
    const Fault fault =
        equal ? (leak ? Fault::leaked : Fault::copied) : (leak ? Fault::leaked_alike : Fault::alike);
    add(fault, image,
        concat(leak ? "in " + to_string(images_.split(image)) + ", " : "",
               equal ? "is the same as " : "looks like ", name(other),
               leak ? " in " + to_string(images_.split(other)) : ""));
  }
}

// A few images in gray among many in colour.
void Auditor::add_odd_channels() {
  const int64_t decoded = counts_.jpeg + counts_.png + counts_.pgm;
  if (2 * counts_.gray >= decoded) return;
  for (size_t i = 0; i < rows_.size(); ++i)
    if (rows_[i].header && rows_[i].header->channels == 1) add(Fault::gray, i, "");
}

LabelFacts Auditor::check_labels() {
  LabelCheck check(images_.categories(), findings_);
  size_t image = 0;
  // Both are by id; what came in between is for the next audit.
  store_.for_each_image([&](const ImageWithBoxes& labelled) {
    while (image < images_.size() && images_.id(image) < labelled.image.id) ++image;
    if (image == images_.size() || images_.id(image) != labelled.image.id) return;
    Row& row = rows_[image];
    check.take(labelled, row.size, name(image));
    const std::string& known = labelled.image.sha256;
    row.hash_is_new = known.empty();
    if (row.header && !known.empty() && known != to_hex(likenesses_[image].digest))
      add(Fault::changed, image, "");
  });
  return check.finish();
}

// What the store has stands.
void Auditor::record() {
  constexpr size_t at_once = 1000;  // that others who write wait for
  std::vector<FileFacts> facts;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    const bool size_is_new = !is_known(images_.image_size(i));
    if (row.header && (row.hash_is_new || size_is_new))
      facts.push_back({.image = images_.id(i),
                       .sha256 = row.hash_is_new ? to_hex(likenesses_[i].digest) : "",
                       .size = size_is_new ? row.size : Size{}});
    if (facts.size() == at_once || (i + 1 == rows_.size() && !facts.empty())) {
      store_.set_file_facts(facts);
      facts.clear();
    }
  }
}

}  // namespace

int64_t AuditReport::count(Level level) const {
  int64_t sum = 0;
  for (const FindingGroup& group : findings)
    if (group.kind->level == level) sum += group.count;
  return sum;
}

AuditReport audit(Store& store, const AuditRequest& request) { return Auditor(store, request).run(); }

}  // namespace dlfs
