// A model of one's own in one file: described, trained by a loop written out, evaluated, saved and read back.
//
//     custom_model IDX_FOLDER WEIGHTS [STEPS]
//
// The net is a small MobileNet (Howard et al., 2017) for images of 28 x 28: an op of our own folds blocks of 2 x 2 pixels
// into channels, then convolutions that look around in each channel alone alternate with 1 x 1 ones that mix channels. A
// second, early classifier helps the first layers to learn, as in GoogLeNet (Szegedy et al., 2015).
#include <exception>
#include <iostream>

#include "custom_op/pixel_shuffle.h"
#include "dlfs/cpu/cpu_device.h"
#include "dlfs/gpu/gpu.h"
#include "dlfs/graph/plan.h"
#include "dlfs/models/layers.h"
#include "dlfs/models/model_file.h"
#include "dlfs/ops/max_pool/max_pool.h"
#include "dlfs/ops/sgd/sgd.h"
#include "dlfs/ops/softmax_cross_entropy/softmax_cross_entropy.h"
#include "dlfs/train/evaluate.h"
#include "dlfs/train/train.h"

using namespace dlfs;

// ---- the model: C++ that is run once to be traced. Shapes are known, nothing is computed ----

// x [n,h,w,c] -> [n,h,w,filters]. The scope names the parameters: block1.depthwise.weight, block1.pointwise.bias, ...
Value separable(const std::string& name, Value x, int filters) {
  const Trace::Scope scope = x.trace().scope(name);
  const int channels = x.shape().c;
  x = conv_layer("depthwise", x,
                 {.filters = channels, .size = 3, .settings = {.pad = 1, .groups = channels, .relu = true}});
  return conv_layer("pointwise", x, {.filters = filters, .size = 1, .settings = {.relu = true}});
}

struct Logits {
  Value final, early;  // [n,1,1,classes]
};

Logits build(Value images, int classes) {
  Value x = custom_op::pixel_shuffle(images, {.inverse = true});  // [n,14,14,4]
  x = conv_layer("first", x, {.filters = 32, .size = 3, .settings = {.pad = 1, .relu = true}});
  x = separable("block1", x, 64);
  x = max_pool(x, {.size = 2});  // [n,7,7,64]
  const Value early = linear_layer("early", x, {.outputs = classes});
  x = separable("block2", x, 128);
  x = max_pool(x, {.size = 3, .stride = 2});  // [n,3,3,128]
  return {.final = linear_layer("final", x, {.outputs = classes}), .early = early};
}

// What dlfs's evaluation wants to know of a model.
const Model my_model{.name = "my_model", .input = {1, 28, 28, 1}, .build = [](Value images, int classes) {
                       return build(images, classes).final;
                     }};

// ---- a training step: forward, backward and update are one recording ----

constexpr int batch_size = 64;

std::unique_ptr<Plan> training_step(Device& device, State& state, int classes,
                                    const PrepareSettings& statistics) {
  Trace trace(state, {.mode = Mode::train});
  const Value images = loaded_images(trace, my_model, batch_size, statistics);  // normalised on the device
  const Value labels = trace.input("labels", {{batch_size, 1, 1, 1}, DType::i32});
  const Value rate = trace.input("rate", {{1, 1, 1, 1}});
  const Logits logits = build(images, classes);
  trace.loss("loss", softmax_cross_entropy(logits.final, labels));
  trace.loss("early loss", softmax_cross_entropy(logits.early, labels), 0.3F);  // adds up, by its weight
  sgd(trace, rate, {.momentum = 0.9F, .weight_decay = 0.0005F});
  auto plan = std::make_unique<Plan>(std::move(trace));  // differentiated, every tensor in its place
  plan->compile(device);                                 // parameters have their memory and first values
  return plan;
}

void train_for(int steps, Device& device, State& state, const TrainData& data) {
  const std::unique_ptr<Plan> plan = training_step(device, state, data.classes(), data.statistics);
  const Stream stream = device.stream();
  Loader loader(data.train, {.recipe = training_recipe(my_model, {.crop = 2}), .batch = batch_size}, device);
  for (int step = 0; step < steps; ++step) {
    const LoadedBatch& batch = loader.next();  // made ahead by a thread, the same whatever their number
    const float rate = cosine_rate(0.02F, step, steps);
    upload_images(device, *plan, batch);
    device.upload_held((*plan)["labels"], batch.labels.data, stream);
    device.upload((*plan)["rate"], &rate, stream);
    plan->run(stream);
    if (step % 50 != 0 && step + 1 != steps) continue;
    float loss = 0, early = 0;  // read now and then only: a download waits for the device
    device.download((*plan)["loss"], &loss, stream);
    device.download((*plan)["early loss"], &early, stream);
    std::cout << "step " << step + 1 << " of " << steps << ": loss " << fixed(loss, 4) << ", early loss "
              << fixed(early, 4) << std::endl;
  }
}

int main(int count, char** words) try {
  if (count < 3) throw UsageError("custom_model", "usage: custom_model IDX_FOLDER WEIGHTS [STEPS]");
  const std::string folder = words[1], weights = words[2];
  const int steps = count > 3 ? std::stoi(words[3]) : 600;

  LabelledImages images = read_idx(folder, Split::train);
  const std::vector<std::string> classes = class_names(folder, max_label(images) + 1);
  const auto train = std::make_shared<const MemorySource>(std::move(images), classes),
             test = std::make_shared<const MemorySource>(read_idx(folder, Split::test), classes);
  const TrainData data{train, test, pixel_statistics(*train, my_model)};
  refuse_nonsense(my_model, data, {.batch = batch_size});
  const std::unique_ptr<Device> device = look_for_gpus().why_not.empty() ? open_gpu(0) : open_cpu();

  State state(/*seed=*/1);
  train_for(steps, *device, state, data);
  std::cout << state.parameter_count() << " parameters, trained on " << device->name() << "\n";
  save_model(weights, state, *device,
             {.model = my_model.name,
              .input = my_model.input,
              .mean = data.statistics.mean,
              .deviation = data.statistics.deviation,
              .classes = classes});

  // From here on as in another program: nothing but the file is known.
  const ModelFile file(weights);
  State loaded(0);
  const ModelDescription& description = file.description();
  Evaluator evaluator(*device, loaded, my_model, static_cast<int>(description.classes.size()), Precision::f32,
                      {.mean = description.mean, .deviation = description.deviation});
  evaluator.load(file);
  const int64_t correct = count_correct(evaluator.predict(test), *test);
  std::cout << "accuracy " << fixed(static_cast<double>(correct) / test->count(), 4) << " on "
            << test->count() << " test images; weights in " << weights << "\n";
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
