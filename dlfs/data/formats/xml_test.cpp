#include "dlfs/data/formats/xml.h"

#include <gtest/gtest.h>

#include "dlfs/base/text.h"
#include "dlfs/testing/error.h"

namespace dlfs {
namespace {

std::string fault_of(const std::string& text) {
  return testing::error_of([&] { parse_xml(text, "voc", "a.xml"); });
}

TEST(Xml, ReadsElementsTextAndTheFiveEntities) {
  const XmlElement root = parse_xml(
      "\xEF\xBB\xBF<?xml version='1.0' encoding=\"utf-8\"?>\n<!-- by hand -->\n<a x='1' y = \"2\">\n <b> one "
      "&lt;&gt;&amp;&quot;&apos;&#233;&#x20AC; "
      "</b><c/><b>two</b><d><![CDATA[<raw> & ]]>&amp;<!-- no --> tail</d >\n</a>\n<!-- end -->",
      "voc", "a.xml");
  EXPECT_EQ(root.name, "a");
  EXPECT_EQ(root.text_of("b"), "one <>&\"'\xC3\xA9\xE2\x82\xAC");
  EXPECT_EQ(root.text_of("c"), "");
  EXPECT_EQ(root.text_of("none"), "");
  EXPECT_EQ(root.text_of("d"), "<raw> & & tail");
  EXPECT_EQ(root.children.size(), 4U);
  EXPECT_EQ(root.children[2].text, "two");
}

TEST(Xml, WhatItEscapesReadsBackTheSame) {
  const std::string text = "a<b>&\"'\xC3\xA9\n\t\x01z";
  EXPECT_EQ(parse_xml(concat("<a>", escape_xml(text), "</a>"), "voc", "a.xml").text, text);
}

TEST(Xml, RefusesWhatCouldDoMoreThanHoldData) {
  EXPECT_EQ(fault_of("<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY b 'c'>]>\n<a>&b;</a>"),
            "[voc] a.xml:2: holds a document type, and none is read");
  EXPECT_EQ(fault_of("<a>\n&file;</a>"),
            "[voc] a.xml:2: holds the entity &file;, and only XML's own five and numbers are read");
  EXPECT_EQ(fault_of("<a><!ENTITY b SYSTEM 'file:///etc/passwd'></a>"),
            "[voc] a.xml:1: holds a declaration within an element, and none is read");
  EXPECT_EQ(fault_of("<a><?php echo 1 ?></a>"),
            "[voc] a.xml:1: holds a declaration within an element, and none is read");
  EXPECT_EQ(fault_of("<?xml-stylesheet href='x'?><a/>"),
            "[voc] a.xml:1: holds a processing instruction, and none is read");
}

TEST(Xml, RefusesWhatIsNoXml) {
  EXPECT_EQ(fault_of(""), "[voc] a.xml:1: does not begin with an element");
  EXPECT_EQ(fault_of("text"), "[voc] a.xml:1: does not begin with an element");
  EXPECT_EQ(fault_of("<a>\n<b>\n</a>"), "[voc] a.xml:3: closes <b> with </a>");
  EXPECT_EQ(fault_of("<a>\n<b>"), "[voc] a.xml:2: ends within the element <b>");
  EXPECT_EQ(fault_of("<a/><b/>"), "[voc] a.xml:1: goes on after its outermost element");
  EXPECT_EQ(fault_of("<a>&#0;</a>").substr(0, 31), "[voc] a.xml:1: holds the entity");
  EXPECT_EQ(fault_of("<a>\xFF</a>"), "[voc] a.xml:1: is not UTF-8 throughout");
  EXPECT_EQ(fault_of(std::string("<a>\0</a>", 8)), "[voc] a.xml:1: holds a zero byte");
  for (const char* text : {"<",
                           "<a",
                           "<a ",
                           "<a b",
                           "<a b=",
                           "<a b=c>",
                           "<a b='",
                           "<a b='<'></a>",
                           "<1",
                           "< a/>",
                           "<a></a",
                           "<a>&",
                           "<a>&lt</a>",
                           "<a>&#xD800;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#;</a>",
                           "<a><!--",
                           "<a><![CDATA[",
                           "<?xml",
                           "<!--"})
    EXPECT_EQ(fault_of(text).substr(0, 12), "[voc] a.xml:") << text;
}

TEST(Xml, IsBoundedInDepthAttributesAndSize) {
  std::string open, close, attributes;
  for (int i = 0; i < 17; ++i) open += "<a>", close += "</a>";
  EXPECT_EQ(fault_of(open + close), "[voc] a.xml:1: is nested deeper than 16 elements");
  EXPECT_EQ(fault_of(open.substr(3) + close.substr(4)), "no error");
  for (int i = 0; i < 33; ++i) attributes += concat(" b", i, "=''");
  EXPECT_EQ(fault_of("<a" + attributes + "/>"), "[voc] a.xml:1: has an element of more than 32 attributes");
  EXPECT_EQ(fault_of("<a>" + std::string(5 << 20, ' ') + "</a>"),
            "[voc] a.xml:1: has 5242887 bytes of XML, and at most 4194304 are read");
}

TEST(Xml, EveryCutIsRefusedInASentence) {
  const std::string text = "<?xml version='1.0'?><a><b c='d'>e &amp; f</b><!-- g --><![CDATA[h]]></a>";
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_EQ(fault_of(text.substr(0, size)).substr(0, 14), "[voc] a.xml:1:") << size;
}

}  // namespace
}  // namespace dlfs
