#include "dlfs/ops/concat/concat.h"

#include <limits>

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

class Concat : public OpFunction<ConcatSettings> {
 public:
  explicit Concat(const ConcatSettings& settings) : OpFunction("concat", settings, DLFS_HALVES(concat)) {}

  std::string settings() const override {
    return concat(R"({"channels": [)", join(settings_.channels, ", "), "]}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() >= 1 && in.size() == settings_.channels.size(), in.size(), " maps");
    const Shape first = in[0].shape;
    int64_t channels = 0;
    for (size_t i = 0; i < in.size(); ++i) {
      const Shape& map = in[i].shape;
      DLFS_CHECK(map.c == settings_.channels[i], "map ", i, " is ", to_string(map));
      check_map("concat", concat("map ", i), in[i]);
      if (in[i].dtype != in[0].dtype)
        refuse("map ", i, " is ", to_string(in[i]), ", but map 0 is ", to_string(in[0]),
               "; give all one type");
      if (map.n != first.n || map.h != first.h || map.w != first.w)
        refuse("map ", i, " is ", to_string(map), ", but map 0 is ", to_string(first),
               "; only their channels may differ");
      channels += map.c;
    }
    if (channels > std::numeric_limits<int>::max()) refuse(channels, " channels are too many");
    return {.outputs = {{{first.n, first.h, first.w, static_cast<int>(channels)}, in[0].dtype}}};
  }
};

}  // namespace

FunctionPtr concat_function(const ConcatSettings& settings) { return std::make_shared<Concat>(settings); }

Value concat(const std::vector<Value>& maps) {
  if (maps.empty()) throw ShapeError("concat", "there are no maps; give one or more");
  ConcatSettings settings;
  for (const Value& map : maps) {
    if (!map) throw ShapeError("concat", concat("map ", settings.channels.size(), " is a null value"));
    settings.channels.push_back(map.shape().c);
  }
  return maps[0].trace().apply(concat_function(settings), maps)[0];
}

}  // namespace dlfs
