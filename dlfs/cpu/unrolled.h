// A convolution and its gradients as products of matrices, where a map has few positions beside its filters, as the last
// ones of a network do on small images: each window of x is laid out as a row, [n * oh * ow, r * s * c], and filters and
// their gradient stay as they lie. oneDNN's convolutions spend most of their time on the filters' layouts there.
#pragma once

#include "dlfs/cpu/convolution.h"

namespace dlfs {

// Whether that is faster (by 1.1 to 5 times). y, w: the shapes of the output and the filters.
bool few_positions(const Convolution& of, const Shape& y, const Shape& w);

// As those of cpu/convolution.h, without groups.
void add_unrolled(Program&, const Convolution&, const Operand& x, const Operand& w, const Operand& bias,
                  const Operand& y);
void add_unrolled_data(Program&, const Convolution&, const Operand& d_y, const Operand& w, const Sink& d_x);
void add_unrolled_weights(Program&, const Convolution&, const Operand& x, const Operand& d_y,
                          const Sink& d_w);

}  // namespace dlfs
