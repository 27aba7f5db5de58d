// The program: reads the command line, runs one verb, and turns errors into a sentence and an exit code:
// 0 done; 1 --check found a difference, an audit an error, or an image could not be read; 2 the user's to mend (flags, files, machine, a loss
// that is no number); 3 a bug of ours.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <new>

#include "dlfs/base/error.h"
#include "dlfs/graph/check.h"
#include "dlfs/main/command_line.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"

namespace {

void run(const dlfs::Command& command) {
  using namespace dlfs;
  std::ostream& out = std::cout;
  std::visit([&](const auto& told) { run_verb(told, out); }, command);
  out.flush();
  if (!out) throw FileError("dlfs", "standard output cannot be written");
}

int fail(int code, const std::string& sentence) {
  std::cerr << dlfs::for_stream(STDERR_FILENO, "dlfs: " + sentence) << "\n";
  return code;
}

// Where standard output is closed, the next file that is opened would take its number, and our lines with it.
void occupy_standard_streams() {
  int number = 0;
  do number = ::open("/dev/null", O_RDONLY);  // to be written to by nobody
  while (number >= 0 && number <= STDERR_FILENO);
  if (number > STDERR_FILENO) ::close(number);
}

}  // namespace

int main(int count, char** words) {
  occupy_standard_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the write, with a sentence
  try {
    run(dlfs::parse_command_line(count, words));
    return 0;
  } catch (const dlfs::CheckError& error) {
    return fail(1, error.what());
  } catch (const dlfs::PartlyDone& error) {
    return fail(1, error.fact());
  } catch (const dlfs::InternalError& error) {
    return fail(3, error.what());
  } catch (const dlfs::Error& error) {
    return fail(2, error.who() == "dlfs" ? error.fact() : error.what());
  } catch (const std::bad_alloc&) {
    return fail(2, "there is not enough memory for this");
  } catch (const std::exception& error) {
    return fail(3, std::string("[bug] ") + error.what());
  }
}
