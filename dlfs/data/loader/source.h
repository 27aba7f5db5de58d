// Labelled images by index, wherever they lie: what a loader draws its samples from. All methods may be called from any
// thread, at the same time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/base/folder.h"
#include "dlfs/data/augment/draw.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/idx.h"
#include "dlfs/data/store/snapshot.h"

namespace dlfs {

class Source : public Subjects {
 public:
  explicit Source(std::vector<std::string> classes) : classes_(std::move(classes)) {}

  const std::vector<std::string>& classes() const { return classes_; }
  virtual std::string name(uint32_t image) const = 0;  // for messages

  // The file as it is, its header believed by us. Throws FileError, also where there is no file.
  virtual void read(uint32_t image, Bytes& file) const;

  // The pixels that are asked for. `file` is the caller's memory for the file's bytes. Throws FileError.
  virtual void load(uint32_t image, const DecodeRequest& request, Bytes& file, Decoded& into) const = 0;

 private:
  std::vector<std::string> classes_;
};

// Images in memory: [count,height,width,1].
class MemorySource : public Source {
 public:
  MemorySource(LabelledImages images, std::vector<std::string> classes);

  const LabelledImages& images() const { return images_; }
  uint32_t count() const override { return static_cast<uint32_t>(images_.count); }
  Subject subject(uint32_t image) const override;
  std::string name(uint32_t image) const override;
  void load(uint32_t image, const DecodeRequest& request, Bytes& file, Decoded& into) const override;

 private:
  LabelledImages images_;
};

// Several sources with the same classes, one behind another. Throws UsageError where the classes differ.
class MixedSource : public Source {
 public:
  explicit MixedSource(std::vector<std::shared_ptr<const Source>> sources);

  uint32_t count() const override { return firsts_.back(); }
  Subject subject(uint32_t image) const override;
  std::string name(uint32_t image) const override;
  void read(uint32_t image, Bytes& file) const override;
  void load(uint32_t image, const DecodeRequest& request, Bytes& file, Decoded& into) const override;

 private:
  struct Place {
    const Source* source;
    uint32_t image;
  };
  Place place(uint32_t image) const;

  std::vector<std::shared_ptr<const Source>> sources_;
  std::vector<uint32_t> firsts_ = {0};  // of each source, and the count of all
};

enum class Purpose : uint8_t { classify, detect };

// The images of one split of a store; for classification those that are labelled as a whole.
class StoreSource : public Source {
 public:
  // Throws UsageError where the split has no such image, or sizes are not known of files that have one.
  StoreSource(std::shared_ptr<const Snapshot> snapshot, Split split, Purpose purpose);

  uint32_t count() const override { return static_cast<uint32_t>(images_.size()); }
  Subject subject(uint32_t image) const override;
  std::string name(uint32_t image) const override;
  void read(uint32_t image, Bytes& file) const override;
  void load(uint32_t image, const DecodeRequest& request, Bytes& file, Decoded& into) const override;

 private:
  bool has_header(uint32_t at) const;
  void refuse_other_size(uint32_t image, Size is) const;

  std::shared_ptr<const Snapshot> snapshot_;
  std::deque<Folder> folders_;
  std::vector<uint32_t> images_;  // indices in the snapshot
};

}  // namespace dlfs
