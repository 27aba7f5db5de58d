#include "dlfs/graph/watch.h"

#include <algorithm>
#include <cmath>

#include "dlfs/tensor/half.h"

namespace dlfs {
namespace {

std::vector<float> content(Device& device, const Tensor& tensor, Stream stream) {
  return tensor && is_float(tensor.spec.dtype) ? download_floats(device, tensor, stream)
                                               : std::vector<float>();
}

const char* word(float value) { return std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity"; }

bool not_finite(float value) { return !std::isfinite(value); }

}  // namespace

struct Watch::Seen {
  std::string name;
  Tensor tensor;
  bool written;  // by the step; otherwise read
};

std::vector<Watch::Seen> Watch::tensors(const Step& step) const {
  const Schedule& schedule = plan_.schedule();
  const Task& task = schedule.tasks[&step - plan_.steps().data()];
  const Site& site = step.site;
  std::vector<Seen> all;
  const auto add = [&](int slot, const Tensor& tensor, bool written) {
    if (tensor) all.push_back({schedule.slots[slot].name, tensor, written});
  };
  const std::vector<int>& updates = step.signature.updates;
  const auto is_updated = [&](size_t i) {
    return !step.backward && std::find(updates.begin(), updates.end(), i) != updates.end();
  };
  for (size_t i = 0; i < task.out.size(); ++i) add(task.out[i], site.out[i], !step.backward);
  for (size_t i = 0; i < task.saved.size(); ++i) add(task.saved[i], site.saved[i], !step.backward);
  for (size_t i = 0; i < task.in.size(); ++i) add(task.in[i], site.in[i], is_updated(i));
  for (size_t i = 0; i < task.d_out.size(); ++i) add(task.d_out[i], site.d_out[i], false);
  for (size_t i = 0; i < task.d_in.size(); ++i) add(task.d_in[i].first, site.d_in[i].to, true);
  return all;
}

// Whether the value came in, or was made here, and from what.
std::string Watch::origin(const std::vector<Seen>& tensors, Stream stream) const {
  float largest = 0;
  std::string holder = "nothing";
  for (const auto& [name, tensor, written] : tensors) {
    if (written) continue;
    for (const float value : content(device_, tensor, stream)) {
      if (not_finite(value)) return concat("it had read ", word(value), " from ", name);
      if (std::abs(value) < largest) continue;
      largest = std::abs(value);
      holder = name;
    }
  }
  return concat("the largest that it had read is ", largest, ", in ", holder);
}

void Watch::after(const Step& step, Stream stream) {
  if (&step == plan_.steps().data()) ++runs_;
  const std::vector<Seen> all = tensors(step);
  for (const auto& [name, tensor, written] : all) {
    if (!written) continue;
    const std::vector<float> values = content(device_, tensor, stream);
    const auto first = std::find_if(values.begin(), values.end(), not_finite);
    if (first == values.end()) continue;
    const char* half = step.backward ? " backward" : step.site.out.empty() ? " update" : " forward";
    throw WatchError("watch", concat("step ", runs_, ", ", step.path, ": ", step.function->name(), half,
                                     " wrote ", word(*first), " to ", name, " ", to_string(tensor.spec),
                                     " at ", place_of(first - values.begin(), tensor.shape()), " (",
                                     std::count_if(first, values.end(), not_finite), " of its ",
                                     values.size(), " values are not finite); ", origin(all, stream)));
  }
}

}  // namespace dlfs
