#include "dlfs/testing/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "dlfs/base/file.h"
#include "dlfs/base/text.h"

namespace dlfs::testing {
namespace {

void open_as(int number, const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0666);
  if (file < 0 || ::dup2(file, number) < 0) ::_exit(126);
  ::close(file);
}

}  // namespace

Spawn::Spawn(const std::vector<std::string>& words, const SpawnSettings& settings) {
  std::string program = (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "dlfs").string();
  std::vector<std::string> all = {program};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> pointers;  // as execv wants them
  pointers.reserve(all.size() + 1);
  for (std::string& word : all) pointers.push_back(word.data());
  pointers.push_back(nullptr);

  const std::string out = settings.out.empty() ? folder_ / "out" : settings.out, err = folder_ / "err";
  pid_ = ::fork();
  if (pid_ != 0) return;
  if (settings.out_closed)
    ::close(STDOUT_FILENO);
  else
    open_as(STDOUT_FILENO, out);
  open_as(STDERR_FILENO, err);
  if (settings.max_file_bytes > 0) {
    const rlimit limit{settings.max_file_bytes, settings.max_file_bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ::execv(program.c_str(), pointers.data());
  ::_exit(127);
}

Spawn::~Spawn() {
  if (pid_ <= 0) return;
  signal(SIGKILL);
  wait();
}

void Spawn::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

Ended Spawn::wait() {
  Ended ended;
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_ && WIFEXITED(status)) ended.code = WEXITSTATUS(status);
  pid_ = -1;
  const auto text = [&](const std::string& name) {
    const std::string path = folder_ / name;
    return std::filesystem::exists(path) ? std::string(text_of(read_file(path))) : "";
  };
  ended.out = text("out");
  ended.err = text("err");
  return ended;
}

Ended run_program(const std::vector<std::string>& words, const SpawnSettings& settings) {
  return Spawn(words, settings).wait();
}

void expect_refused(const std::vector<std::string>& words, const std::string& sentence) {
  const Ended ended = run_program(words);
  EXPECT_EQ(ended.err, "dlfs: " + sentence + "\n");
  EXPECT_EQ(ended.code, 2) << join(words, " ");
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    names.push_back(std::filesystem::relative(entry.path(), folder).string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace dlfs::testing
