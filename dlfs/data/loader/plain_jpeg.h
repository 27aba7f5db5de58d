// A JPEG file as a decoder that is not ours is to see it: tables, frame and scans alone, each proven to lie within the file
// and to be of the form that JPEG (ITU-T T.81) gives it. Names, thumbnails, profiles and EXIF data stay behind: a decoder
// needs none of them, and has been broken by them. Any thread.
#pragma once

#include <cstddef>
#include <span>

namespace dlfs {

// requires: room for file.size() bytes at `to`. Gives the bytes written there, or 0 where the file is not for such a
// decoder: it is broken or cut short, neither gray nor Y'CbCr, or of a rarer kind than baseline, extended or progressive
// with 8 bits.
size_t plain_jpeg(std::span<const std::byte> file, std::byte* to);

}  // namespace dlfs
