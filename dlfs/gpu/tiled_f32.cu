// The tiled kernels in plain f32.
#include "dlfs/gpu/tiled_product.cuh"

namespace dlfs::tiles {

template void prepare<false>(const Shape&);
template void launch<false>(const Shape&, const Launch&);

}  // namespace dlfs::tiles
