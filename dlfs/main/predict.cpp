#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <new>

#include "dlfs/base/error.h"
#include "dlfs/base/json.h"
#include "dlfs/base/text.h"
#include "dlfs/data/codec/decode.h"
#include "dlfs/data/loader/sample.h"
#include "dlfs/main/terminal.h"
#include "dlfs/main/verbs.h"
#include "dlfs/train/evaluate.h"

namespace dlfs {
namespace {

constexpr int bar_width = 28, widest_name = 36;

// One image on its way: what was read of it, or why it could not be.
struct Seen {
  std::string path, fault;
  Size size = {};
  int channels = 0;
};

// A file as a source of one image, so that it comes to the model as those of an evaluation do.
class OneFile : public Source {
 public:
  explicit OneFile(const std::string& path)
      : Source({}), path_(path), file_(read_file(path)), header_(inspect_image(file_, path)) {}

  const ImageHeader& header() const { return header_; }
  uint32_t count() const override { return 1; }
  Subject subject(uint32_t) const override { return {.size = header_.size, .boxes = {}}; }
  std::string name(uint32_t) const override { return path_; }
  void load(uint32_t, const DecodeRequest& request, Bytes&, Decoded& into) const override {
    decode_image(file_, path_, request, into);
  }

 private:
  std::string path_;
  Bytes file_;
  ImageHeader header_;
};

// "640x480 colour, made gray, averaged down to 28x28"
std::string what_was_done(const Seen& seen, const Model& model) {
  const Shape& input = model.input;
  std::string text = concat(seen.size.width, "x", seen.size.height, seen.channels == 3 ? " colour" : " gray");
  if (seen.channels != input.c) text += input.c == 1 ? ", made gray" : ", made three channels";
  if (model.test_resize > 0) {
    const auto [least, most] = std::minmax(seen.size.width, seen.size.height);
    const bool capped = int64_t{most} * model.test_resize > int64_t{least} * largest_test_resize;
    return concat(text, capped ? ", the longer" : ", the shorter", " side made ",
                  capped ? largest_test_resize : model.test_resize, ", the middle ", input.w, "x", input.h);
  }
  const bool shrinks = seen.size.width > input.w || seen.size.height > input.h,
             grows = seen.size.width < input.w || seen.size.height < input.h;
  if (shrinks || grows)
    text += concat(!grows    ? ", averaged down to "
                   : shrinks ? ", brought to "
                             : ", interpolated to ",
                   input.w, "x", input.h);
  return text;
}

std::string as_json(const Seen& seen, std::span<const Prediction> top,
                    const std::vector<std::string>& classes) {
  JsonWriter line;
  line.object().field("image", seen.path);
  if (!seen.fault.empty()) return line.field("error", seen.fault).close().text();
  line.field("width", seen.size.width).field("height", seen.size.height).field("channels", seen.channels);
  line.key("classes").array();
  for (const Prediction& one : top)
    line.object()
        .field("class", classes[one.label])
        .field("index", one.label)
        .field("probability", one.probability)
        .close();
  return line.close().close().text();
}

// A line a class: its name, its probability, and a bar; the same columns for every image.
std::string as_text(std::span<const Prediction> top, const std::vector<std::string>& classes) {
  int widest = 0;
  for (const std::string& name : classes) widest = std::min(std::max(widest, width(name)), widest_name);
  std::string text;
  for (const Prediction& one : top) {
    const std::string name = cut(classes[one.label], widest), percent = fixed(100.0 * one.probability, 1);
    text += concat("  ", name, std::string(widest - width(name) + 7 - percent.size(), ' '), percent, " %  ",
                   bar(one.probability, bar_width), "\n");
  }
  return text;
}

// Reads images, brings them to the model's input and prints what it sees, as many at a time as an evaluator takes.
class Predictor {
 public:
  Predictor(const PredictCommand& command, const ModelDescription& description, const Model& model,
            Evaluator& evaluator)
      : command_(command),
        description_(description),
        model_(model),
        evaluator_(evaluator),
        recipe_(evaluation_recipe(model)) {
    pixels_.resize(static_cast<size_t>(model.input.count()));
    for (const std::string& name : description.classes) names_.push_back(printable(name));
  }

  void add(const std::string& path) {
    Seen& seen = seen_.emplace_back(Seen{.path = path, .fault = ""});
    try {
      const OneFile file(path);
      maker_.make(file, recipe_, 0, 0, pixels_);
      seen.size = file.header().size;
      seen.channels = file.header().channels;
      inputs_.insert(inputs_.end(), pixels_.begin(), pixels_.end());
    } catch (const FileError& error) {
      seen.fault = error.what();
    } catch (const std::bad_alloc&) {
      seen.fault = concat("[image] ", path, ": is too large for the memory that there is");
    }
    if (!seen.fault.empty()) ++failed_;
  }

  // Prints all that were added, in their order.
  void flush(std::ostream& out) {
    const size_t classes = description_.classes.size();
    const std::vector<float> logits = evaluator_.logits(inputs_);
    size_t at = 0;
    for (const Seen& seen : seen_) {
      std::vector<Prediction> top;
      if (seen.fault.empty()) {
        top = ranked(std::span(logits).subspan(at, classes));
        top.resize(std::min<size_t>(command_.top, top.size()));
        at += classes;
      } else {
        out.flush();
        std::cerr << for_stream(STDERR_FILENO, "dlfs: " + seen.fault) << std::endl;
      }
      if (command_.json)
        out << as_json(seen, top, description_.classes) << "\n";
      else if (seen.fault.empty())
        out << for_stream(STDOUT_FILENO, seen.path + ": " + what_was_done(seen, model_)) << "\n"
            << as_text(top, names_);
    }
    out.flush();
    seen_.clear();
    inputs_.clear();
  }

  size_t waiting() const { return seen_.size(); }
  int failed() const { return failed_; }

 private:
  const PredictCommand& command_;
  const ModelDescription& description_;
  const Model& model_;
  Evaluator& evaluator_;
  std::vector<std::string> names_;  // of the classes, as a terminal may show them
  std::vector<Seen> seen_;
  std::vector<uint8_t> inputs_;  // pixels [n,h,w,c] of those that were read
  std::vector<uint8_t> pixels_;  // of one
  Recipe recipe_;
  SampleMaker maker_;
  int failed_ = 0;
};

}  // namespace

void run_verb(const PredictCommand& command, std::ostream& out) {
  const ModelFile file(command.weights);
  const ModelDescription& description = file.description();
  const Model model = model_of(description, command.weights);
  if (model.input.c != 1 && model.input.c != 3)
    throw UsageError("predict",
                     concat("a ", model.name, " takes ", model.input.c, " channels, but images have 1 or 3"));
  // What is said of the machine must not stand between the lines that a program reads.
  const std::unique_ptr<Device> device = open_device(command.device, command.precision, std::cerr);
  State state(0);
  Evaluator evaluator(*device, state, model, static_cast<int>(description.classes.size()), command.precision,
                      {.mean = description.mean, .deviation = description.deviation});
  evaluator.load(file);

  Predictor predictor(command, description, model, evaluator);
  for (const std::string& path : command.images) {
    predictor.add(path);
    if (predictor.waiting() == Evaluator::largest_batch) predictor.flush(out);
  }
  predictor.flush(out);
  if (predictor.failed() > 0)
    throw PartlyDone("dlfs", concat(predictor.failed(), " of ", command.images.size(),
                                    command.images.size() == 1 ? " image" : " images", " could not be read"));
}

}  // namespace dlfs
