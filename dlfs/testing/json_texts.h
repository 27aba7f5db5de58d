// Texts that are JSON as RFC 8259 has it, and texts that are none: after the kinds of cases of JSONTestSuite (Nicolas Seriot,
// "Parsing JSON is a minefield"). All that read JSON agree on them. Names that are there twice are refused, too; of numbers
// beyond 64 bits, and of depth, each reader has its own word.
#pragma once

#include <string_view>

namespace dlfs::testing {

// clang-format off
inline constexpr std::string_view json_texts[] = {
    "0", "-0", "-0.0", "7", "-12", "1.5", "0.10", "-0.5e-3", "1E+9", "1e0", "0e1", "1e-999", "9223372036854775807",
    "-9223372036854775808", "18446744073709551615", "1.7976931348623157e308",
    "0.1234567890123456789012345678901234567890", "true", "false", "null", "\"\"", "\" \"", R"("\"\\\/\b\f\n\r\t")",
    R"("\u0000\u001F\u00e9\u00E9\uFFFF")", R"("\ud83d\ude00")", "\"/\"", "\"\x7F\"",
    "\"\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80\"", "\"\xEF\xBB\xBF\"", "\"\xF4\x8F\xBF\xBF\"", "[]", "{}", "[ ]", "{ }",
    "[[],{}]", "[[[[[1]]]]]", " [ 1 , 2 ]\r\n\t", "[null,1,\"1\",{}]", "\n1\n",
    R"({"a":{"a":1},"b":[{"a":2},{"a":3}]})", R"({"":0," ":1})", R"({"a\u0000b":1})", R"({ "a" : 1 })",
    R"({"a":1,"A":2})"};
// clang-format on

// clang-format off
inline constexpr std::string_view no_json_texts[] = {
    "", " ", "+1", "01", "-01", "00", "-", "--1", "-a", "- 1", ".5", "-.5", "1.", "1.e5", "1e", "1e+", "1e1.5", "1.5.1",
    "1 000", "0x10", "1_000", "1a", "NaN", "nan", "Infinity", "-Infinity", "inf", "1e999", "-1e400", "tru", "truee",
    "True", "nul", "TRUE", "undefined", "'a'", "a", "\"", "\"a", "\"\\\"", "\"\\", "\"\\x\"", "\"\\'\"", "\"\\u\"",
    "\"\\u12\"", "\"\\u12g4\"", "\"\\U0041\"", "\"\\ud800\"", "\"\\ud800a\"", "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"", "\"\\udc00\"", "\"\\udc00\\ud800\"", "\"\n\"", "\"\t\"", "\"\x1F\"", "\"\xFF\"", "\"\x80\"",
    "\"\xC0\x80\"", "\"\xE2\x82\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\xC3\xA9", "[", "]", "[1", "[1,",
    "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]", "[1:2]", "[\"a\":1]", "[1]]", "[[1]", "[1}", "{", "}", "{\"a\"",
    "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{a:1}", "{'a':1}",
    "{\"a\" 1}", "{\"a\"::1}", "{\"a\",1}", "{1:1}", "{null:1}", "{[]:1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{\"a\"}",
    "{\"a\":}", "1 2", "1,2", "[] []", "{}x", "{}}", "true false", "// no\n1", "1 // no", "/* no */1", "# no\n1",
    "[1/**/]", "\xEF\xBB\xBF{}", "\xFE\xFF", "[1]\x0C", "\x0B[1]", "\xC2\xA0[1]", "[\xE2\x80\x82 1]",
    R"({"a":1,"a":2})", R"({"a":1,"\u0061":2})", R"([{"b":{"c":[{"x":1,"y":2,"x":3}]}}])",
    std::string_view("\"\0\"", 3), std::string_view("1\0", 2), std::string_view("[1,\0]", 5)};
// clang-format on

}  // namespace dlfs::testing
