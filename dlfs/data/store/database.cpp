#include "dlfs/data/store/database.h"

#include <sqlite3.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <utility>

#include "dlfs/base/error.h"
#include "dlfs/base/file.h"

namespace dlfs {
namespace {

struct Rule {
  int what = 0, value = 0;
};
// No statement or row of ours comes near to these; what a stranger's file holds beyond is refused by SQLite itself.
constexpr std::array limits = {Rule{SQLITE_LIMIT_LENGTH, 1 << 24},     Rule{SQLITE_LIMIT_SQL_LENGTH, 1 << 14},
                               Rule{SQLITE_LIMIT_COLUMN, 64},          Rule{SQLITE_LIMIT_EXPR_DEPTH, 32},
                               Rule{SQLITE_LIMIT_COMPOUND_SELECT, 4},  Rule{SQLITE_LIMIT_ATTACHED, 0},
                               Rule{SQLITE_LIMIT_TRIGGER_DEPTH, 1},    Rule{SQLITE_LIMIT_FUNCTION_ARG, 8},
                               Rule{SQLITE_LIMIT_VARIABLE_NUMBER, 32}, Rule{SQLITE_LIMIT_WORKER_THREADS, 0}};

constexpr std::array switches = {
    Rule{SQLITE_DBCONFIG_DEFENSIVE, 1},      Rule{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
    Rule{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, Rule{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
    Rule{SQLITE_DBCONFIG_DQS_DDL, 0},        Rule{SQLITE_DBCONFIG_DQS_DML, 0},
    Rule{SQLITE_DBCONFIG_ENABLE_FKEY, 1}};

// What stands beside SQLite's words, where the user can do something about it.
std::string advice(int code) {
  switch (code & 0xff) {
    case SQLITE_BUSY:
      return "; another program has been writing for 5 s: try again when it is done";
    case SQLITE_CORRUPT:
      return "; the file is damaged: use a copy, or import again";
    case SQLITE_CANTOPEN:
      return "; is its folder there, and may it be written to (for the -wal and -shm files beside)?";
    case SQLITE_TOOBIG:
      return "; no value of a store is that large: the file is damaged";
    default:
      return "";
  }
}

}  // namespace

// A log needs files beside the store. In a folder where none can be made, and none is there, nobody writes: then the file
// is read as it lies. As SQLite wants a file with settings: percent-encoded.
static std::string name_for_sqlite(const std::string& path, bool& as_it_lies) {
  std::string full = std::filesystem::absolute(path).string();  // and never ":memory:"
  const std::string folder = std::filesystem::path(full).parent_path().string();
  as_it_lies =
      as_it_lies && ::access(folder.c_str(), W_OK) != 0 && ::access((full + "-wal").c_str(), F_OK) != 0;
  if (!as_it_lies) return full;
  std::string name = "file:";
  for (const char c : full)
    name += c == '%' ? "%25" : c == '?' ? "%3f" : c == '#' ? "%23" : std::string(1, c);
  return name + "?immutable=1";
}

Database::Database(std::string path, Access access)
    : path_(std::move(path)), writable_(access.write || access.create) {
  bool as_it_lies = !writable_;
  const std::string name = name_for_sqlite(path_, as_it_lies);
  // Who only reads may still put the log away when the last one closes; query_only below lets it change no row.
  const int flags = (as_it_lies ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    (access.create ? SQLITE_OPEN_CREATE : 0) | (as_it_lies ? SQLITE_OPEN_URI : 0) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(name.c_str(), &connection_, flags, nullptr);
  try {
    if (code != SQLITE_OK) fail_with_code(code);
    for (const Rule& limit : limits) sqlite3_limit(connection_, limit.what, limit.value);
    for (const Rule& one : switches) sqlite3_db_config(connection_, one.what, one.value, nullptr);
    sqlite3_busy_timeout(connection_, 5000);
    run(*this, "PRAGMA cell_size_check = ON");
    run(*this, "PRAGMA temp_store = MEMORY");
    run(*this, "PRAGMA synchronous = FULL");
    run(*this, "PRAGMA journal_size_limit = 67108864");
    if (!writable_) run(*this, "PRAGMA query_only = ON");
    changed_by_others();
  } catch (...) {
    close();
    throw;
  }
}

Database::~Database() { close(); }

void Database::close() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(connection_);
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }
int64_t Database::last_id() const { return sqlite3_last_insert_rowid(connection_); }
bool Database::changed_rows() const { return sqlite3_changes(connection_) > 0; }

bool Database::changed_by_others() {
  const int64_t now = integer_of(*this, "PRAGMA data_version");
  return std::exchange(version_, now) != now;
}

void Database::check_references(bool on) {
  sqlite3_db_config(connection_, SQLITE_DBCONFIG_ENABLE_FKEY, static_cast<int>(on), nullptr);
}

void Database::limit_time(std::optional<std::chrono::milliseconds> limit) {
  deadline_ = std::chrono::steady_clock::now() + limit.value_or(std::chrono::milliseconds(0));
  const auto is_late = [](void* self) {
    return static_cast<int>(std::chrono::steady_clock::now() > static_cast<Database*>(self)->deadline_);
  };
  sqlite3_progress_handler(connection_, limit ? 10'000 : 0, limit ? +is_late : nullptr, this);
}

void Database::fail(const std::string& fact) const { throw FileError("store", concat(path_, ": ", fact)); }

void Database::fail_with_code(int code) const {
  const std::string words = connection_ != nullptr ? sqlite3_errmsg(connection_) : sqlite3_errstr(code);
  fail(words + advice(code));
}

sqlite3_stmt* Database::statement(const char* sql) {
  sqlite3_stmt*& found = statements_[sql];
  if (found == nullptr) {
    const int code = sqlite3_prepare_v3(connection_, sql, -1, SQLITE_PREPARE_PERSISTENT, &found, nullptr);
    if (code != SQLITE_OK) fail_with_code(code);
  }
  DLFS_CHECK(sqlite3_stmt_busy(found) == 0, "a statement runs within itself: ", sql);
  return found;
}

Query::Query(Database& database, const char* sql, Unbound)
    : database_(database), statement_(database.statement(sql)) {}

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Query::next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) database_.fail_with_code(code);
  return false;
}

void Query::bind_integer(int place, int64_t value) { sqlite3_bind_int64(statement_, place, value); }
void Query::bind_real(int place, double value) { sqlite3_bind_double(statement_, place, value); }

void Query::bind_text(int place, std::string_view value) {
  const char* text = value.data() != nullptr ? value.data() : "";  // a null pointer would be NULL
  const int code = sqlite3_bind_text64(statement_, place, text, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) database_.fail_with_code(code);
}

void Query::bind_blob(int place, std::span<const std::byte> value) {
  const int code = sqlite3_bind_blob64(statement_, place, value.data(), value.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) database_.fail_with_code(code);
}

void Query::expect(int column, int type) const {
  const int found = sqlite3_column_type(statement_, column);
  if (found == type) return;
  constexpr std::array names = {"nothing", "an integer", "a real number", "a text", "a blob", "nothing"};
  database_.fail(concat("is damaged: ", sqlite3_column_name(statement_, column), " is ",
                        names[static_cast<size_t>(found)], ", but must be ",
                        names[static_cast<size_t>(type)]));
}

int64_t Query::integer(int column) const {
  expect(column, SQLITE_INTEGER);
  return sqlite3_column_int64(statement_, column);
}

double Query::real(int column) const {
  expect(column, SQLITE_FLOAT);
  return sqlite3_column_double(statement_, column);
}

std::string_view Query::text(int column) const {
  expect(column, SQLITE_TEXT);
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) database_.fail_with_code(SQLITE_NOMEM);
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

std::span<const std::byte> Query::blob(int column) const {
  expect(column, SQLITE_BLOB);
  const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  return {bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Query::null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

std::optional<int64_t> Query::maybe_integer(int column) const {
  return null(column) ? std::nullopt : std::optional(integer(column));
}

std::string_view Query::maybe_text(int column) const {
  return null(column) ? std::string_view() : text(column);
}

int64_t Query::within(int column, int64_t most) const {
  const int64_t value = integer(column);
  if (value < 0 || value > most)
    database_.fail(concat("is damaged: ", sqlite3_column_name(statement_, column), " is ", value,
                          ", but goes from 0 to ", most));
  return value;
}

Transaction::Transaction(Database& database, Kind kind) : database_(database) {
  if (kind == Kind::read && database.in_transaction()) return;
  if (kind == Kind::write) {
    DLFS_CHECK(!database.in_transaction(), database.path(), " is being written already");
    if (!database.writable()) database.fail("was opened for reading only");
    run(database, "BEGIN IMMEDIATE");
  } else {
    run(database, "BEGIN");
  }
  open_ = true;
}

Transaction::~Transaction() {
  try {
    undo();
  } catch (const FileError&) {  // closing the file undoes it as well
    open_ = false;
  }
}

void Transaction::undo() {
  if (std::exchange(open_, false) && database_.in_transaction()) run(database_, "ROLLBACK");
}

void Transaction::commit() {
  if (open_) run(database_, "COMMIT");
  open_ = false;
}

}  // namespace dlfs
