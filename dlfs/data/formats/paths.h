// Names of files: what annotation files say, judged before anybody believes it, and what folders hold; and small texts.
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlfs/data/records.h"

namespace dlfs {

// The path as a store keeps it (a/b.jpg for .\a\b.jpg and ./a//b.jpg), or nothing where it is empty, absolute, leads
// upwards, or holds a control character.
std::optional<std::string> relative_path(std::string_view path);
inline constexpr const char* no_relative_path = "but must be a path within the image folder, without \"..\"";

// {"a/b.jpg", "jpg"}: whether the name ends so, in any case.
bool ends_with(std::string_view path, std::string_view ending);
bool is_image_name(std::string_view path);          // .jpg, .jpeg, .png, .pgm
std::string without_ending(std::string_view path);  // a/b.c.jpg -> a/b.c
std::string file_name(std::string_view path);       // the last part

// train, train2017, val, valid, test-dev: what such a name says of its images.
std::optional<Split> split_of(std::string_view name);

bool is_folder(const std::string& path);
bool is_file(const std::string& path);

struct Listing {
  std::vector<std::string> files;  // relative and sorted
  int64_t left_out = 0;            // files that are hidden or not of the kind
};
// The images beneath a folder, at any depth; hidden files and folders stay out, and a link to a folder is refused: it
// would not be followed when images are read.
Listing images_beneath(const std::string& folder);
// The names in a folder (not beneath), sorted, without the hidden ones; of an ending, those that have it.
std::vector<std::string> names_in(const std::string& folder, std::string_view ending = "");

// Without the byte order mark that Windows puts before UTF-8.
std::string_view without_mark(std::string_view text);

// Without the space around it.
std::string trimmed(std::string_view text, std::string_view space = " \t");

// What others wrote, as a message shows it: in quotes, and cut where it is long.
std::string quoted(const std::string& text);

// The lines of a small text file, without line ends and mark.
std::vector<std::string> lines_of(const std::string& path);

}  // namespace dlfs
