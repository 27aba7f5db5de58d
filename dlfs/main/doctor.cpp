#include <unistd.h>

#include "dlfs/base/text.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"

namespace dlfs {

void run_verb(const DoctorCommand&, std::ostream& out) {
  const CpuFacts cpu = cpu_facts();
  const GpuReport gpu = look_for_gpus({.memory_free = true, .nvjpeg = true});
  const auto line = [&](const std::string& what, const auto&... fact) {
    out << what << std::string(what.size() < 10 ? 10 - what.size() : 1, ' ') << concat(fact...) << "\n";
  };
  line("dlfs", DLFS_VERSION, DLFS_CUDA ? ", built with CUDA " + gpu.runtime : ", built without CUDA");
  line("cpu", cpu.model, ", ", cpu.cores, " cores, ", cpu.threads, cpu.threads == 1 ? " thread" : " threads");
  line("onednn", cpu.onednn, ", uses ", cpu.instructions);
  line("driver", gpu.driver.empty() ? "none" : "serves CUDA up to " + gpu.driver);
  for (const GpuCard& card : gpu.cards)
    line(concat("gpu:", card.index), card.name, ", sm_", card.capability, ", ",
         human_bytes(card.memory_total),
         card.memory_free > 0 ? ", " + human_bytes(card.memory_free) + " free" : "");
  line("cudnn", gpu.cudnn_path.empty() ? "none" : gpu.cudnn_version + ", " + gpu.cudnn_path);
  for (const LibraryPlace& place : gpu.cudnn_tried) line("", "looked at ", place.where, ": ", place.found);
  line("nvjpeg", gpu.nvjpeg_path.empty() ? "none, so JPEG files are decoded on the CPU"
                                         : gpu.nvjpeg_version + ", " + gpu.nvjpeg_path);
  for (const LibraryPlace& place : gpu.nvjpeg_tried) line("", "looked at ", place.where, ": ", place.found);
  const std::string taken =
      gpu.why_not.empty() ? "--device auto takes gpu:0" : "--device auto takes the CPU: " + gpu.why_not;
  out << "\n" << for_stream(STDOUT_FILENO, taken) << "\n";
}

}  // namespace dlfs
