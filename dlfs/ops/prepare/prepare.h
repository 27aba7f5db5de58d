// y = what a net is fed, from pixels as the loader delivers them: flipped, coloured, normalised, padded and cast in one
// pass, so that one byte a sample crosses the bus.
//
//   pixels u8 [n,h,w,c], looks f32 [n,1,1,20] (one Look an image), y [n,h,w,c], or in another form (ops/image_form.h), of
//   the type that matrix work has in the trace's precision
//
//   p = pixels at (y, flip ? width - 1 - x : x);  q = clamp(colour * p + offset, 0, 255);  y = (q / 255 - mean) / deviation
//
// and 0 where the pixel lies outside of the look's width x height or inside of its erased rectangle, and in channels
// that a form adds. Without a gradient.
#pragma once

#include <array>
#include <vector>

#include "dlfs/graph/trace.h"
#include "dlfs/ops/image_form.h"

namespace dlfs {

// What is done to one image: 20 numbers, so that it crosses the bus as a tensor's row.
struct Look {
  float width = 0, height = 0;  // of the image within [h,w]; the rest is padding
  float flip = 0;               // 1: left and right change places
  float unused = 0;
  std::array<float, 4> erased{};  // x, y, width, height of a rectangle, after the flip
  std::array<float, 9> colour{1, 0, 0, 0, 1,
                              0, 0, 0, 1};  // rows give red, green, blue; of one channel the first counts
  std::array<float, 3> offset{};
};
inline constexpr int look_numbers = 20;
static_assert(sizeof(Look) == look_numbers * sizeof(float));

struct PrepareSettings {
  std::vector<float> mean, deviation;  // of pixels in [0,1], one a channel of the pixels
  ImageForm form = ImageForm::plain;   // of y
};
Value prepare(Value pixels, Value looks, const PrepareSettings& settings);

FunctionPtr prepare_function(const PrepareSettings& settings);

// The halves, chosen in prepare.cpp. Site: in {pixels, looks}, out {y}.
KernelPtr prepare_forward_cpu(Device&, const Site&, const PrepareSettings&);
KernelPtr prepare_forward_gpu(Device&, const Site&, const PrepareSettings&);

}  // namespace dlfs
