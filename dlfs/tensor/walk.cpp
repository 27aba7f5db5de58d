#include "dlfs/tensor/walk.h"

namespace dlfs {
namespace {

std::array<int, 4> strides_of(const Shape& shape) {
  return {shape.n == 1 ? 0 : shape.h * shape.w * shape.c, shape.h == 1 ? 0 : shape.w * shape.c,
          shape.w == 1 ? 0 : shape.c, shape.c == 1 ? 0 : 1};
}

}  // namespace

Walk walk(const Shape& whole, const Shape& a, const Shape& b) {
  const std::array<int, 4> extents{whole.n, whole.h, whole.w, whole.c};
  const std::array<std::array<int, 4>, 3> strides{strides_of(whole), strides_of(a), strides_of(b)};
  Walk made;
  int at = Walk::inner + 1;  // the outermost axis so far
  for (int axis = Walk::inner; axis >= 0; --axis) {
    if (extents[axis] == 1) continue;
    bool joins = at <= Walk::inner;
    for (int side = 0; joins && side < 3; ++side)
      joins = strides[side][axis] == made.strides[side][at] * made.extents[at];
    if (joins) {
      made.extents[at] *= extents[axis];
      continue;
    }
    --at;
    made.extents[at] = extents[axis];
    for (int side = 0; side < 3; ++side) made.strides[side][at] = strides[side][axis];
  }
  if (at > Walk::inner)  // one element: nothing repeats
    for (auto& of : made.strides) of[Walk::inner] = 1;
  return made;
}

}  // namespace dlfs
