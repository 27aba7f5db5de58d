#include <algorithm>

#include "dlfs/graph/schedule.h"
#include "dlfs/tensor/tensor.h"

namespace dlfs {

// Largest first, each at the lowest offset that is free during its whole life: the greedy-by-size rule of
// Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020.
size_t place(Schedule& schedule) {
  std::vector<Slot*> waiting;
  for (Slot& slot : schedule.slots)
    if (slot.home == Home::arena && slot.first <= slot.last) waiting.push_back(&slot);
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Slot* a, const Slot* b) { return bytes(a->spec) > bytes(b->spec); });

  size_t size = 0;
  std::vector<Slot*> placed;  // by offset
  for (Slot* slot : waiting) {
    const size_t wanted = aligned(bytes(slot->spec));
    size_t offset = 0;
    for (const Slot* other : placed) {
      const bool together = slot->first <= other->last && other->first <= slot->last;
      if (!together) continue;
      if (offset + wanted <= other->offset) break;
      offset = std::max(offset, other->offset + aligned(bytes(other->spec)));
    }
    slot->offset = offset;
    size = std::max(size, offset + wanted);
    const auto at = std::upper_bound(placed.begin(), placed.end(), slot,
                                     [](const Slot* a, const Slot* b) { return a->offset < b->offset; });
    placed.insert(at, slot);
  }
  return size;
}

size_t place_fixed(Schedule& schedule) {
  size_t size = 0;
  for (Slot& slot : schedule.slots) {
    if (slot.home != Home::fixed) continue;
    slot.offset = size;
    size += aligned(bytes(slot.spec));
  }
  return size;
}

}  // namespace dlfs
