#include <cmath>

#include "dlfs/cpu/lines.h"
#include "dlfs/ops/group_norm/group_norm.h"

namespace dlfs {
namespace {

// What both halves go by: x image by image, and what the norm does to it, x * a + b.
class Images {
 public:
  Images(const Site& site, const GroupNormSettings& settings)
      : groups(settings.groups),
        lines({1, site.in[0].shape().h, site.in[0].shape().w, site.in[0].shape().c}),
        n(site.in[0].shape().n),
        in_(site.in),
        x_(site.in[0], lines.width),
        by_channel_(lines.channels) {}

  const float* read(int64_t image, const MapLine& line) { return x_.read(whole(image, line)); }
  MapLine whole(int64_t image, const MapLine& line) const {
    return {image * lines.count + line.first, line.count};  // in the tensor
  }
  int64_t group_of(int64_t channel) const { return channel / (lines.channels / groups); }
  double terms() const { return static_cast<double>(lines.count) / static_cast<double>(groups); }
  double scale(int64_t channel) const { return in_[1].as<float>()[channel]; }

  // statistics [2 * groups] of one image: means, then inverse deviations.
  void use_means(const float* statistics) {
    spread(mean, [&](int64_t c) { return statistics[group_of(c)]; });
  }
  void use(const float* statistics) {
    use_means(statistics);
    const float* const invstd = statistics + groups;
    const auto slope = [&](int64_t c) { return in_[1].as<float>()[c] * invstd[group_of(c)]; };
    spread(a, slope);
    spread(b, [&](int64_t c) { return in_[2].as<float>()[c] - statistics[group_of(c)] * slope(c); });
  }
  template <typename Of>
  void spread(std::vector<float>& line, Of of) {
    for (int64_t c = 0; c < lines.channels; ++c) by_channel_[c] = static_cast<float>(of(c));
    lines.spread(by_channel_.data(), line);
  }

  const int64_t groups;
  const MapLines lines;  // of one image
  const int64_t n;
  std::vector<float> mean, a, b;  // a line of each

 private:
  std::vector<Tensor> in_;
  LineReader x_;
  std::vector<float> by_channel_;
};

class Forward : public Kernel {
 public:
  Forward(const Site& site, const GroupNormSettings& settings)
      : settings_(settings),
        images_(site, settings),
        saved_(site.saved.empty() ? Tensor{} : site.saved[0]),
        y_(site.out[0], images_.lines.width),
        sums_(images_.lines),
        statistics_(2 * images_.groups) {}

  void run(Stream) override {
    for (int64_t image = 0; image < images_.n; ++image) {
      const int64_t groups = images_.groups;
      sum(image, [](float x, float) { return x; });
      for (int64_t g = 0; g < groups; ++g) statistics_[g] = static_cast<float>(mean_of(g));
      images_.use_means(statistics_.data());
      sum(image, [](float x, float mean) { return (x - mean) * (x - mean); });
      for (int64_t g = 0; g < groups; ++g)
        statistics_[groups + g] =
            static_cast<float>(1 / std::sqrt(mean_of(g) + static_cast<double>(settings_.epsilon)));
      if (saved_) std::copy(statistics_.begin(), statistics_.end(), saved_.as<float>() + image * 2 * groups);
      images_.use(statistics_.data());
      normalise(image);
    }
  }

 private:
  template <typename Term>
  void sum(int64_t image, Term term) {
    sums_.clear();
    images_.mean.resize(images_.lines.width);
    const float* const mean = images_.mean.data();
    images_.lines.each([&](const MapLine& line) {
      const float* const x = images_.read(image, line);
      float* __restrict const sums = sums_.lanes();
      for (int64_t i = 0; i < line.count; ++i) sums[i] += term(x[i], mean[i]);
      sums_.finish_line();
    });
  }

  double mean_of(int64_t group) {
    const int64_t size = images_.lines.channels / images_.groups;
    double sum = 0;
    for (int64_t c = group * size; c < (group + 1) * size; ++c) sum += sums_.of(c);
    return sum / images_.terms();
  }

  void normalise(int64_t image) {
    const float *const a = images_.a.data(), *const b = images_.b.data();
    images_.lines.each([&](const MapLine& line) {
      const float* const x = images_.read(image, line);
      float* __restrict const y = y_.line(images_.whole(image, line));
      for (int64_t i = 0; i < line.count; ++i) y[i] = x[i] * a[i] + b[i];
      if (settings_.relu)
        for (int64_t i = 0; i < line.count; ++i) y[i] = y[i] <= 0 ? 0 : y[i];  // NaN stays
      y_.finish(images_.whole(image, line));
    });
  }

  GroupNormSettings settings_;
  Images images_;
  Tensor saved_;
  LineWriter y_;
  ChannelSums sums_;
  std::vector<float> statistics_;  // of one image
};

// g = d_y where the ReLU let through; d_bias = sum g; d_scale = sum g * xhat; with s = scale * g
// d_x = invstd * (s - mean s - xhat * mean(s * xhat)), means over a group of one image.
class Backward : public Kernel {
 public:
  Backward(const Site& site, const GroupNormSettings& settings)
      : relu_(settings.relu),
        images_(site, settings),
        saved_(site.saved[0]),
        d_scale_(site.d_in[1]),
        d_bias_(site.d_in[2]),
        d_y_(site.d_out[0], images_.lines.width),
        d_x_(site.d_in[0].to, images_.lines.width, {.add = site.d_in[0].how == Write::add}),
        sums_(images_.lines),
        products_(images_.lines),
        masked_(images_.lines.width),
        all_scale_(images_.lines.channels),
        all_bias_(images_.lines.channels),
        mean_s_(images_.groups),
        tilt_(images_.groups) {}

  void run(Stream) override {
    std::fill(all_scale_.begin(), all_scale_.end(), 0.0);
    std::fill(all_bias_.begin(), all_bias_.end(), 0.0);
    for (int64_t image = 0; image < images_.n; ++image) {
      const float* const statistics = saved_.as<float>() + image * 2 * images_.groups;
      images_.use(statistics);
      sum_up(image);
      use_sums(statistics + images_.groups);
      if (d_x_) derive(image);
    }
    put(d_scale_, all_scale_);
    put(d_bias_, all_bias_);
  }

 private:
  const float* gradient(int64_t image, const MapLine& line, const float* x) {
    const float* const d_y = d_y_.read(images_.whole(image, line));
    if (!relu_) return d_y;
    const float *const a = images_.a.data(), *const b = images_.b.data();
    float* __restrict const g = masked_.data();
    for (int64_t i = 0; i < line.count; ++i) {
      const float arrived = d_y[i];  // read always: no branch
      g[i] = x[i] * a[i] + b[i] <= 0 ? 0 : arrived;
    }
    return g;
  }

  // By channel, of one image: g, and g * (x - m).
  void sum_up(int64_t image) {
    sums_.clear();
    products_.clear();
    const float* const mean = images_.mean.data();
    images_.lines.each([&](const MapLine& line) {
      const float* const x = images_.read(image, line);
      const float* const g = gradient(image, line, x);
      float* __restrict const sums = sums_.lanes();
      float* __restrict const products = products_.lanes();
      for (int64_t i = 0; i < line.count; ++i) sums[i] += g[i];
      for (int64_t i = 0; i < line.count; ++i) products[i] += g[i] * (x[i] - mean[i]);
      sums_.finish_line();
      products_.finish_line();
    });
  }

  void use_sums(const float* invstd) {
    std::fill(mean_s_.begin(), mean_s_.end(), 0.0);
    std::fill(tilt_.begin(), tilt_.end(), 0.0);
    for (int64_t c = 0; c < images_.lines.channels; ++c) {
      const int64_t group = images_.group_of(c);
      const double sum = sums_.of(c), product = products_.of(c), deviation = invstd[group];
      all_bias_[c] += sum;
      all_scale_[c] += product * deviation;
      mean_s_[group] += images_.scale(c) * sum * deviation / images_.terms();
      tilt_[group] += images_.scale(c) * product * deviation * deviation * deviation / images_.terms();
    }
    images_.spread(mean_line_, [this](int64_t c) { return mean_s_[images_.group_of(c)]; });
    images_.spread(tilt_line_, [this](int64_t c) { return tilt_[images_.group_of(c)]; });
  }

  void derive(int64_t image) {
    const float *const a = images_.a.data(), *const mean = images_.mean.data();
    const float *const mean_s = mean_line_.data(), *const tilt = tilt_line_.data();
    images_.lines.each([&](const MapLine& line) {
      const float* const x = images_.read(image, line);
      const float* const g = gradient(image, line, x);
      float* __restrict const d_x = d_x_.line(images_.whole(image, line));
      for (int64_t i = 0; i < line.count; ++i) d_x[i] = a[i] * g[i] - mean_s[i] - (x[i] - mean[i]) * tilt[i];
      d_x_.finish(images_.whole(image, line));
    });
  }

  static void put(const Grad& grad, const std::vector<double>& values) {
    if (grad.how == Write::skip) return;
    float* const to = grad.to.as<float>();
    for (size_t c = 0; c < values.size(); ++c)
      to[c] = static_cast<float>(values[c] + (grad.how == Write::add ? to[c] : 0));
  }

  bool relu_;
  Images images_;
  Tensor saved_;
  Grad d_scale_, d_bias_;
  LineReader d_y_;
  LineWriter d_x_;
  ChannelSums sums_, products_;
  std::vector<float> masked_, mean_line_, tilt_line_;
  std::vector<double> all_scale_, all_bias_;  // by channel, over the images
  std::vector<double> mean_s_, tilt_;         // by group, of one image, times invstd
};

}  // namespace

KernelPtr group_norm_forward_cpu(Device&, const Site& site, const GroupNormSettings& settings) {
  return std::make_unique<Forward>(site, settings);
}

KernelPtr group_norm_backward_cpu(Device&, const Site& site, const GroupNormSettings& settings) {
  return std::make_unique<Backward>(site, settings);
}

}  // namespace dlfs
