#include "dlfs/gpu/hopper_boxes.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <array>

#include "dlfs/gpu/launch.h"

namespace dlfs {

CUtensorMap encode(const Boxes& of) {
  static const auto encode_tiled = [] {  // from the driver, which nothing links
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
    cuda_check(
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result),
        "cudaGetDriverEntryPointByVersion");
    return reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(found);
  }();
  const auto innermost_first = [](auto number, const Shape& s) {
    using Number = decltype(number);
    return std::array<Number, 4>{static_cast<Number>(s.c), static_cast<Number>(s.w), static_cast<Number>(s.h),
                                 static_cast<Number>(s.n)};
  };
  const Shape& s = of.tensor;
  const auto extents = innermost_first(cuuint64_t{}, {s.n, s.h, s.w - of.pixels + 1, s.c * of.pixels});
  const auto box = innermost_first(cuuint32_t{}, of.box), ones = innermost_first(cuuint32_t{}, {});
  const auto pixel = static_cast<cuuint64_t>(s.c) * 2, row = pixel * static_cast<cuuint64_t>(s.w);
  const cuuint64_t strides[] = {pixel, row, row * extents[2]};
  CUtensorMap map;
  const int code = encode_tiled(
      &map, of.dtype == DType::f16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4,
      const_cast<void*>(of.data), extents.data(), strides, box.data(), ones.data(),
      CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
      CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  cuda_check(code, "cuTensorMapEncodeTiled");
  return map;
}

}  // namespace dlfs
