// What stands on somebody's terminal: nothing that it would take for a command, and lines that fit. Any thread.
#pragma once

#include <string>

namespace dlfs {

// Names come from files: control characters and what is no UTF-8 become \xNN, byte by byte.
std::string printable(const std::string& text);

// Lines of at most so many columns, broken between words; a longer word stays whole.
std::string wrapped(const std::string& text, int columns);

// Both, where the stream of this number (as STDERR_FILENO) is a terminal; else printable alone.
std::string for_stream(int number, const std::string& text);

// A bar that fills this part, 0 to 1, of so many columns, to half a column.
std::string bar(double part, int columns);

}  // namespace dlfs
