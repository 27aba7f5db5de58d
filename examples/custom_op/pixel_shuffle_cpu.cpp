#include "custom_op/pixel_shuffle.h"

namespace custom_op {
namespace {

// Forward and backward alike: from the deep map to the wide one, or back.
class Move : public Kernel {
 public:
  Move(const Tensor& from, const Grad& to, int factor)
      : from_(from.as<float>()),
        to_(to.to.as<float>()),
        factor_(factor),
        widens_(to.to.shape().h > from.shape().h),
        adds_(to.how == Write::add),
        wide_(widens_ ? to.to.shape() : from.shape()) {}

  // Goes through the wide map in memory's order; its lines are those of all images, one after the other.
  void run(Stream) override {
    const int f = factor_;
    int64_t wide = 0;
    for (int64_t line = 0; line < int64_t{wide_.n} * wide_.h; ++line)
      for (int column = 0; column < wide_.w; ++column) {
        const int64_t block = line / f * (wide_.w / f) + column / f;
        int64_t deep = block * wide_.c * f * f + line % f * f + column % f;
        for (int c = 0; c < wide_.c; ++c, ++wide, deep += f * f) {
          const float value = from_[widens_ ? deep : wide];
          float& place = to_[widens_ ? wide : deep];
          place = adds_ ? place + value : value;
        }
      }
  }

 private:
  const float* from_;
  float* to_;
  int factor_;
  bool widens_, adds_;
  Shape wide_;
};

}  // namespace

KernelPtr pixel_shuffle_forward_cpu(Device&, const Site& site, const PixelShuffleSettings& settings) {
  return std::make_unique<Move>(site.in[0], Grad{site.out[0], Write::set}, settings.factor);
}

KernelPtr pixel_shuffle_backward_cpu(Device&, const Site& site, const PixelShuffleSettings& settings) {
  return std::make_unique<Move>(site.d_out[0], site.d_in[0], settings.factor);
}

}  // namespace custom_op
