#include "dlfs/main/sources.h"

#include <algorithm>
#include <filesystem>

#include "dlfs/base/error.h"

namespace dlfs {
namespace {

bool is_idx(const std::string& data) { return data.size() > 4 && data.rfind("idx:", 0) == 0; }

// "idx:DIR" -> DIR
std::string idx_directory(const std::string& data) {
  std::string directory = data.substr(4);
  std::error_code ignored;
  if (std::filesystem::is_directory(directory, ignored)) return directory;
  throw FileError("idx", std::filesystem::exists(directory, ignored)
                             ? directory + " is a file, but idx:DIR names a folder with MNIST's files"
                             : "there is no folder " + directory);
}

std::shared_ptr<const Snapshot> open_store(const std::string& data) {
  std::error_code ignored;
  if (!std::filesystem::exists(data, ignored))
    throw UsageError(
        "dlfs", "--data is " + data +
                    ", but can be a store that dlfs import made, or idx:DIR, a folder with MNIST's files");
  return std::make_shared<const Snapshot>(Store(data, StoreUse::read));
}

bool has(const Snapshot& snapshot, Split split) {
  for (size_t i = 0; i < snapshot.size(); ++i)
    if (snapshot.split(i) == split && snapshot.label(i) >= 0) return true;
  return false;
}

std::shared_ptr<const Source> test_images(std::shared_ptr<const Snapshot> snapshot) {
  const Split split = has(*snapshot, Split::test) ? Split::test : Split::validation;
  return std::make_shared<const StoreSource>(std::move(snapshot), split, Purpose::classify);
}

}  // namespace

Sources open_sources(const std::string& data) {
  if (!is_idx(data)) {
    const std::shared_ptr<const Snapshot> snapshot = open_store(data);
    return {std::make_shared<const StoreSource>(snapshot, Split::train, Purpose::classify),
            test_images(snapshot)};
  }
  const std::string directory = idx_directory(data);
  LabelledImages train = read_idx(directory, Split::train), test = read_idx(directory, Split::test);
  const std::vector<std::string> classes = class_names(directory, std::max(max_label(train) + 1, 2));
  return {std::make_shared<const MemorySource>(std::move(train), classes),
          std::make_shared<const MemorySource>(std::move(test), classes)};
}

std::shared_ptr<const Source> open_test(const std::string& data, const std::vector<std::string>& classes) {
  if (!is_idx(data)) {
    std::shared_ptr<const Source> test = test_images(open_store(data));
    if (test->classes() != classes)
      throw UsageError("eval", concat("the store has the classes ", join(test->classes(), ", "),
                                      ", but the model knows ", join(classes, ", ")));
    return test;
  }
  LabelledImages test = read_idx(idx_directory(data), Split::test);
  if (max_label(test) >= static_cast<int>(classes.size()))
    throw UsageError("eval", concat("a label is ", max_label(test), ", but the model knows ", classes.size(),
                                    " classes, 0 to ", classes.size() - 1));
  return std::make_shared<const MemorySource>(std::move(test), classes);
}

}  // namespace dlfs
