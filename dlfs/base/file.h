// Whole files in and out. read_file takes regular files only and never more than its limit; write_file shows
// the old file or the new one and nothing between, whatever fails and whenever the power goes; LineFile holds
// whole lines only. Every failure is a FileError with the path and the system's own words. Any thread, but a
// LineFile is its owner's.
//
// A program that limits its file sizes must ignore SIGXFSZ, or the system ends it before it can report EFBIG.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dlfs {

using Bytes = std::vector<std::byte>;

struct ReadLimits {
  uint64_t max_bytes = uint64_t{1} << 30;
};

Bytes read_file(const std::string& path, ReadLimits limits = {});

// The first bytes of a file, as many as are wanted and there, and the size of all.
struct FileStart {
  Bytes bytes;
  uint64_t size = 0;
};
FileStart read_file_start(const std::string& path, size_t wanted);

// Written aside in the same folder, synced, renamed over `path`, and the folder synced.
void write_file(const std::string& path, std::span<const std::byte> bytes);
void write_file(const std::string& path, std::string_view text);

// The folder and its parents; one that exists already is fine.
void make_directories(const std::string& path);

// Throws a FileError, "PATH: cannot DEED: ", with the system's words for the code.
[[noreturn]] void fail_to(const std::string& path, const char* deed, int code);

inline std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A file that is not there yet, written at once and without waiting for the disk.
void write_new(const std::string& path, std::string_view text);

// Renames what was written aside, and syncs the folder that it is in then. Old: what becomes of a file that is there.
enum class Old { refuse, replace };
void put_in_place(const std::string& aside, const std::string& path, Old old);

// An open file of the system, closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  int number() const { return number_; }

 private:
  int number_;
};

// As above, of a file that is open; errors call it `path`.
void read_file(const Descriptor& file, const std::string& path, Bytes& into, ReadLimits limits = {});
FileStart read_file_start(const Descriptor& file, const std::string& path, size_t wanted);

// A file that grows by pieces, however large: written aside, and seen under its path once commit() is through. Without that
// nothing is left of it.
class NewFile {
 public:
  explicit NewFile(std::string path, Old old = Old::refuse);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();
  void write(std::string_view text);
  void commit();

 private:
  int open_aside();
  void flush(std::string_view text);

  std::string path_, aside_, buffer_;
  Old old_;
  Descriptor file_;
  bool done_ = false;
};

// A log that grows by lines: each is in the file when append returns, and a line that does not fit (a full
// disk) is taken back before the throw.
class LineFile {
 public:
  explicit LineFile(std::string path);  // goes on after what is there
  void append(std::string_view line);   // without its newline

 private:
  std::string path_;
  Descriptor file_;
};

}  // namespace dlfs
