#include "dlfs/data/records.h"

namespace dlfs {

std::string to_string(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "val";
    case Split::test:
      return "test";
    case Split::none:
      break;
  }
  return "none";
}

}  // namespace dlfs
