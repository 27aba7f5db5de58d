// A small canvas in RGB for the charts and sheets that a run leaves behind. Whatever lies outside of it is cut
// off. Coordinates grow to the right and down; whole numbers are the corners of pixels. Any thread, one picture
// each.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace dlfs {

struct Color {
  uint8_t red = 0, green = 0, blue = 0;
};

struct Size {
  int width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

struct Point {
  float x = 0, y = 0;
};

struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

struct Fill {
  Color color;
  float opacity = 1;
};

struct Stroke {
  Color color;
  float width = 1.5F;
  float opacity = 1;
};

enum class Align { left, center, right };

struct Lettering {
  Color color;
  float scale = 2;  // pixels for one of the seven rows of a capital letter
  Align align = Align::left;
};

struct ImageView {
  Size size;
  std::span<const uint8_t> pixels;  // [height,width,channels]
  int channels = 1;                 // or 3
};

class Picture {
 public:
  Picture(Size size, Color background);

  Size size() const { return size_; }
  std::span<const uint8_t> pixels() const { return pixels_; }  // [height,width,3]
  Color at(int x, int y) const;

  void fill(Box box, Fill fill);
  void stroke(std::span<const Point> line,
              Stroke stroke);  // smooth, through all points; no point covers twice
  void text(Point top, std::string_view text, Lettering lettering);  // `top` of the capital letters
  void blit(Point corner, const ImageView& image, int scale);

 private:
  void blend(int x, int y, Color color, float opacity);

  Size size_;
  std::vector<uint8_t> pixels_;
};

float text_width(std::string_view text, float scale);

}  // namespace dlfs
