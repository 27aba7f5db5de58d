// What the transforms of the look write into a sample's Look, for `prepare` to do on the device. Any thread.
#pragma once

#include "dlfs/base/random.h"
#include "dlfs/data/augment/recipe.h"
#include "dlfs/ops/prepare/prepare.h"

namespace dlfs {

void apply(const ColourJitter& t, Look& look, int channels, const Random& random);
void apply(const RandomErase& t, Look& look, Size size, const Random& random);

}  // namespace dlfs
