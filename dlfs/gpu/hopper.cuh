// The words of PTX that only sm_90a has, as functions: copies of boxes by TMA, the barriers that count their bytes, products
// on Tensor Cores by warpgroups of 128 threads, and registers that warpgroups hand to each other. For .cu files.
#pragma once

#include "dlfs/gpu/divisor.h"
#include "dlfs/gpu/matrices.cuh"
#include "dlfs/tensor/shape.h"

namespace dlfs::hopper {

// ---- barriers in shared memory ----

__device__ inline void make_barrier(unsigned barrier, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
__device__ inline void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ inline void arrive(unsigned barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}
__device__ inline void expect(unsigned barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes)
               : "memory");
}
__device__ inline bool passed(unsigned barrier, unsigned phase) {
  unsigned yes;
  asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
               : "=r"(yes)
               : "r"(barrier), "r"(phase)
               : "memory");
  return yes != 0;
}

// One thread waits.
__device__ inline void wait(unsigned barrier, unsigned phase) {
  while (!passed(barrier, phase)) {
  }
}
// A whole warp waits, whose threads may leave the loop one by one: what follows wants them together.
__device__ inline void wait_together(unsigned barrier, unsigned phase) {
  wait(barrier, phase);
  __syncwarp();
}

// Barrier 1 to 15 of the block, for `threads` of it.
__device__ inline void meet(int barrier, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}
__device__ inline void announce(int barrier, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
}

// Whether this thread is the last of `all` that come here; what each of them, and those it met before, wrote is then seen by
// it. The counter is 0 before and after.
__device__ inline bool comes_last(unsigned* counter, unsigned all) {
  unsigned before;
  asm volatile("atom.acq_rel.gpu.global.inc.u32 %0, [%1], %2;"
               : "=r"(before)
               : "l"(counter), "r"(all - 1)
               : "memory");
  return before == all - 1;
}

// ---- boxes ----

struct Corner {
  int w, h, n;
};

// The tiles of a map [n,h,w,64], `down` rows of eight pixels each (hopper_tiles.h).
constexpr int channels = 64, across = 8, row_bytes = channels * 2;
template <int down>
struct Tiles {
  explicit Tiles(const Shape& map)
      : in_row((map.w + across - 1) / across),
        in_column((map.h + down - 1) / down),
        count(static_cast<int>(map.n * in_row.by * in_column.by)) {}

  __device__ Corner corner(int tile) const {
    unsigned column, row;
    const unsigned rows = in_row.split(tile, column), n = in_column.split(rows, row);
    return {static_cast<int>(column) * across, static_cast<int>(row) * down, static_cast<int>(n)};
  }

  Divisor in_row, in_column;
  int count;
};

// A place in a ring of boxes in shared memory, and how often it was come to.
template <int stages>
struct Turn {
  int stage = 0;
  unsigned phase = 0;
  __device__ void step(int by = 1) {
    stage += by;
    if (stage >= stages) stage -= stages, phase ^= 1;
  }
};

// Two warpgroups multiply, and a thread of a third one loads boxes.
constexpr int warpgroup = 128, consumers = 2, threads = (consumers + 1) * warpgroup;

__device__ inline void prefetch(const void* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
// A box of a map [n,h,w,c], from its channel 0 on; what lies outside of the map becomes 0.
__device__ inline void load_box(unsigned to, const void* map, Corner at, unsigned barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, "
      "%4, "
      "%5}], [%6];" ::"r"(to),
      "l"(map), "r"(0), "r"(at.w), "r"(at.h), "r"(at.n), "r"(barrier)
      : "memory");
}
// What lies outside of the map is not written.
__device__ inline void store_box(const void* map, Corner at, unsigned from) {
  asm volatile(
      "cp.async.bulk.tensor.4d.global.shared::cta.tile.bulk_group [%0, {%1, %2, %3, %4}], [%5];" ::"l"(map),
      "r"(0), "r"(at.w), "r"(at.h), "r"(at.n), "r"(from)
      : "memory");
  asm volatile("cp.async.bulk.commit_group;" ::: "memory");
}
// Until what this thread stores has been read from shared memory, but for so many boxes that it stored last.
template <int but = 0>
__device__ void wait_for_stores() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(but) : "memory");
}
// What was written to shared memory can now be stored as a box.
__device__ inline void publish_to_boxes() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- matrices of 8 x 8 numbers of 16 bits, four at a time; transposed: columns for rows ----

__device__ inline void store_transposed(unsigned to, const unsigned* from) {
  asm volatile("stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%0], {%1, %2, %3, %4};" ::"r"(to),
               "r"(from[0]), "r"(from[1]), "r"(from[2]), "r"(from[3])
               : "memory");
}

// ---- products ----

template <int count>
__device__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}
template <int count>
__device__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}

// Sums are not read or written by the compiler's own code across this.
template <int size>
__device__ void hold(float (&sums)[size]) {
#pragma unroll
  for (int i = 0; i < size; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}
__device__ inline void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void end_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
__device__ inline void wait_for_products() { asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory"); }
// All products but those of the `rest` batches that were begun last.
template <int rest>
__device__ void wait_for_products_but() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(rest) : "memory");
}

#define DLFS_SUMS_8(i)                                                                       \
  "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3]), "+f"(sums[i + 4]), \
      "+f"(sums[i + 5]), "+f"(sums[i + 6]), "+f"(sums[i + 7])
#define DLFS_SUMS_56                                                                                  \
  DLFS_SUMS_8(0), DLFS_SUMS_8(8), DLFS_SUMS_8(16), DLFS_SUMS_8(24), DLFS_SUMS_8(32), DLFS_SUMS_8(40), \
      DLFS_SUMS_8(48)
#define DLFS_NAMES_56                                                                                    \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, %21, " \
  "%22, %23, "                                                                                           \
  "%24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, " \
  "%44, %45, "                                                                                           \
  "%46, %47, %48, %49, %50, %51, %52, %53, %54, %55"
#define DLFS_PRODUCT_112(type)                                                                            \
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %61, 0; wgmma.mma_async.sync.aligned.m64n112k16.f32." type \
               "." type " {" DLFS_NAMES_56 "}, {%56, %57, %58, %59}, %60, p, 1, 1, 0; }"                  \
               : DLFS_SUMS_56                                                                             \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add))
#define DLFS_PRODUCT_128(type)                                                                            \
  asm volatile("{ .reg .pred p; setp.ne.b32 p, %69, 0; wgmma.mma_async.sync.aligned.m64n128k16.f32." type \
               "." type " {" DLFS_NAMES_56                                                                \
               ", %56, %57, %58, %59, %60, %61, %62, %63}, {%64, %65, %66, %67}, %68, p, 1, 1, 0; }"      \
               : DLFS_SUMS_56, DLFS_SUMS_8(56)                                                            \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add))

// sums [64, columns] = (add: +=) a [64,16] * b [16,columns]: sums and a in the warpgroup's registers, b described, [columns][16]
// in shared memory. columns = 2 * size.
template <typename T, int size>
__device__ __forceinline__ void multiply(float (&sums)[size], const unsigned (&a)[4], uint64_t b, int add) {
  static_assert(size == 56 || size == 64);
  if constexpr (std::is_same_v<T, F16> && size == 56) DLFS_PRODUCT_112("f16");
  if constexpr (std::is_same_v<T, F16> && size == 64) DLFS_PRODUCT_128("f16");
  if constexpr (std::is_same_v<T, Bf16> && size == 56) DLFS_PRODUCT_112("bf16");
  if constexpr (std::is_same_v<T, Bf16> && size == 64) DLFS_PRODUCT_128("bf16");
}

#define DLFS_PRODUCT_64(type)                                                                             \
  asm volatile(                                                                                           \
      "{ .reg .pred p; setp.eq.b32 p, 0, 0; wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type    \
      " {%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, %16, %17, %18, %19, %20, " \
      "%21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, {%32, %33, %34, %35}, %36, p, 1, 1, 1; }"  \
      : DLFS_SUMS_8(0), DLFS_SUMS_8(8), DLFS_SUMS_8(16), DLFS_SUMS_8(24)                                  \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b))

// 32 sums in each thread, [64,64] += a [64,16] * b [16,64]; b with its 64 columns side by side.
template <typename T>
__device__ __forceinline__ void add_product(float* sums, const unsigned (&a)[4], uint64_t b) {
  if constexpr (std::is_same_v<T, F16>)
    DLFS_PRODUCT_64("f16");
  else
    DLFS_PRODUCT_64("bf16");
}

#undef DLFS_PRODUCT_64
#undef DLFS_PRODUCT_128
#undef DLFS_PRODUCT_112
#undef DLFS_NAMES_56
#undef DLFS_SUMS_56
#undef DLFS_SUMS_8

}  // namespace dlfs::hopper
