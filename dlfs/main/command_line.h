// The command line of the program: what each verb can be told, as plain settings, and the text that says so. One thread.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "dlfs/data/formats/formats.h"
#include "dlfs/train/train.h"

namespace dlfs {

struct TrainCommand {
  std::string model = "lenet";
  std::string data;             // a store, or "idx:DIR"
  std::string device = "auto";  // "auto", "cpu", "gpu:N"
  std::string run;              // the folder to make; "" for runs/MODEL-DATE-TIME
  std::string weights;          // a file of weights to begin with, or ""
  bool check = false;
  bool table = false, profile = false;
  std::optional<Augment> augment;  // else the model's usual one
  int test_resize = 0;             // Model::test_resize
  TrainSettings settings;
};

struct EvalCommand {
  std::string weights, data;
  std::string device = "auto";
  Precision precision = Precision::f32;
};

struct PredictCommand {
  std::string weights;
  std::vector<std::string> images;
  int top = 3;
  bool json = false;
  std::string device = "auto";
  Precision precision = Precision::f32;
};

struct BenchCommand {
  std::string what,
      name;  // "train" or "infer" and a model, "ops" and a part of their names, "load" and a store; "card"
  int batch = 64;
  int classes = 10, rounds = 0;        // of train and infer; rounds 0: as many as half a second has
  bool profile = false, fast = false;  // of train and infer; of train: TrainSettings::fast
  int threads = 0;                     // of load; 0: as suits the device
  bool decode_on_device = false;
  std::optional<Size> size;  // of images; else 224x224 for load, and the model's
  bool table = false;
  std::string device = "auto";
  Precision precision = Precision::f32;
};

struct DataCommand {
  std::string what, store;  // "audit" or "browse"
  bool all = false, json = false;
  int threads = 0;
  std::string out, category;  // of browse, as all that follows
  std::optional<Split> split;
  int count = 60;
  uint64_t seed = 1;
  Augment augment;
  Size size = {224, 224};
};

struct DescribeCommand {
  std::string model;
  int batch = 1, classes = 10;
};

struct ImportCommand {
  ImportRequest request;
  std::string store;
};

struct ExportCommand {
  ExportRequest request;
  std::string store;
};

struct DoctorCommand {};

// What was asked for is an answer in itself: help, a version.
struct ShowText {
  std::string text;
};

using Command = std::variant<TrainCommand, EvalCommand, PredictCommand, BenchCommand, DescribeCommand,
                             DataCommand, ImportCommand, ExportCommand, DoctorCommand, ShowText>;

// Throws UsageError with a sentence, and the nearest name where a word looks like a slip.
Command parse_command_line(int count, const char* const* words);

std::string command_line_page();  // docs/cli.md: every help text

}  // namespace dlfs
