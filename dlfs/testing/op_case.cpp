#include "dlfs/testing/op_case.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "dlfs/base/random.h"
#include "dlfs/tensor/half.h"

namespace dlfs::testing {
namespace {

constexpr size_t guard_bytes = 1024;
constexpr uint8_t guard_pattern = 0xA5;
constexpr uint8_t poison = 0xFF;  // NaN as f32, -1 as i32, 255 as u8

std::vector<std::byte> encode(const Spec& spec, const Numbers& values) {
  DLFS_CHECK(static_cast<int64_t>(values.size()) == spec.shape.count(), values.size(), " values for ",
             to_string(spec));
  std::vector<std::byte> content(bytes(spec));
  for (size_t i = 0; i < values.size(); ++i) set_number(content.data(), spec.dtype, i, values[i]);
  return content;
}

Numbers decode(const Spec& spec, const std::byte* content) {
  Numbers values(static_cast<size_t>(spec.shape.count()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = number_at(content, spec.dtype, i);
  return values;
}

Numbers rounded(Numbers values, DType dtype) {
  const Spec spec{{1, 1, 1, static_cast<int>(values.size())}, dtype};
  return dtype == DType::f32 ? values : decode(spec, encode(spec, values).data());
}

}  // namespace

Numbers random_numbers(const std::string& key, int64_t count, double low, double high) {
  const Random random(key_of(key));
  Numbers values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>(low + (high - low) * static_cast<double>(random.uniform(i)));
  return values;
}

Numbers case_input(const OpCase& of, size_t index) {
  const CaseInput& input = of.inputs[index];
  const std::string key = concat(of.name, "/in", index);
  if (!input.given.empty()) {
    Numbers values(static_cast<size_t>(input.spec.shape.count()));
    for (size_t i = 0; i < values.size(); ++i) values[i] = input.given[i % input.given.size()];
    return values;
  }
  if (is_float(input.spec.dtype))
    return rounded(random_numbers(key, input.spec.shape.count(), input.low, input.high),
                   input.matrix ? of.rounding : DType::f32);
  Numbers values = random_numbers(key, input.spec.shape.count(), 0, 1);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = input.some_ignored && i % 3 == 0 ? input.ignored : std::floor(values[i] * input.below);
  return values;
}

Numbers case_d_out(const OpCase& of, size_t index, int64_t count) {
  return rounded(random_numbers(concat(of.name, "/d_out", index), count, -1, 1), of.rounding);
}

OpCase narrow_twin(const OpCase& of, Precision precision) {
  OpCase made = wide_twin(of, precision);
  made.precision = precision;
  for (CaseInput& input : made.inputs)
    if (input.matrix && input.spec) input.spec.dtype = matrix_type(precision);
  return made;
}

OpCase wide_twin(const OpCase& of, Precision precision) {
  OpCase made = of;
  made.rounding = matrix_type(precision);
  return made;
}

std::string OpCase::as_json() const {
  std::vector<std::string> parts;
  for (const CaseInput& input : inputs) {
    const Shape& s = input.spec.shape;
    std::vector<std::string> given;
    for (const double number : input.given) given.push_back(concat(number));
    parts.push_back(input.spec
                        ? concat("{\"shape\": [", s.n, ", ", s.h, ", ", s.w, ", ", s.c, "], \"dtype\": \"",
                                 to_string(input.spec.dtype), "\", \"low\": ", input.low,
                                 ", \"high\": ", input.high, ", \"below\": ", input.below,
                                 ", \"some_ignored\": ", input.some_ignored ? "true" : "false",
                                 ", \"ignored\": ", input.ignored, ", \"given\": [", join(given, ", "), "]}")
                        : "null");
  }
  return concat("{\"name\": \"", name, "\", \"op\": \"", function->name(),
                "\", \"settings\": ", function->settings(), ", \"inputs\": [", join(parts, ", "), "]}");
}

struct OpRun::Guarded {
  std::string name;
  Tensor tensor;
  MemoryPtr memory;
};

OpRun::OpRun(Device& device, const OpCase& of) : device_(device), case_(of) {
  Inputs inputs{{}, Mode::train, of.precision};
  for (const CaseInput& input : of.inputs) inputs.specs.push_back(input.spec);
  signature_ = of.function->infer(inputs);

  for (size_t i = 0; i < of.inputs.size(); ++i) {
    const Spec& spec = of.inputs[i].spec;
    in_.push_back(spec ? add(concat("in", i), spec) : Tensor{});
    if (spec) set_input(i, case_input(of, i));
    d_in_.push_back(has_gradient(i) ? add(concat("d_in", i), spec) : Tensor{});
  }
  for (size_t i = 0; i < signature_.outputs.size(); ++i) {
    out_.push_back(add(concat("out", i), signature_.outputs[i]));
    if (!of.gradient) continue;
    if (of.first_gradient_only && i > 0) {
      d_out_.emplace_back();
      continue;
    }
    d_out_.push_back(add(concat("d_out", i), signature_.outputs[i]));
    set_d_out(i, case_d_out(of, i, signature_.outputs[i].shape.count()));
  }
  for (size_t i = 0; i < signature_.saved.size(); ++i)
    saved_.push_back(add(concat("saved", i), signature_.saved[i]));
}

OpRun::~OpRun() = default;

Tensor OpRun::add(const std::string& name, const Spec& spec) {
  const size_t size = bytes(spec);
  std::vector<uint8_t> content(size + 2 * guard_bytes, guard_pattern);
  std::memset(content.data() + guard_bytes, poison, size);
  const MemoryPtr memory = device_.allocate(content.size());
  const Spec all{{1, 1, 1, static_cast<int>(content.size())}, DType::u8};
  device_.upload({all, memory->data()}, content.data(), device_.stream());
  guarded_.push_back({name, {spec, memory->at(guard_bytes)}, memory});
  return guarded_.back().tensor;
}

bool OpRun::has_gradient(size_t input) const {
  const CaseInput& of = case_.inputs[input];
  return case_.gradient && !signature_.outputs.empty() && of.spec && of.gradient && is_float(of.spec.dtype);
}

void OpRun::set_input(size_t index, const Numbers& values) {
  device_.upload(in_[index], encode(in_[index].spec, values).data(), device_.stream());
}

void OpRun::set_d_out(size_t index, const Numbers& values) {
  device_.upload(d_out_[index], encode(d_out_[index].spec, values).data(), device_.stream());
}

void OpRun::set_results(const std::vector<Numbers>& outputs, const std::vector<Numbers>& saved) {
  for (size_t i = 0; i < out_.size(); ++i)
    device_.upload(out_[i], encode(out_[i].spec, outputs[i]).data(), device_.stream());
  for (size_t i = 0; i < saved_.size(); ++i)
    device_.upload(saved_[i], encode(saved_[i].spec, saved[i]).data(), device_.stream());
}

Site OpRun::site(bool backward, const std::vector<Write>& how) {
  Site made{in_, out_, saved_, {}, {}, scratch_, case_.precision};
  if (!backward) return made;
  const Needs needs = case_.function->needs();
  made.in.assign(in_.size(), {});
  made.out.assign(out_.size(), {});
  for (const int i : needs.inputs) made.in[i] = in_[i];
  for (const int i : needs.outputs) made.out[i] = out_[i];
  made.d_out = d_out_;
  for (size_t i = 0; i < in_.size(); ++i)
    made.d_in.push_back(how[i] == Write::skip ? Grad{} : Grad{d_in_[i], how[i]});
  return made;
}

Kernel& OpRun::forward_kernel() {
  if (!forward_) {
    forward_ = case_.function->forward(device_, site(false));
    scratch_.allocate(device_);
  }
  return *forward_;
}

std::vector<Write> OpRun::everywhere(Write how) const {
  std::vector<Write> all;
  for (const Tensor& gradient : d_in_) all.push_back(gradient ? how : Write::skip);
  return all;
}

Kernel& OpRun::backward_kernel() { return *backward_.at(everywhere(Write::set)); }

void OpRun::forward() {
  forward_kernel().run(device_.stream());
  device_.synchronize(device_.stream());
}

void OpRun::backward(Write how, const std::vector<Numbers>& before) { backward(everywhere(how), before); }

void OpRun::backward(const std::vector<Write>& how, const std::vector<Numbers>& before) {
  for (size_t i = 0; i < d_in_.size(); ++i) {
    if (!d_in_[i]) continue;
    const Numbers infinity(static_cast<size_t>(d_in_[i].shape().count()),
                           std::numeric_limits<double>::infinity());
    device_.upload(d_in_[i], encode(d_in_[i].spec, before.empty() ? infinity : before[i]).data(),
                   device_.stream());
  }
  KernelPtr& kernel = backward_[how];
  if (!kernel) {
    kernel = case_.function->backward(device_, site(true, how));
    scratch_.allocate(device_);
  }
  kernel->run(device_.stream());
  device_.synchronize(device_.stream());
}

static Numbers read(Device& device, const Tensor& tensor) {
  if (!tensor) return {};
  std::vector<std::byte> content(bytes(tensor.spec));
  device.download(tensor, content.data(), device.stream());
  return decode(tensor.spec, content.data());
}

std::vector<Numbers> OpRun::results() const {
  std::vector<Numbers> all;
  for (const Tensor& tensor : out_) all.push_back(read(device_, tensor));
  for (const int updated : signature_.updates) all.push_back(read(device_, in_[updated]));
  return all;
}

DType OpRun::result_type(size_t index) const {
  return (index < out_.size() ? out_[index] : in_[signature_.updates[index - out_.size()]]).spec.dtype;
}

std::vector<Numbers> OpRun::saved() const {
  std::vector<Numbers> all;
  for (const Tensor& tensor : saved_) all.push_back(read(device_, tensor));
  return all;
}

std::vector<Numbers> OpRun::gradients() const {
  std::vector<Numbers> all;
  for (const Tensor& tensor : d_in_) all.push_back(read(device_, tensor));
  return all;
}

std::string OpRun::broken_guards() const {
  std::vector<std::string> broken;
  for (const Guarded& guarded : guarded_) {
    std::vector<uint8_t> content(guarded.memory->size());
    const Spec all{{1, 1, 1, static_cast<int>(content.size())}, DType::u8};
    device_.download({all, guarded.memory->data()}, content.data(), device_.stream());
    const size_t end = guard_bytes + bytes(guarded.tensor.spec);
    for (size_t i = 0; i < content.size(); ++i) {
      if ((i < guard_bytes || i >= end) && content[i] != guard_pattern) {
        broken.push_back(
            concat(guarded.name, i < guard_bytes ? " before its first byte" : " after its last byte"));
        break;
      }
    }
  }
  return join(broken, ", ");
}

}  // namespace dlfs::testing
