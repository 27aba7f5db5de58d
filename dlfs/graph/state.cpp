#include "dlfs/graph/state.h"

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"

namespace dlfs {
namespace {

std::vector<std::byte> first_values(const State::Entry& entry, uint64_t seed) {
  std::vector<std::byte> content(bytes(entry.spec));
  const size_t count = static_cast<size_t>(entry.spec.shape.count());
  if (entry.spec.dtype == DType::i32) {
    int32_t* values = reinterpret_cast<int32_t*>(content.data());
    for (size_t i = 0; i < count; ++i) values[i] = static_cast<int32_t>(entry.init.value);
    return content;
  }
  DLFS_CHECK(entry.spec.dtype == DType::f32, entry.name, " is ", to_string(entry.spec));
  const Random random(combine(seed, key_of(entry.name)));
  float* values = reinterpret_cast<float*>(content.data());
  for (size_t i = 0; i < count; ++i) {
    switch (entry.init.kind) {
      case Init::Kind::constant:
        values[i] = entry.init.value;
        break;
      case Init::Kind::uniform:
        values[i] = entry.init.value * (2 * random.uniform(i) - 1);
        break;
      case Init::Kind::normal:
        values[i] = entry.init.value * random.normal(i);
        break;
    }
  }
  return content;
}

}  // namespace

Param State::add(const std::string& name, const Spec& spec, Role role, const Init& init, FileLayout layout) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    const Entry& entry = entries_[found->second];
    if (entry.spec != spec || entry.role != role)
      throw ShapeError("state", concat(name, " is ", to_string(entry.spec), " already and cannot be ",
                                       to_string(spec), " too; give one of the two another name"));
    DLFS_CHECK(entry.layout == layout, name, " has two layouts in a file");
    return {found->second};
  }
  entries_.push_back({name, spec, role, init, layout, {spec, nullptr}, {spec, nullptr}});
  by_name_[name] = static_cast<int>(entries_.size()) - 1;
  return {by_name_[name]};
}

void State::allocate(Device& device) {
  for (const Role role : {Role::parameter, Role::statistic, Role::optimizer, Role::counter}) {
    size_t size = 0;
    for (const Entry& entry : entries_)
      if (entry.role == role && !entry.tensor) size += aligned(bytes(entry.spec));
    if (size == 0) continue;
    const MemoryPtr memory = device.allocate(size);
    size_t offset = 0;
    for (Entry& entry : entries_) {
      if (entry.role != role || entry.tensor) continue;
      entry.tensor.data = memory->at(offset);
      offset += aligned(bytes(entry.spec));
      device.upload(entry.tensor, first_values(entry, seed_).data(), device.stream());
    }
    memories_.push_back(memory);
  }
  device.synchronize(device.stream());
}

void State::allocate_gradients(Device& device) {
  size_t size = 0;
  for (const Entry& entry : entries_)
    if (entry.role == Role::parameter && !entry.gradient) size += aligned(bytes(entry.spec));
  if (size == 0) return;
  const MemoryPtr memory = device.allocate(size);
  size_t offset = 0;
  for (Entry& entry : entries_) {
    if (entry.role != Role::parameter || entry.gradient) continue;
    entry.gradient.data = memory->at(offset);
    offset += aligned(bytes(entry.spec));
  }
  memories_.push_back(memory);
}

const State::Entry* State::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

int64_t State::parameter_count() const {
  int64_t count = 0;
  for (const Entry& entry : entries_)
    if (entry.role == Role::parameter) count += entry.spec.shape.count();
  return count;
}

}  // namespace dlfs
