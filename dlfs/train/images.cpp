#include "dlfs/train/images.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "dlfs/base/error.h"
#include "dlfs/data/loader/sample.h"
#include "dlfs/models/model_file.h"

namespace dlfs {
namespace {

Size input_size(const Model& model) { return {model.input.w, model.input.h}; }

Recipe recipe(const Model& model) {
  return {.transforms = {}, .slot = input_size(model), .channels = model.input.c, .fill = 0};
}

// "4" after "crop=", or the word's own default where nothing follows it.
template <typename Number>
Number value_of(const std::string& word, size_t equals, Number otherwise, Number most) {
  if (equals == std::string::npos) return otherwise;
  const Number value = parse_number<Number>(word.substr(equals + 1)).value_or(0);
  if (!(value > 0 && value <= most))
    throw UsageError("dlfs",
                     concat("--augment has ", word, ", but the number must be above 0 and at most ", most));
  return value;
}

void take_word(Augment& augment, const std::string& word) {
  const size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  if ((name == "flip" || name == "resized") && equals != std::string::npos)
    throw UsageError("dlfs", "--augment has " + word + ", but " + name + " takes no number");
  if (name == "flip")
    augment.flip = true;
  else if (name == "resized")
    augment.resized = true;
  else if (name == "crop")
    augment.crop = value_of(word, equals, 4, 1000);
  else if (name == "colour")
    augment.colour = value_of(word, equals, 0.4F, 1.0F);
  else if (name == "erase")
    augment.erase = value_of(word, equals, 0.25F, 1.0F);
  else
    throw UsageError("dlfs",
                     "--augment has " + (word.empty() ? "an empty word" : word) +
                         ", but can be none, or some of flip, crop=PIXELS, resized, colour=0.4, erase=0.25");
}

// Sums over the values of each channel.
class Sums {
 public:
  explicit Sums(int channels) : histograms_(channels) {}

  void add(std::span<const uint8_t> pixels) {
    for (size_t i = 0; i < pixels.size(); ++i) ++histograms_[i % histograms_.size()][pixels[i]];
  }

  PrepareSettings statistics() const {
    PrepareSettings result;
    for (const auto& histogram : histograms_) {
      double count = 0, sum = 0, squares = 0;
      for (size_t value = 0; value < histogram.size(); ++value) {
        const double x = static_cast<double>(value) / 255, times = static_cast<double>(histogram[value]);
        count += times;
        sum += x * times;
        squares += x * x * times;
      }
      const double mean = sum / count, variance = squares / count - mean * mean;
      result.mean.push_back(static_cast<float>(mean));
      // A set of one colour has no deviation to divide by.
      result.deviation.push_back(static_cast<float>(variance > 1e-12 ? std::sqrt(variance) : 1));
    }
    return result;
  }

 private:
  std::vector<std::array<int64_t, 256>> histograms_;
};

}  // namespace

Model model_for(const Model& model, const Source& source) {
  const auto* memory = dynamic_cast<const MemorySource*>(&source);
  if (memory == nullptr || !model.any_input) return model;
  return with_input(model, {1, memory->images().height, memory->images().width, 1});
}

Augment usual_augment(const Model& model) {
  return model.name == "lenet" ? Augment{} : Augment{.flip = true, .crop = model.input.w / 8};
}

std::string to_string(const Augment& augment) {
  std::vector<std::string> words;
  if (augment.flip) words.emplace_back("flip");
  if (augment.crop > 0) words.push_back(concat("crop=", augment.crop));
  if (augment.resized) words.emplace_back("resized");
  if (augment.colour > 0) words.push_back(concat("colour=", augment.colour));
  if (augment.erase > 0) words.push_back(concat("erase=", augment.erase));
  return words.empty() ? "none" : join(words, ",");
}

Augment parse_augment(const std::string& text) {
  Augment augment;
  if (text == "none") return augment;
  for (const std::string& word : split(text, ',')) take_word(augment, word);
  if (augment.crop > 0 && augment.resized)
    throw UsageError("dlfs", "--augment has crop and resized, but one window is enough");
  return augment;
}

Recipe training_recipe(const Model& model, const Augment& augment) {
  Recipe made = recipe(model);
  const Size size = input_size(model);
  const auto add = [&](const Transform& transform) { made.transforms.push_back(transform); };
  if (augment.resized)
    add(RandomResizedCrop{.to = size});
  else
    add(Stretch{size});
  if (augment.crop > 0) add(RandomCrop{.to = size, .pad = augment.crop});
  if (augment.flip) add(RandomFlip{});
  const float colour = augment.colour;
  if (colour > 0) add(ColourJitter{colour, colour, colour, colour / 8});
  if (augment.erase > 0) add(RandomErase{.probability = augment.erase});
  return made;
}

Recipe evaluation_recipe(const Model& model) {
  Recipe made = recipe(model);
  if (model.test_resize == 0)
    made.transforms = {Stretch{input_size(model)}};
  else
    made.transforms = {ShortestEdge{.lengths = {model.test_resize}, .longest = largest_test_resize},
                       CenterCrop{input_size(model)}};
  return made;
}

PrepareSettings pixel_statistics(const Source& source, const Model& model) {
  const bool in_memory = dynamic_cast<const MemorySource*>(&source) != nullptr;
  const uint32_t count = in_memory ? source.count() : std::min<uint32_t>(source.count(), 5000);
  const Recipe recipe = evaluation_recipe(model);
  std::vector<uint8_t> pixels(static_cast<size_t>(model.input.count()));
  Sums sums(model.input.c);
  SampleMaker maker;
  uint32_t read = 0;
  for (uint32_t i = 0; i < count; ++i) try {
      const auto image = static_cast<uint32_t>(uint64_t{i} * source.count() / count);
      maker.make(source, recipe, image, 0, pixels);
      sums.add(pixels);
      ++read;
    } catch (const UnreadableImage& error) {
      if (read == 0 && i + 1 == count) throw FileError(error.who(), error.fact() + "; no image can be read");
    }
  return sums.statistics();
}

// Tensor Cores take channels in eights; f32 and CPUs take images as they are.
ImageForm image_form(const Model& model, Precision precision, DeviceKind device) {
  const bool narrow = precision == Precision::f16 || precision == Precision::bf16;
  if (device == DeviceKind::cpu || !narrow || model.stem == Stem::plain) return ImageForm::plain;
  return model.stem == Stem::blocks ? ImageForm::blocks : ImageForm::padded;
}

Value loaded_images(Trace& trace, const Model& model, int batch, const PrepareSettings& settings,
                    DeviceKind device) {
  const Shape one = model.input;
  const Value pixels = trace.input("pixels", {{batch, one.h, one.w, one.c}, DType::u8});
  const Value looks = trace.input("looks", {{batch, 1, 1, sizeof(Look) / sizeof(float)}});
  PrepareSettings used = settings;
  used.form = image_form(model, trace.settings().precision, device);
  return prepare(pixels, looks, used);
}

void upload_images(Device& device, const Plan& plan, const LoadedBatch& batch) {
  device.upload_held(plan["pixels"], batch.pixels.data, device.stream());
  device.upload_held(plan["looks"], batch.looks.data, device.stream());
}

}  // namespace dlfs
