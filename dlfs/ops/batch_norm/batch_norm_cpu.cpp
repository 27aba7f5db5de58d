#include <cmath>

#include "dlfs/cpu/kernel.h"
#include "dlfs/cpu/lines.h"
#include "dlfs/cpu/number.h"
#include "dlfs/ops/batch_norm/batch_norm.h"

namespace dlfs {
namespace {

constexpr int64_t together = 16;  // lines that statistics take from the nearest cache twice

// What a norm does to x: x * a + b with
//   invstd = 1 / sqrt(v + epsilon), a = scale * invstd, b = bias - m * a, each rounded to f32.
// Forward and backward compute that same expression, so both see the same sign. (The GPU computes fmaf(x, a, b).)
float inverse_deviation(float variance, float epsilon) { return 1 / std::sqrt(variance + epsilon); }

class Affine {
 public:
  void make(const BatchNormSite::Side& side, const MapLines& lines, float epsilon) {
    const float *mean = side.statistics.as<float>(), *variance = mean + lines.channels;
    std::vector<float>& by_channel = scratch_;
    by_channel.resize(2 * lines.channels);
    for (int64_t c = 0; c < lines.channels; ++c) {
      const float slope = side.scale.as<float>()[c] * inverse_deviation(variance[c], epsilon);
      by_channel[c] = slope;
      by_channel[lines.channels + c] = side.bias.as<float>()[c] - mean[c] * slope;
    }
    lines.spread(by_channel.data(), a);
    lines.spread(by_channel.data() + lines.channels, b);
  }

  std::vector<float> a, b;  // a line of each

 private:
  std::vector<float> scratch_;
};

// A mask's bits and one number an element, which compilers keep in vectors.
class Bits {
 public:
  explicit Bits(int64_t longest) : lanes_(longest) {}

  // What is not at most 0.
  void of(const float* values, int64_t count, uint8_t* bytes) {
    uint32_t* __restrict const lanes = lanes_.data();
    for (int64_t i = 0; i < count; ++i) lanes[i] = values[i] <= 0 ? 0 : 1;
    std::fill(lanes_.begin() + count, lanes_.begin() + (count + 7) / 8 * 8, 0);
    for (int64_t i = 0; i < count; i += 8) {
      uint32_t byte = 0;
      for (int64_t k = 0; k < 8; ++k) byte |= lanes[i + k] << k;
      bytes[i / 8] = static_cast<uint8_t>(byte);
    }
  }

  // to = values where a bit is set, else 0.
  void select(const uint8_t* bytes, const float* values, int64_t count, float* __restrict to) {
    uint32_t* __restrict const lanes = lanes_.data();
    for (int64_t i = 0; i < count; i += 8)
      for (uint32_t k = 0; k < 8; ++k) lanes[i + k] = bytes[i / 8] & 1U << k;
    for (int64_t i = 0; i < count; ++i) {
      const float value = values[i];  // read always: no branch
      to[i] = lanes[i] == 0 ? 0 : value;
    }
  }

 private:
  std::vector<uint32_t> lanes_;
};

// Mean and biased variance of each channel. A few lines at a time give their own, while they are in the nearest cache;
// these are put together in double (Chan, Golub and LeVeque, 1979), so nothing cancels.
class Moments {
 public:
  Moments(const Tensor& x, const MapLines& lines)
      : lines_(lines),
        x_(x, together * lines.width),
        few_mean_(lines.width),
        few_squares_(lines.width),
        mean_(lines.width),
        squares_(lines.width) {}

  void find(float* mean, float* variance) {
    std::fill(mean_.begin(), mean_.end(), 0.0);
    std::fill(squares_.begin(), squares_.end(), 0.0);
    const int64_t width = lines_.width, whole = lines_.count / width, rest = lines_.count % width;
    for (int64_t line = 0; line < whole; line += together)
      add(line, {line * width, std::min(together, whole - line) * width}, width);
    if (rest > 0) add(whole, {whole * width, rest}, rest);
    for (int64_t c = 0; c < lines_.channels; ++c) {
      double count = 0, all_mean = 0, all_squares = 0;
      for (int64_t i = c; i < width && (whole > 0 || i < rest); i += lines_.channels) {
        const double here = static_cast<double>(whole + (i < rest ? 1 : 0)), share = here / (count + here);
        const double distance = mean_[i] - all_mean;
        all_mean += distance * share;
        all_squares += squares_[i] + distance * distance * count * share;
        count += here;
      }
      mean[c] = static_cast<float>(all_mean);
      variance[c] = static_cast<float>(all_squares / count);
    }
  }

 private:
  // Some lines of `width`, after `seen` of them.
  void add(int64_t seen, const MapLine& some, int64_t width) {
    const float* const values = x_.read(some);
    float* __restrict const mean = few_mean_.data();
    float* __restrict const squares = few_squares_.data();
    std::fill_n(mean, width, 0.0F);
    std::fill_n(squares, width, 0.0F);
    const float inverse = static_cast<float>(width) / static_cast<float>(some.count);
    for (const float* line = values; line < values + some.count; line += width)
      for (int64_t i = 0; i < width; ++i) mean[i] += line[i];
    for (int64_t i = 0; i < width; ++i) mean[i] *= inverse;
    for (const float* line = values; line < values + some.count; line += width)
      for (int64_t i = 0; i < width; ++i) squares[i] += (line[i] - mean[i]) * (line[i] - mean[i]);

    const int64_t given = some.count / width;
    const auto before = static_cast<double>(seen), here = static_cast<double>(given);
    const double share = here / (before + here);
    double* __restrict const all_mean = mean_.data();
    double* __restrict const all_squares = squares_.data();
    for (int64_t i = 0; i < width; ++i) {
      const double distance = mean[i] - all_mean[i];
      all_mean[i] += distance * share;
      all_squares[i] += squares[i] + distance * distance * before * share;
    }
  }

  MapLines lines_;
  LineReader x_;
  std::vector<float> few_mean_, few_squares_;  // of a few lines, by place in a line
  std::vector<double> mean_, squares_;         // of all lines so far
};

class Forward : public Kernel {
 public:
  Forward(const Site& site, const BatchNormSettings& settings)
      : site_(site),
        settings_(settings),
        lines_(site_.shape),
        moments_(site_.main.x, lines_),
        shortcut_moments_(settings.projects ? site_.shortcut.x : site_.main.x, lines_),
        x_(site_.main.x, lines_.width),
        shortcut_(site_.shortcut.x, lines_.width),
        y_(site_.y, lines_.width),
        bits_(lines_.width) {}

  void run(Stream) override {
    prepare(site_.main, moments_, main_affine_);
    if (settings_.projects) prepare(site_.shortcut, shortcut_moments_, shortcut_affine_);
    lines_.each([this](const MapLine& line) {
      float* const y = y_.line(line);
      normalise(x_.read(line), line.count, y);
      if (site_.shortcut.x) add_shortcut(shortcut_.read(line), line.count, y);
      if (settings_.relu) rectify(line, y);
      y_.finish(line);
    });
  }

 private:
  // ensures: the side's statistics are there, and what they make of x.
  void prepare(const BatchNormSite::Side& side, Moments& moments, Affine& affine) {
    const int64_t channels = lines_.channels;
    float *mean = side.statistics.as<float>(), *variance = mean + channels;
    if (settings_.frozen) {
      std::copy_n(side.mean.as<float>(), channels, mean);
      std::copy_n(side.variance.as<float>(), channels, variance);
    } else if (settings_.moments && &side == &site_.main) {
      std::copy_n(side.sums.as<float>(), 2 * channels, mean);
    } else if (side.sums) {
      const double count = static_cast<double>(lines_.positions());
      const float* const sums = side.sums.as<float>();
      for (int64_t c = 0; c < channels; ++c) {
        const double m = sums[c] / count, v = sums[channels + c] / count - m * m;
        mean[c] = static_cast<float>(m);
        variance[c] = static_cast<float>(v < 0 ? 0 : v);
      }
    } else {
      moments.find(mean, variance);
    }
    affine.make(side, lines_, settings_.epsilon);
  }

  void normalise(const float* x, int64_t count, float* __restrict y) const {
    const float *const a = main_affine_.a.data(), *const b = main_affine_.b.data();
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * a[i] + b[i];
  }

  void add_shortcut(const float* x, int64_t count, float* __restrict y) const {
    const float *const a = shortcut_affine_.a.data(), *const b = shortcut_affine_.b.data();
    if (settings_.projects)
      for (int64_t i = 0; i < count; ++i) y[i] += x[i] * a[i] + b[i];
    else
      for (int64_t i = 0; i < count; ++i) y[i] += x[i];
  }

  // What is not above 0 becomes 0, and NaN stays: a step that diverged shows.
  void rectify(const MapLine& line, float* __restrict y) {
    for (int64_t i = 0; i < line.count; ++i) y[i] = y[i] <= 0 ? 0 : y[i];
    if (site_.mask) bits_.of(y, line.count, site_.mask.as<uint8_t>() + line.first / 8);
  }

  BatchNormSite site_;
  BatchNormSettings settings_;
  MapLines lines_;
  Moments moments_, shortcut_moments_;
  Affine main_affine_, shortcut_affine_;
  LineReader x_, shortcut_;
  LineWriter y_;
  Bits bits_;
};

// g = d_y where the ReLU let through; d_bias = sum g; d_scale = sum g * xhat;
// d_x = scale * invstd * (g - mean g - xhat * mean(g * xhat)), where frozen scale * invstd * g.
class Backward : public Kernel {
 public:
  Backward(const Site& site, const BatchNormSettings& settings)
      : site_(site),
        settings_(settings),
        lines_(site_.shape),
        main_(site_.main, lines_),
        shortcut_(site_.shortcut, lines_),
        d_y_(site_.d_y, lines_.width),
        sums_(lines_),
        masked_(lines_.width),
        bits_(lines_.width) {
    for (Side* side : {&main_, &shortcut_}) {
      if (side == &shortcut_ && !settings.projects) continue;
      normed_.push_back(side);
      sums_wanted_ |= side->of.d_scale.to || side->of.d_bias.to || (side->d_x && !settings.frozen);
    }
  }

  void run(Stream) override {
    for (Side* side : normed_) {
      side->affine.make(side->of, lines_, settings_.epsilon);
      lines_.spread(side->of.statistics.as<float>(), side->mean);
    }
    if (sums_wanted_) sum_up();
    if (!main_.d_x && !shortcut_.d_x) return;
    lines_.each([this](const MapLine& line) {
      const float* const g = gradient(line);
      for (Side* side : {&main_, &shortcut_}) {
        if (!side->d_x) continue;
        if (side == &shortcut_ && !settings_.projects)
          std::copy_n(g, line.count, side->d_x.line(line));
        else
          derive(*side, line, g, side->d_x.line(line));
        side->d_x.finish(line);
      }
    });
  }

 private:
  struct Side {
    Side(const BatchNormSite::Side& tensors, const MapLines& lines)
        : of(tensors),
          x(tensors.x, lines.width),
          d_x(tensors.d_x.to, lines.width, {.add = tensors.d_x.how == Write::add}),
          products(lines) {}

    BatchNormSite::Side of;
    LineReader x;
    LineWriter d_x;
    Affine affine;
    ChannelSums products;                   // of g * (x - m)
    std::vector<float> mean, mean_g, tilt;  // a line of each; tilt = invstd^2 * mean(g * (x - m))
    std::vector<float> by_channel;
  };

  // d_y where the ReLU let through.
  const float* gradient(const MapLine& line) {
    const float* const d_y = d_y_.read(line);
    if (!settings_.relu) return d_y;
    float* __restrict const g = masked_.data();
    if (site_.mask) {
      bits_.select(site_.mask.as<uint8_t>() + line.first / 8, d_y, line.count, g);
    } else {
      const float *const x = main_.x.read(line), *a = main_.affine.a.data(), *b = main_.affine.b.data();
      for (int64_t i = 0; i < line.count; ++i) {
        const float arrived = d_y[i];  // read always: no branch
        g[i] = x[i] * a[i] + b[i] <= 0 ? 0 : arrived;
      }
    }
    return g;
  }

  void sum_up() {
    sums_.clear();
    for (Side* side : normed_) side->products.clear();
    lines_.each([this](const MapLine& line) {
      const float* const g = gradient(line);
      float* __restrict const sums = sums_.lanes();
      for (int64_t i = 0; i < line.count; ++i) sums[i] += g[i];
      sums_.finish_line();
      for (Side* side : normed_) {
        const float *const x = side->x.read(line), *const mean = side->mean.data();
        float* __restrict const products = side->products.lanes();
        for (int64_t i = 0; i < line.count; ++i) products[i] += g[i] * (x[i] - mean[i]);
        side->products.finish_line();
      }
    });
    for (Side* side : normed_) finish(*side);
  }

  // What the sums are for: the gradients by scale and bias, and what d_x needs of them.
  void finish(Side& side) {
    const int64_t channels = lines_.channels;
    const double positions = static_cast<double>(lines_.positions());
    const float* const variance = side.of.statistics.as<float>() + channels;
    const Grad &d_scale = side.of.d_scale, &d_bias = side.of.d_bias;
    side.by_channel.resize(2 * channels);
    for (int64_t c = 0; c < channels; ++c) {
      const double invstd = inverse_deviation(variance[c], settings_.epsilon);
      const double sum = sums_.of(c), product = side.products.of(c);
      if (d_scale.to) put(d_scale.to.as<float>()[c], product * invstd, d_scale.how == Write::add);
      if (d_bias.to) put(d_bias.to.as<float>()[c], sum, d_bias.how == Write::add);
      side.by_channel[c] = static_cast<float>(sum / positions);
      side.by_channel[channels + c] = static_cast<float>(invstd * invstd * product / positions);
    }
    lines_.spread(side.by_channel.data(), side.mean_g);
    lines_.spread(side.by_channel.data() + channels, side.tilt);
  }

  void derive(Side& side, const MapLine& line, const float* g, float* __restrict d_x) const {
    const float* const a = side.affine.a.data();
    if (settings_.frozen) {
      for (int64_t i = 0; i < line.count; ++i) d_x[i] = a[i] * g[i];
      return;
    }
    const float *const x = side.x.read(line), *const mean = side.mean.data();
    const float *const mean_g = side.mean_g.data(), *const tilt = side.tilt.data();
    for (int64_t i = 0; i < line.count; ++i) d_x[i] = a[i] * (g[i] - mean_g[i] - (x[i] - mean[i]) * tilt[i]);
  }

  BatchNormSite site_;
  BatchNormSettings settings_;
  MapLines lines_;
  Side main_, shortcut_;
  LineReader d_y_;
  ChannelSums sums_;  // of g
  std::vector<float> masked_;
  Bits bits_;
  std::vector<Side*> normed_;
  bool sums_wanted_ = false;
};

// Running statistics, of all norms.
void renew_statistics(const std::vector<Tensor>& in, const StatisticsSettings& settings) {
  if (in[0] && *in[0].as<float>() == 0) return;
  const size_t norms = settings.momentum.size();
  for (size_t i = 0; i < norms; ++i) {
    const Tensor &mean = in[1 + i], &variance = in[1 + norms + i], &statistics = in[1 + 2 * norms + i];
    const int channels = mean.shape().c;
    const float momentum = settings.momentum[i], count = static_cast<float>(settings.count[i]);
    const float unbiased = momentum * (count / (count - 1)), kept = 1 - momentum;
    const float* const batch = statistics.as<float>();
    for (int c = 0; c < channels; ++c) {
      mean.as<float>()[c] = kept * mean.as<float>()[c] + momentum * batch[c];
      variance.as<float>()[c] = kept * variance.as<float>()[c] + unbiased * batch[channels + c];
    }
  }
}

}  // namespace

KernelPtr batch_norm_forward_cpu(Device&, const Site& site, const BatchNormSettings& settings) {
  return std::make_unique<Forward>(site, settings);
}

KernelPtr batch_norm_backward_cpu(Device&, const Site& site, const BatchNormSettings& settings) {
  return std::make_unique<Backward>(site, settings);
}

KernelPtr statistics_cpu(Device&, const Site& site, const StatisticsSettings& settings) {
  return cpu_kernel([in = site.in, settings] { renew_statistics(in, settings); });
}

}  // namespace dlfs
