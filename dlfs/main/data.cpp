// dlfs data: a look at a store before a model learns from it.
#include <chrono>
#include <limits>
#include <thread>

#include "dlfs/base/error.h"
#include "dlfs/main/audit_text.h"
#include "dlfs/main/verbs.h"

namespace dlfs {
namespace {

void run_audit(const DataCommand& command, std::ostream& out) {
  const auto start = std::chrono::steady_clock::now();
  Store store(command.store, StoreUse::write);
  AuditRequest request{.threads = command.threads};
  if (request.threads == 0)
    request.threads = static_cast<int>(std::max(std::thread::hardware_concurrency(), 1U));
  if (command.all) request.listed = std::numeric_limits<size_t>::max();
  const AuditReport report = audit(store, request);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const AuditTextSettings settings{
      .store = command.store, .all = command.all, .threads = request.threads, .seconds = seconds.count()};
  out << (command.json ? audit_json(report, settings) + "\n" : audit_text(report, settings)) << std::flush;
  if (const int64_t errors = report.count(Level::error); errors > 0)
    throw PartlyDone("dlfs", concat("the audit found ", errors, errors == 1 ? " error" : " errors"));
}

}  // namespace

void run_data(const DataCommand& command, std::ostream& out) { run_audit(command, out); }

}  // namespace dlfs
