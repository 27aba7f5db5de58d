// Where a library that is opened at run time may lie on this machine. Any thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace dlfs {

// What is looked for.
struct Library {
  std::string variable;             // of the environment: names a file or a folder, and then nothing else
  std::vector<std::string> files;   // the loader's own names, the wanted first: "libcudnn.so.9"
  std::vector<std::string> wheels;  // where pip's packages have it: "nvidia/cudnn/lib"
};

// A place that was looked at, and what was there: "cuDNN 9.19.0", or the loader's complaint.
struct LibraryPlace {
  std::string where, found;
};

// What to hand to the loader, in this order: what the variable names, the names alone, CUDA's folder, the system's, and
// what pip installed for the Pythons that are found.
std::vector<std::string> library_places(const Library& library);

// Opens the places in their order and hands each file to `take`, which says what it found and whether it serves. The files
// stay open: the driver may hold code of theirs. ensures: false where none serves.
bool open_library(const Library& library, const std::function<bool(void* file, std::string& found)>& take,
                  std::vector<LibraryPlace>& tried);

// The file that a function came from, or "".
std::string file_of(const void* function);

}  // namespace dlfs
