// A page of images for a browser: one file without scripts, that asks for nothing but the images beside it. Whatever
// others named is text in it, never markup. Any thread.
#pragma once

#include <string>
#include <vector>

#include "dlfs/data/picture.h"

namespace dlfs {

struct PageImage {
  std::string file;  // relative to the page
  Size size;
};

struct Card {
  std::string name, details;
  PageImage stored = {}, seen = {};
  std::string fault = {};  // then there are no images
};

struct LegendEntry {
  std::string name;
  Color color;
  int64_t count = 0;
};

struct Page {
  std::string title;
  std::vector<std::string> lines;  // under the title
  std::vector<LegendEntry> legend;
  std::vector<Card> cards;
};

std::string escaped(const std::string& text);  // for HTML, within an element or within quotes
std::string html(const Page& page);

}  // namespace dlfs
