#include "dlfs/ops/image_form.h"

#include "dlfs/base/error.h"

namespace dlfs {

std::string to_string(ImageForm form) {
  return form == ImageForm::plain ? "plain" : form == ImageForm::padded ? "padded" : "blocks";
}

Shape formed(const Shape& images, ImageForm form) {
  const auto& [n, h, w, c] = images;
  if (form == ImageForm::plain) return images;
  if (c != 1 && c != 3)
    throw ShapeError("image form", concat("images ", to_string(images), " have no form ", to_string(form),
                                          "; it is for 1 or 3 channels"));
  if (form == ImageForm::padded) return {n, h, w, 8};
  if (c != 3 || h % 2 != 0 || w % 2 != 0)
    throw ShapeError("image form", concat("images ", to_string(images),
                                          " have no form blocks; it is for 3 channels and even sizes"));
  return {n, h / 2 + 3, w / 2 + 3, 16};
}

ImageForm form_of(const Shape& formed) {
  return formed.c == 16 ? ImageForm::blocks : formed.c == 8 ? ImageForm::padded : ImageForm::plain;
}

}  // namespace dlfs
