#include "dlfs/base/text.h"
#include "dlfs/models/weights.h"

namespace dlfs {
namespace {

// Gluon numbers SqueezeNet 1.1's convolutions in the order of their call.
NameMap gluon_squeezenet() {
  std::vector<std::string> names = {"features.0"};
  for (const char* fire : {"3", "4", "6", "7", "9", "10", "11", "12"})
    for (const char* layer : {"squeeze", "expand1x1", "expand3x3"})
      names.push_back(concat("features.", fire, ".", layer));
  names.emplace_back("classifier.1");
  NameMap map{.source = "gluon"};
  for (size_t i = 0; i < names.size(); ++i)
    map.beginnings.emplace_back(concat("squeezenet0_conv", i, "_"), names[i] + ".");
  return map;
}

}  // namespace

const std::vector<NameMap>& name_maps() {
  static const std::vector<NameMap> all = {
      {.source = "torchvision"},  // and timm's ResNets
      {.source = "cifar", .beginnings = {{"linear.", "fc."}}},
      {.source = "data parallel", .beginnings = {{"module.linear.", "fc."}, {"module.", ""}}},
      gluon_squeezenet(),
  };
  return all;
}

std::string our_name(const NameMap& map, const std::string& theirs) {
  for (const auto& [their, our] : map.beginnings)
    if (theirs.starts_with(their)) return our + theirs.substr(their.size());
  return theirs;
}

}  // namespace dlfs
