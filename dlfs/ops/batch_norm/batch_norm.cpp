#include "dlfs/ops/batch_norm/batch_norm.h"

#include "dlfs/ops/halves.h"

namespace dlfs {
namespace {

enum Input : size_t { in_x, in_scale, in_bias, in_mean, in_variance, in_sums, in_shortcut };
constexpr size_t per_side = 6;  // inputs

int64_t positions(const Shape& x) { return int64_t{x.n} * x.h * x.w; }

// The shape rule of one side, x and its norm, from input `first` on.
void check_side(const Inputs& in, size_t first, const char* whose) {
  const auto refuse = [](const auto&... fact) { throw ShapeError("batch_norm", concat(fact...)); };
  const Spec& x = in[first + in_x];
  const Spec channels{{1, 1, 1, x.shape.c}};
  constexpr const char* names[] = {"scale", "bias", "mean", "variance"};
  for (size_t i = 0; i < 4; ++i)
    if (in[first + in_scale + i] != channels)
      refuse(whose, names[i], " is ", to_string(in[first + in_scale + i]), ", but x ", to_string(x),
             " needs ", to_string(channels));
  const Spec sums{{1, 1, 2, x.shape.c}};
  if (in[first + in_sums] && in[first + in_sums] != sums)
    refuse(whose, "sums are ", to_string(in[first + in_sums]), ", but x ", to_string(x), " needs ",
           to_string(sums));
}

class BatchNormFunction : public OpFunction<BatchNormSettings> {
 public:
  explicit BatchNormFunction(const BatchNormSettings& settings)
      : OpFunction("batch_norm", settings, DLFS_HALVES(batch_norm)) {}

  const BatchNormSettings& of() const { return settings_; }

  std::string settings() const override {
    const auto word = [](bool value) { return value ? "true" : "false"; };
    return concat(R"({"epsilon": )", settings_.epsilon, R"(, "momentum": )", settings_.momentum,
                  R"(, "relu": )", word(settings_.relu), R"(, "frozen": )", word(settings_.frozen),
                  R"(, "projects": )", word(settings_.projects), R"(, "moments": )", word(settings_.moments),
                  "}");
  }

  Signature infer(const Inputs& in) const override {
    DLFS_CHECK(in.size() == 2 * per_side, "batch_norm takes twelve inputs");
    const Spec &x = in[in_x], &shortcut = in[in_shortcut];
    if (!is_float(x.dtype)) refuse("x is ", to_string(x), ", but must be f32, f16 or bf16");
    check_side(in, 0, "");
    if (shortcut && shortcut != x)
      refuse("x is ", to_string(x), ", but the shortcut is ", to_string(shortcut), "; they are added");
    if (settings_.projects) {
      check_side(in, per_side, "the shortcut's ");
      if (!settings_.frozen && static_cast<bool>(in[in_sums]) != static_cast<bool>(in[per_side + in_sums]))
        refuse("sums are given for ", in[in_sums] ? "x" : "the shortcut", " alone; give both or neither");
    }
    if (!settings_.frozen && positions(x.shape) < 2)
      refuse("x is ", to_string(x),
             ": one position has no variance; use a larger batch or map, or freeze the norm");
    const int64_t terms = settings_.frozen ? 1 : positions(x.shape), sums = positions(x.shape);
    Signature signature{.outputs = {x, {{1, 1, 2, x.shape.c}}},
                        .without_gradient = {in_sums, per_side + in_sums},
                        .terms = terms,
                        .gradient_terms = {terms, sums, sums, 1, 1, 1, terms, sums, sums, 1, 1, 1}};
    if (settings_.projects) signature.outputs.push_back(signature.outputs[1]);
    if (shortcut && settings_.relu)
      signature.saved = {{{1, 1, 1, static_cast<int>((x.shape.count() + 7) / 8)}, DType::u8}};
    return signature;
  }

  Needs needs() const override {
    if (settings_.projects)
      return {.inputs = {in_x, in_scale, in_bias, in_shortcut, per_side + in_scale, per_side + in_bias},
              .outputs = {1, 2}};
    return {.inputs = {in_x, in_scale, in_bias}, .outputs = {1}};
  }
};

class Statistics : public OpFunction<StatisticsSettings> {
 public:
  explicit Statistics(const StatisticsSettings& settings)
      : OpFunction("batch_norm_statistics", settings, DLFS_HALVES_WITHOUT_GRADIENT(statistics)) {}

  std::string settings() const override {
    return concat(R"({"momentum": [)", join(settings_.momentum, ", "), R"(], "count": [)",
                  join(settings_.count, ", "), "]}");
  }

  Signature infer(const Inputs& in) const override {
    const size_t norms = settings_.momentum.size();
    DLFS_CHECK(in.size() == 1 + 3 * norms && settings_.count.size() == norms, in.size(), " inputs for ",
               norms, " norms");
    Signature signature;
    for (size_t i = 0; i < norms; ++i) {
      const Spec &mean = in[1 + i], &variance = in[1 + norms + i], &statistics = in[1 + 2 * norms + i];
      if (variance != mean || statistics != Spec{{1, 1, 2, mean.shape.c}})
        throw ShapeError("batch_norm", concat("running mean ", i, " is ", to_string(mean),
                                              ", but the variance is ", to_string(variance),
                                              " and the batch's statistics are ", to_string(statistics)));
      signature.updates.push_back(static_cast<int>(1 + i));
      signature.updates.push_back(static_cast<int>(1 + norms + i));
    }
    return signature;
  }
};

void append(std::vector<Value>& in, const Value& x, const BatchNorm& norm) {
  for (const Value& value : {x, norm.scale, norm.bias, norm.mean, norm.variance, norm.sums})
    in.push_back(value);
}

}  // namespace

BatchNormSite::BatchNormSite(const Site& site) : y(site.out[0]), shape{} {
  const auto fill = [&](Side& side, size_t first, size_t statistics) {
    side.x = site.in[first + in_x];
    side.scale = site.in[first + in_scale];
    side.bias = site.in[first + in_bias];
    side.mean = site.in[first + in_mean];
    side.variance = site.in[first + in_variance];
    side.sums = site.in[first + in_sums];
    if (statistics < site.out.size()) side.statistics = site.out[statistics];
    if (site.d_in.empty()) return;
    side.d_x = site.d_in[first + in_x];
    side.d_scale = site.d_in[first + in_scale];
    side.d_bias = site.d_in[first + in_bias];
  };
  fill(main, 0, 1);
  fill(shortcut, per_side, 2);
  if (!site.saved.empty()) mask = site.saved[0];
  if (!site.d_out.empty()) d_y = site.d_out[0];
  shape = main.x.shape();
}

FunctionPtr batch_norm_function(const BatchNormSettings& settings) {
  return std::make_shared<BatchNormFunction>(settings);
}

FunctionPtr statistics_function(const StatisticsSettings& settings) {
  return std::make_shared<Statistics>(settings);
}

Value norm_act(Value x, const BatchNorm& norm, const BatchNormSettings& settings) {
  return norm_add_act(x, norm, {}, settings);
}

Value norm_add_act(Value x, const BatchNorm& norm, const Shortcut& shortcut,
                   const BatchNormSettings& settings) {
  BatchNormSettings used = settings;
  used.projects = static_cast<bool>(shortcut.norm.scale);
  used.moments = norm.moments;
  DLFS_CHECK(!shortcut.norm.moments, "a projection's norm takes sums");
  used.frozen |= x.trace().settings().mode == Mode::infer;
  std::vector<Value> in;
  append(in, x, norm);
  append(in, shortcut.x, shortcut.norm);
  return x.trace().apply(batch_norm_function(used), in)[0];
}

void update_statistics(Trace& trace, Value factor) {
  StatisticsSettings settings;
  std::vector<Value> means, variances, statistics;
  for (const Graph::Call& call : trace.graph().calls) {
    const auto* norm = dynamic_cast<const BatchNormFunction*>(call.function.get());
    if (norm == nullptr || norm->of().frozen) continue;
    for (const size_t side : {0, 1}) {
      if (side == 1 && !norm->of().projects) continue;
      const size_t first = side * per_side;
      means.push_back(trace.value(call.in[first + in_mean]));
      variances.push_back(trace.value(call.in[first + in_variance]));
      statistics.push_back(trace.value(call.out[1 + side]));
      settings.momentum.push_back(norm->of().momentum);
      settings.count.push_back(positions(trace.value(call.in[0]).shape()));
    }
  }
  if (means.empty()) return;
  std::vector<Value> in = {factor};
  for (const auto* list : {&means, &variances, &statistics}) in.insert(in.end(), list->begin(), list->end());
  trace.update(statistics_function(settings), in);
}

}  // namespace dlfs
