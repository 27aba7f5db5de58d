// An audit's report as a person reads it, in 80 columns, and as a program does. Any thread.
#pragma once

#include <string>

#include "dlfs/data/review/audit.h"

namespace dlfs {

struct AuditTextSettings {
  std::string store;
  bool all = false;  // every finding and class, not the first few
  int threads = 1;
  double seconds = 0;
};

std::string audit_text(const AuditReport& report, const AuditTextSettings& settings);
std::string audit_json(const AuditReport& report, const AuditTextSettings& settings);  // one object

}  // namespace dlfs
