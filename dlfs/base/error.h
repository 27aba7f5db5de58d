// The one family of exceptions. Everything that a user's data, files, flags or machine can cause is thrown as
// a dlfs::Error and reads "[who] the fact with both values, and what to do"; our own mistakes end in
// DLFS_CHECK, which stays on in release builds. The library never prints and never exits. Any thread.
#pragma once

#include <stdexcept>
#include <string>

#include "dlfs/base/text.h"

namespace dlfs {

class Error : public std::runtime_error {
 public:
  Error(std::string who, std::string fact)
      : std::runtime_error("[" + who + "] " + fact), who_(std::move(who)), fact_(std::move(fact)) {}
  const std::string& who() const { return who_; }
  const std::string& fact() const { return fact_; }

 private:
  std::string who_, fact_;
};

// A shape, type or setting that an op or a graph cannot take. The trace adds the layer's path to the fact.
class ShapeError : public Error {
 public:
  using Error::Error;
};

// A device that is not there, or a vendor's call that failed (with call, code and the vendor's words).
class DeviceError : public Error {
 public:
  using Error::Error;
};

// A file or folder that cannot be read, written or believed; the fact names it.
class FileError : public Error {
 public:
  using Error::Error;
};

// A command line or a settings file that asks for what does not exist.
class UsageError : public Error {
 public:
  using Error::Error;
};

// A broken promise between our own parts: a bug of dlfs, never of its user.
class InternalError : public Error {
 public:
  using Error::Error;
};

}  // namespace dlfs

#define DLFS_CHECK(condition, ...)                                                                     \
  do {                                                                                                 \
    if (!(condition))                                                                                  \
      throw ::dlfs::InternalError(                                                                     \
          "bug", ::dlfs::concat(__FILE__, ":", __LINE__, ": " #condition " is false; ", __VA_ARGS__)); \
  } while (false)
