#include "dlfs/gpu/across.cuh"
#include "dlfs/ops/lars/element.h"
#include "dlfs/ops/update_gpu.cuh"

namespace dlfs {
namespace {

// In f32 within a thread's few elements, from there on in double.
__global__ void sum_squares(const UpdateChunk<2>* chunks, LarsSquares* partial) {
  const UpdateChunk<2> chunk = chunks[blockIdx.x];
  float p = 0, g = 0;
  const int fours = chunk.count / 4;
  for (int i = threadIdx.x; i < fours; i += update_threads) {
    const Pack<float, 4> parameter = read_floats<4>(chunk.part[0], DType::f32, i);
    const Pack<float, 4> gradient = read_floats<4>(chunk.gradient, chunk.gradient_type, i);
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      p = fmaf(parameter.at[k], parameter.at[k], p);
      g = fmaf(gradient.at[k], gradient.at[k], g);
    }
  }
  for (int i = 4 * fours + threadIdx.x; i < chunk.count; i += update_threads) {
    const float parameter = chunk.part[0][i];
    const float gradient = read_floats<1>(chunk.gradient, chunk.gradient_type, i).at[0];
    p = fmaf(parameter, parameter, p);
    g = fmaf(gradient, gradient, g);
  }
  const LarsSquares sum = across_block<update_threads>(LarsSquares{p, g});
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// Which chunks are a row's.
struct Row {
  unsigned first, count;
  float decay;
  bool adapts;
};

// A row a block.
__global__ void find_ratios(const Row* rows, const LarsSquares* partial, const float* factor, float trust,
                            float* ratios) {
  const Row row = rows[blockIdx.x];
  LarsSquares mine{0, 0};
  for (unsigned i = threadIdx.x; i < row.count; i += update_threads) mine += partial[row.first + i];
  const LarsSquares all = across_block<update_threads>(mine);
  if (threadIdx.x == 0)
    ratios[blockIdx.x] = row.adapts ? all.ratio(factor == nullptr ? 1 : *factor, trust, row.decay) : 1;
}

}  // namespace

KernelPtr lars_gpu(Device& device, const Site& site, const LarsRows& settings) {
  const std::vector<UpdateRow> rows =
      update_rows(site, lars_layout(), settings.weight_decay, settings.vectors);
  const UpdateTable<2> table(device, rows, update_factor(site));
  std::vector<Row> told;
  unsigned first = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const unsigned count = blocks_for(rows[i].parameter.shape().count(), update_chunk);
    told.push_back({first, count, rows[i].decay, settings.adapts(i)});
    first += count;
  }
  const size_t of_rows = aligned(told.size() * sizeof(Row)), of_ratios = aligned(told.size() * sizeof(float));
  const MemoryPtr memory = device.allocate(of_rows + of_ratios + table.blocks() * sizeof(LarsSquares));
  device.upload({{{1, 1, 1, static_cast<int>(told.size() * sizeof(Row))}, DType::u8}, memory->data()},
                told.data(), device.stream());
  auto* const ratios = static_cast<float*>(memory->at(of_rows));
  auto* const partial = static_cast<LarsSquares*>(memory->at(of_rows + of_ratios));
  const LarsElement element{site.in[0].as<float>(), ratios, settings.momentum};
  return gpu_kernel([=, count = static_cast<unsigned>(told.size()), trust = settings.trust](Stream stream) {
    const auto native = static_cast<cudaStream_t>(stream.native);
    sum_squares<<<table.blocks(), update_threads, 0, native>>>(table.chunks(), partial);
    check_launch("lars's norms");
    find_ratios<<<count, update_threads, 0, native>>>(static_cast<const Row*>(memory->data()), partial,
                                                      table.factor(), trust, ratios);
    check_launch("lars's ratios");
    table.launch(element, "lars", stream);
  });
}

}  // namespace dlfs
