// Labelled images in MNIST's own format: a folder with the four files
// {train,t10k}-{images-idx3,labels-idx1}-ubyte, each plain or as .gz (the source `idx:DIR` of the command
// line). An idx file is a big-endian header (0, 0, type, dimensions, then one 32-bit size each) and its
// values. Nothing in it is believed: memory grows with the bytes that are really there, up to what the header
// declares and never above a gibibyte, and every fault is a FileError that names the file. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dlfs/data/records.h"

namespace dlfs {

struct LabelledImages {
  int count = 0, height = 0, width = 0;
  std::vector<uint8_t> pixels;  // [count,height,width,1]
  std::vector<uint8_t> labels;  // [count]
};

LabelledImages read_idx(const std::string& directory, Split split);

int max_label(const LabelledImages& images);

// The names of classes 0 to count - 1: the lines of the folder's classes.txt, or Fashion-MNIST's own where
// the folder is called so, or their numbers.
std::vector<std::string> class_names(const std::string& directory, int count);

}  // namespace dlfs
