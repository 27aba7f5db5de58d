// Training that goes on from weights that are there: a model file of ours, or other people's (models/weights.h). One thread.
#pragma once

#include <string>

#include "dlfs/models/weights.h"
#include "dlfs/train/images.h"

namespace dlfs {

PrepareSettings imagenet_statistics();  // of colour

// What the net of a file's weights is used to: in a model file of ours the mean and deviation that stand in it; else ImageNet's,
// by which the sources of name_maps() normalise. Throws FileError where the file cannot be read, or has images of other
// channels.
PrepareSettings statistics_of_weights(const std::string& path, const Model& model);

// Gives a State without memory the model's parameters and statistics, with the file's values where names and shapes fit. Of
// another number of classes the last layer begins anew. Throws FileError where less than half of the tensors fit.
WeightsReport start_from(const std::string& path, State& state, Device& device, const Model& model,
                         int classes);

}  // namespace dlfs
