#include "dlfs/graph/state.h"

#include <algorithm>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"
#include "dlfs/tensor/half.h"

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

// Memory for tensors that have none, one after the other.
MemoryPtr back_to_back(Device& device, const std::vector<Tensor*>& tensors) {
  size_t size = 0;
  for (const Tensor* tensor : tensors) size += aligned(bytes(tensor->spec));
  MemoryPtr memory = device.allocate(size);
  size = 0;
  for (Tensor* tensor : tensors) {
    tensor->data = memory->at(size);
    size += aligned(bytes(tensor->spec));
  }
  return memory;
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
    std::vector<Tensor*> missing;
    std::vector<const Entry*> fresh;
    for (Entry& entry : entries_) {
      if (entry.role != role || entry.tensor) continue;
      missing.push_back(&entry.tensor);
      fresh.push_back(&entry);
    }
    if (missing.empty()) continue;
    memories_.push_back(back_to_back(device, missing));
    for (const Entry* entry : fresh)
      device.upload(entry->tensor, first_values(*entry, seed_).data(), device.stream());
  }
  allocate_working(device);
  device.synchronize(device.stream());
}

void State::allocate_working(Device& device) {
  std::vector<Tensor*> wanted;
  for (Entry& entry : entries_)
    if (entry.working.spec && !entry.working) wanted.push_back(&entry.working);
  if (wanted.empty()) return;
  memories_.push_back(back_to_back(device, wanted));
  std::vector<std::byte> values;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (std::find(wanted.begin(), wanted.end(), &entry.working) == wanted.end()) continue;
    values.resize(bytes(entry.spec));
    device.download(entry.tensor, values.data(), device.stream());
    set(device, {static_cast<int>(i)}, values.data());
  }
}

void State::allocate_gradients(Device& device, const std::vector<GradientOf>& wanted) {
  for (const bool working : {false, true}) {
    std::vector<Tensor*> missing;
    for (const GradientOf& one : wanted) {
      Entry& entry = entries_[one.entry];
      Tensor& gradient = working ? entry.working_gradient : entry.gradient;
      if (one.working == working && !gradient) missing.push_back(&gradient);
    }
    if (!missing.empty()) memories_.push_back(back_to_back(device, missing));
  }
}

void State::keep_working(Param param, DType dtype) {
  Entry& entry = entries_[param.index];
  DLFS_CHECK(entry.role == Role::parameter && entry.spec.dtype == DType::f32, entry.name,
             " is no f32 parameter");
  if (entry.working.spec && entry.working.spec.dtype != dtype)
    throw ShapeError("state", concat(entry.name, " has a copy in ", to_string(entry.working.spec.dtype),
                                     " already and cannot have one in ", to_string(dtype),
                                     " too; use one precision of the two, or another State"));
  entry.working.spec = entry.working_gradient.spec = {entry.spec.shape, dtype};
}

void State::set(Device& device, Param param, const void* values) {
  const Entry& entry = entries_[param.index];
  device.upload(entry.tensor, values, device.stream());
  if (!entry.working) return;
  std::vector<std::byte> rounded(bytes(entry.working.spec));
  convert(values, entry.spec.dtype, rounded.data(), entry.working.spec.dtype,
          static_cast<size_t>(entry.spec.shape.count()));
  device.upload(entry.working, rounded.data(), device.stream());
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
