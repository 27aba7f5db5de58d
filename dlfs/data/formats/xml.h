// XML as annotation tools write it: elements, text, comments. What could do more than hold data is refused: document
// types and entities other than the five of XML itself and character numbers; so are bytes that are not UTF-8, and depth,
// attributes and size beyond what an annotation needs. Attributes are passed over. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dlfs {

struct XmlElement {
  std::string name;
  std::string text;  // its own, without the space around it
  std::vector<XmlElement> children;

  const XmlElement* find(std::string_view child) const;  // the first; null for none
  std::string text_of(std::string_view child) const;     // "" for none
};

// The outermost element. Throws FileError, "[who] SOURCE:LINE: ...".
XmlElement parse_xml(std::string_view text, const std::string& who, const std::string& source);

std::string escape_xml(std::string_view text);

}  // namespace dlfs
