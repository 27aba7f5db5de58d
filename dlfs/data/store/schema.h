// The tables of an annotation store, and the proof that a file has these and nothing else. For the rooms of data/store.
#pragma once

#include "dlfs/data/store/database.h"

namespace dlfs {

// Makes the tables where the file is an empty database; two who try at once both find them made.
void create_schema(Database& database);

// Throws FileError unless the file calls itself a store of this version, its schema is ours to the letter (so no view,
// trigger, virtual table or generated column is in it), and, up to 128 MiB (a quarter of a second), SQLite's quick_check
// finds every page and value whole. Of a larger file the pages are checked as they are read. Such a check that takes more
// than 10 s is a refusal.
void check_schema(Database& database);

}  // namespace dlfs
