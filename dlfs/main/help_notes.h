// The prose of the program's help: what stands behind the flags of each verb. Any thread.
#pragma once

namespace dlfs {

extern const char* const about_more;
extern const char* const train_notes;
extern const char* const eval_notes;
extern const char* const predict_notes;
extern const char* const bench_notes;
extern const char* const data_notes;
extern const char* const describe_notes;
extern const char* const import_notes;
extern const char* const export_notes;

}  // namespace dlfs
