#include "dlfs/cpu/program.h"

#include <oneapi/dnnl/dnnl_debug.h>
#include <algorithm>
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>
#include <utility>

#include "dlfs/base/error.h"

namespace dlfs {

Operand Program::temporary_bytes(size_t size) {
  Operand made;
  made.offset = scratch_bytes_;
  made.given = true;
  scratch_bytes_ += aligned(size);
  if (request_) request_(scratch_bytes_);
  return made;
}

Operand Program::temporary(const Spec& spec) {
  Operand made = temporary_bytes(bytes(spec));
  made.spec = spec;
  return made;
}

Operand Program::keep(MemoryPtr memory) {
  Operand made;
  made.data = kept_.emplace_back(std::move(memory))->data();
  made.given = true;
  return made;
}

void Program::note(const std::string& engine) {
  if (std::find(engines_.begin(), engines_.end(), engine) == engines_.end()) engines_.push_back(engine);
}

void Program::do_all(const std::vector<Call>& calls) const {
  std::byte* const scratch = static_cast<std::byte*>(scratch_());
  for (const Call& call : calls) call(scratch);
}

void add_primitive(Program& program, const dnnl::primitive_desc_base& primitive,
                   const std::vector<Argument>& arguments, When when) {
  const dnnl::engine engine = primitive.get_engine();
  std::unordered_map<int, dnnl::memory> memories;
  std::vector<std::pair<dnnl::memory, Operand>> places;
  const auto bind = [&](int id, const dnnl::memory::desc& format, const Operand& operand) {
    const dnnl::memory memory(format, engine, nullptr);
    memories.emplace(id, memory);
    places.emplace_back(memory, operand);
  };
  for (const auto& [id, operand] : arguments)
    if (operand) bind(id, primitive.query_md(dnnl::query::exec_arg_md, id), operand);
  const dnnl::memory::desc work = primitive.query_md(dnnl::query::scratchpad_md);
  if (work.get_size() > 0) bind(DNNL_ARG_SCRATCHPAD, work, program.temporary_bytes(work.get_size()));

  program.add(
      [compiled = dnnl::primitive(primitive.get()), stream = dnnl::stream(engine), memories,
       places](std::byte* scratch) {
        try {
          for (const auto& [memory, operand] : places) memory.set_data_handle(operand.at(scratch));
          compiled.execute(stream, memories);
        } catch (const dnnl::error& error) {
          refuse("execute", error);
        }
      },
      when);
}

void refuse(const std::string& call, const dnnl::error& error) {
  throw DeviceError("onednn", concat(call, " failed with status ", error.status, " (",
                                     dnnl_status2str(error.status), "): ", error.message));
}

}  // namespace dlfs
