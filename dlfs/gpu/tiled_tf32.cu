// The tiled kernels on Tensor Cores.
#include "dlfs/gpu/tiled_product.cuh"

namespace dlfs::tiles {

template void prepare<true>(const Shape&);
template void launch<true>(const Shape&, const Launch&);

}  // namespace dlfs::tiles
