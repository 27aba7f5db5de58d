// What a CPU half makes: a Kernel that is a list of calls (oneDNN's primitives, plain loops), done in order by
// the thread that runs it. The calls of cpu/convolution.h, cpu/matmul.h and cpu/loops.h append themselves.
//
// Working memory is asked for while the program is made and found when it runs: an Operand is a tensor at a
// fixed address, or at an offset into that memory, and each call gets the address where the memory begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dlfs/base/text.h"
#include "dlfs/tensor/device.h"
#include "dlfs/tensor/tensor.h"

namespace dnnl {
struct error;
struct primitive_desc_base;
}  // namespace dnnl

namespace dlfs {

struct Operand {
  Operand() = default;
  Operand(const Tensor& tensor) : spec(tensor.spec), data(tensor.data), given(tensor.data != nullptr) {}

  template <typename T = float>
  T* at(std::byte* scratch) const {
    return static_cast<T*>(data == nullptr ? static_cast<void*>(scratch + offset) : data);
  }
  explicit operator bool() const { return given; }

  Spec spec;
  void* data = nullptr;
  size_t offset = 0;
  bool given = false;  // a null tensor is none
};

// When a call is made: in each run, or in refresh() alone (what is made of inputs that change only between runs).
enum class When : uint8_t { run, refresh };

class Program : public Kernel {
 public:
  using Call = std::function<void(std::byte* scratch)>;

  // `scratch` says, whenever the program runs, where scratch_bytes() of working memory are; `request` hears how many these
  // are as calls are added.
  explicit Program(std::function<void*()> scratch, std::function<void(size_t)> request = nullptr)
      : scratch_(std::move(scratch)), request_(std::move(request)) {}

  void add(Call call, When when = When::run) {
    (when == When::run ? calls_ : refresh_calls_).push_back(std::move(call));
  }
  // A tensor, or bytes in a format of a vendor's own, that lives while the program runs.
  Operand temporary(const Spec& spec);
  Operand temporary_bytes(size_t size);
  // Memory that stays, for what refresh() makes.
  Operand keep(MemoryPtr memory);
  // Notes which of oneDNN's implementations serves the work, for engine() to tell.
  void note(const std::string& engine);

  size_t scratch_bytes() const { return scratch_bytes_; }

  void run(Stream) override { do_all(calls_); }
  void refresh(Stream) override { do_all(refresh_calls_); }
  std::string engine() const override { return engines_.empty() ? "own" : "onednn " + join(engines_, ", "); }

 private:
  void do_all(const std::vector<Call>& calls) const;

  std::function<void*()> scratch_;
  std::function<void(size_t)> request_;
  std::vector<Call> calls_, refresh_calls_;
  std::vector<MemoryPtr> kept_;
  size_t scratch_bytes_ = 0;
  std::vector<std::string> engines_;
};

// A program whose working memory is a Site's scratch.
template <typename Scratch>
std::unique_ptr<Program> program_in(Scratch& scratch) {
  return std::make_unique<Program>([&scratch] { return scratch.data(); },
                                   [&scratch](size_t size) { scratch.request(size); });
}

// For the files that speak to oneDNN. An argument's format is the one that the primitive states.
struct Argument {
  int id;  // DNNL_ARG_SRC
  Operand operand;
};
void add_primitive(Program& program, const dnnl::primitive_desc_base& primitive,
                   const std::vector<Argument>& arguments, When when = When::run);

// Throws a DeviceError: the call that failed, its status and oneDNN's words.
[[noreturn]] void refuse(const std::string& call, const dnnl::error& error);

}  // namespace dlfs
