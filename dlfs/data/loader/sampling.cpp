#include "dlfs/data/loader/sampling.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "dlfs/base/error.h"
#include "dlfs/base/random.h"

namespace dlfs {
namespace {

uint64_t epoch_key(const char* purpose, uint64_t seed, int64_t epoch) {
  return combine(combine(key_of(purpose), seed), static_cast<uint64_t>(epoch));
}

// The classes that an image shows, each once.
std::set<int32_t> classes_in(const Subject& subject) {
  std::set<int32_t> classes;
  if (subject.label >= 0) classes.insert(subject.label);
  for (const SnapshotBox& box : subject.boxes) classes.insert(box.label);
  return classes;
}

std::vector<std::vector<uint32_t>> images_by_class(const Subjects& subjects) {
  std::vector<std::vector<uint32_t>> images;
  for (uint32_t i = 0; i < subjects.count(); ++i)
    for (const int32_t c : classes_in(subjects.subject(i))) {
      images.resize(std::max<size_t>(images.size(), c + 1));
      images[c].push_back(i);
    }
  std::erase_if(images, [](const auto& of_class) { return of_class.empty(); });
  return images;
}

std::vector<uint32_t> balanced(const Subjects& subjects, uint64_t key) {
  const auto by_class = images_by_class(subjects);
  if (by_class.empty()) throw UsageError("data", "classes cannot be balanced: no image has a label");
  const Random random(key);
  std::vector<uint32_t> order(subjects.count());
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& images = by_class[random.below(2 * i, static_cast<uint32_t>(by_class.size()))];
    order[i] = images[random.below(2 * i + 1, static_cast<uint32_t>(images.size()))];
  }
  return order;
}

// How often an image is to be seen: as its rarest class wants, sqrt(rare / part of the images that show it), once at least.
std::vector<double> repeat_factors(const Subjects& subjects, float rare) {
  std::vector<double> wanted, factors(subjects.count(), 1);
  for (const auto& images : images_by_class(subjects)) {
    const double part = static_cast<double>(images.size()) / subjects.count();
    for (const uint32_t image : images) factors[image] = std::max(factors[image], std::sqrt(rare / part));
  }
  return factors;
}

// Each image as often as its factor says, rounded up or down by one chance for all: so epochs are equally long.
std::vector<uint32_t> repeated(const Subjects& subjects, float rare, uint64_t key) {
  const std::vector<double> factors = repeat_factors(subjects, rare);
  double sum = Random(key).uniform(0);
  const double all = std::accumulate(factors.begin(), factors.end(), 0.0);
  std::vector<uint32_t> images;
  for (uint32_t i = 0; i < factors.size(); ++i) {
    const double before = std::floor(sum);
    sum += factors[i];
    images.insert(images.end(), static_cast<size_t>(std::floor(sum) - before), i);
  }
  images.resize(std::min(images.size(), static_cast<size_t>(all)));
  const std::vector<uint32_t> places = permutation(static_cast<uint32_t>(images.size()), combine(key, 1));
  std::vector<uint32_t> order;
  order.reserve(places.size());
  for (const uint32_t place : places) order.push_back(images[place]);
  return order;
}

// As many samples as there are images: a source by its weight, then its next image (each is gone through in a shuffled
// order of its own, again and again).
std::vector<uint32_t> mixed(const std::vector<MixShare>& mix, uint64_t seed, int64_t epoch) {
  double weights = 0;
  uint64_t total = 0;
  std::vector<uint32_t> order, firsts;
  for (const MixShare& share : mix) {
    DLFS_CHECK(share.weight >= 0 && (share.images > 0 || share.weight == 0), share.images, " images, weight ",
               share.weight);
    firsts.push_back(static_cast<uint32_t>(total));
    total += share.images;
    weights += share.weight;
  }
  DLFS_CHECK(weights > 0, "a mix of nothing");
  const Random random(epoch_key("mix", seed, epoch));
  std::vector<std::vector<uint32_t>> orders(mix.size());
  std::vector<uint64_t> seen(mix.size(), 0);
  for (uint64_t i = 0; i < total; ++i) {
    double left = random.uniform(i) * weights;
    size_t source = 0;
    while (source + 1 < mix.size() && (left >= mix[source].weight || mix[source].weight == 0))
      left -= mix[source++].weight;
    const uint32_t images = mix[source].images;
    const uint64_t at = seen[source]++;
    if (at % images == 0)
      orders[source] =
          permutation(images, combine(epoch_key("mix source", seed, epoch), source * total + at / images));
    order.push_back(firsts[source] + orders[source][at % images]);
  }
  return order;
}

std::vector<uint32_t> whole_epoch(const Sampling& sampling, const Subjects& subjects, int64_t epoch) {
  switch (sampling.order) {
    case Order::in_order: {
      std::vector<uint32_t> order(subjects.count());
      std::iota(order.begin(), order.end(), 0);
      return order;
    }
    case Order::shuffled:
      return epoch_order(subjects.count(), sampling.seed, epoch);
    case Order::class_balanced:
      return balanced(subjects, epoch_key("class balanced", sampling.seed, epoch));
    case Order::repeat_factor:
      return repeated(subjects, sampling.rare, epoch_key("repeat factor", sampling.seed, epoch));
    case Order::mixed:
      return mixed(sampling.mix, sampling.seed, epoch);
  }
  throw InternalError("bug", "an order of images that is none");
}

}  // namespace

std::vector<uint32_t> epoch_order(uint32_t count, uint64_t seed, int64_t epoch) {
  return permutation(count, epoch_key("shuffle", seed, epoch));
}

std::vector<uint32_t> epoch_images(const Sampling& sampling, const Subjects& subjects, int64_t epoch) {
  DLFS_CHECK(sampling.ranks >= 1 && sampling.rank >= 0 && sampling.rank < sampling.ranks, "rank ",
             sampling.rank, " of ", sampling.ranks);
  std::vector<uint32_t> all = whole_epoch(sampling, subjects, epoch);
  const size_t share = all.size() / sampling.ranks;
  for (size_t i = 0; i < share; ++i) all[i] = all[i * sampling.ranks + sampling.rank];
  all.resize(share);
  return all;
}

}  // namespace dlfs
