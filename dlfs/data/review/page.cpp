#include "dlfs/data/review/page.h"

#include "dlfs/base/text.h"

namespace dlfs {
namespace {

constexpr const char* head = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { margin: 0 auto; max-width: 1560px; padding: 28px 32px 48px; background: #fff; color: #1b1f24;
       font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
h1 { margin: 0 0 4px; font-size: 24px; font-weight: 650; letter-spacing: -0.01em; overflow-wrap: anywhere; }
p { margin: 0; color: #57606a; max-width: 110ch; }
ul { display: flex; flex-wrap: wrap; gap: 6px 18px; margin: 18px 0 0; padding: 0; list-style: none; }
li { display: flex; align-items: center; gap: 6px; }
li i { width: 12px; height: 12px; border-radius: 3px; flex: none; }
li b { font-weight: 400; color: #57606a; font-variant-numeric: tabular-nums; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(520px, 100%), 1fr)); gap: 32px 36px;
       margin-top: 26px; border-top: 1px solid #d8dee4; padding-top: 28px; }
figure { margin: 0; min-width: 0; max-width: 740px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 6px; }
.pair div { aspect-ratio: 4 / 3; display: grid; place-items: center; background: #f3f5f7; border-radius: 4px;
            overflow: hidden; }
.pair img { display: block; max-width: 100%; max-height: 100%; width: auto; height: auto; }
figcaption { margin-top: 8px; display: flex; flex-wrap: wrap; gap: 0 12px; overflow-wrap: anywhere; }
figcaption b { font-weight: 600; }
figcaption span { color: #57606a; }
.fault { padding: 14px 16px; background: #fff5f4; border-left: 3px solid #c0392b; color: #7a1f15;
         overflow-wrap: anywhere; }
@media (max-width: 560px) { body { padding: 18px 14px; } .pair { grid-template-columns: 1fr; } }
</style>
)";

std::string hex(Color color) {
  constexpr const char* digits = "0123456789abcdef";
  std::string text = "#";
  for (const int value : {color.red, color.green, color.blue})
    text += {digits[value / 16], digits[value % 16]};
  return text;
}

// Names may be written from right to left: <bdi> keeps that to themselves.
std::string named(const std::string& text) { return "<bdi>" + escaped(text) + "</bdi>"; }

std::string img(const PageImage& image, const std::string& alt) {
  return concat("<div><img src=\"", escaped(image.file), "\" width=\"", image.size.width, "\" height=\"",
                image.size.height, "\" alt=\"", escaped(alt), "\"></div>");
}

std::string figure(const Card& card) {
  const std::string shown = card.fault.empty()
                                ? concat("<div class=\"pair\">", img(card.stored, card.name + ", as stored"),
                                         img(card.seen, card.name + ", as the network sees it"), "</div>")
                                : "<div class=\"fault\">" + named(card.fault) + "</div>";
  return concat("<figure>", shown, "<figcaption><b>", named(card.name), "</b><span>", named(card.details),
                "</span></figcaption></figure>\n");
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else if (c == '"')
      safe += "&quot;";
    else if (c == '\'')
      safe += "&#39;";
    else
      safe += byte < 0x20 || byte == 0x7F ? "\xEF\xBF\xBD" : std::string(1, c);
  }
  return safe;
}

std::string html(const Page& page) {
  std::string text = concat(head, "<title>", escaped(page.title), "</title>\n</head>\n<body>\n<header>\n<h1>",
                            named(page.title), "</h1>\n");
  for (const std::string& line : page.lines) text += "<p>" + named(line) + "</p>\n";
  if (!page.legend.empty()) text += "<ul>\n";
  for (const LegendEntry& one : page.legend)
    text += concat("<li><i style=\"background:", hex(one.color), "\"></i>", named(one.name), " <b>",
                   with_separators(one.count), "</b></li>\n");
  if (!page.legend.empty()) text += "</ul>\n";
  text += "</header>\n<main>\n";
  for (const Card& card : page.cards) text += figure(card);
  return text + "</main>\n</body>\n</html>\n";
}

}  // namespace dlfs
