// The one door to SQLite: a connection that is prepared for files of strangers, statements that are compiled once and
// run many times, transactions. Every failure is a FileError with the path and SQLite's own words. SQL is always a
// literal of ours; values are bound. For the rooms of data/store. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

struct sqlite3;
struct sqlite3_stmt;

namespace dlfs {

class Database {
 public:
  struct Access {
    bool write = false, create = false;
  };
  Database(std::string path, Access access);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  const std::string& path() const { return path_; }
  bool writable() const { return writable_; }
  bool in_transaction() const;
  int64_t last_id() const;    // of the last row that was inserted
  bool changed_rows() const;  // whether the last statement did

  bool changed_by_others();  // whether another connection has committed since the last call

  void check_references(bool on);  // that foreign keys point at rows: on, unless who writes knows it anyway

  // What runs longer than this fails from now on; {} for no limit.
  void limit_time(std::optional<std::chrono::milliseconds> limit);
  [[noreturn]] void fail(const std::string& fact) const;
  [[noreturn]] void fail_with_code(int code) const;

 private:
  friend class Query;
  sqlite3_stmt* statement(const char* sql);
  void close();

  std::string path_;
  bool writable_ = false;
  sqlite3* connection_ = nullptr;
  int64_t version_ = 0;                                        // of what changed_by_others() saw
  std::unordered_map<const char*, sqlite3_stmt*> statements_;  // by the literal's address
  std::chrono::steady_clock::time_point deadline_;
};

// One run of a statement, whose values are bound from ?1 on; texts and blobs must outlive it. A column is only given as
// what it is: a file in which a number is a text is damaged.
class Query {
 public:
  template <typename... Values>
  Query(Database& database, const char* sql, const Values&... values) : Query(database, sql, Unbound{}) {
    int place = 0;
    (bind(++place, values), ...);
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  const Database& database() const { return database_; }
  bool next();  // steps to the first or next row; false: there is none

  int64_t integer(int column) const;
  double real(int column) const;
  std::string_view text(int column) const;  // until next()
  std::span<const std::byte> blob(int column) const;
  bool null(int column) const;
  std::optional<int64_t> maybe_integer(int column) const;
  std::string_view maybe_text(int column) const;  // "" for NULL
  // An integer from 0 to `most`.
  int64_t within(int column, int64_t most) const;

 private:
  struct Unbound {};
  Query(Database& database, const char* sql, Unbound);

  template <typename Value>
  void bind(int place, const Value& value) {
    if constexpr (std::is_integral_v<Value> || std::is_enum_v<Value>) {
      bind_integer(place, static_cast<int64_t>(value));
    } else if constexpr (std::is_floating_point_v<Value>) {
      bind_real(place, value);
    } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
      bind_text(place, value);
    } else if constexpr (std::is_convertible_v<Value, std::span<const std::byte>>) {
      bind_blob(place, value);
    } else if (value) {  // an optional one; NULL where it is empty
      bind(place, *value);
    }
  }
  void bind_integer(int place, int64_t value);
  void bind_real(int place, double value);
  void bind_text(int place, std::string_view value);
  void bind_blob(int place, std::span<const std::byte> value);
  void expect(int column, int type) const;

  Database& database_;
  sqlite3_stmt* statement_;
};

// A statement that gives no rows, or none that anybody wants.
template <typename... Values>
void run(Database& database, const char* sql, const Values&... values) {
  Query query(database, sql, values...);
  while (query.next()) {
  }
}

// The first integer that a statement gives; 0 where it gives no row.
template <typename... Values>
int64_t integer_of(Database& database, const char* sql, const Values&... values) {
  Query query(database, sql, values...);
  return query.next() ? query.integer(0) : 0;
}

// All or nothing: what is not committed is undone. A reading one sees one moment of the store throughout; within another
// transaction it is a part of that.
class Transaction {
 public:
  enum class Kind { read, write };
  Transaction(Database& database, Kind kind);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  void commit();
  void undo();

 private:
  Database& database_;
  bool open_ = false;
};

}  // namespace dlfs
