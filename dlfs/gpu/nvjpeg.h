// nvJPEG: batches of JPEG files decoded on the card, by its own engines where it has them (A100, H100), else by CUDA. The
// library is opened at run time; nothing links it, and a build without its header has none. It sees only files whose
// headers somebody else has checked. One thread at a time; several decoders may work side by side, each in its own stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dlfs/gpu/library_places.h"
#include "dlfs/tensor/device.h"

namespace dlfs {

struct NvJpegLibrary;  // the opened file, its entry points, and what it made for us

enum class JpegRoute : uint8_t { engine, cuda, none };  // who can decode a file; none: nobody on the card

// A file and where its pixels go, on the card: [height,width,channels] as they are stored, rows `pitch` bytes apart.
struct JpegTarget {
  std::span<const std::byte> file;
  uint8_t* pixels = nullptr;
  size_t pitch = 0;
};

class NvJpeg {
 public:
  // $DLFS_NVJPEG, or else the places of library_places.h. ensures: each that was looked at is in `tried`; null where none
  // holds nvJPEG 12 or 13.
  static std::unique_ptr<NvJpeg> open(std::vector<LibraryPlace>& tried);
  ~NvJpeg();

  const std::string& path() const;
  const std::string& version() const;  // "13.0.4"

  // Binds to the calling thread's present device; false where it cannot. The rest needs it. Channels: 3 red, green, blue;
  // 1 the luma.
  bool connect(int channels);
  std::string engines() const;  // "8 engines of 1 core", or "none"

  JpegRoute route(std::span<const std::byte> file) const;

  // requires: files whose route this is, at least one. No work that reads or writes the targets is still under way: the
  // engines write at once, whatever the stream has before it. Files and targets are left alone until the stream has come
  // past. ensures: work enqueued later sees the pixels; false where nvJPEG refuses one of the files after all, and then
  // nothing is known of any target.
  bool decode(JpegRoute by, std::span<const JpegTarget> targets, Stream stream);

 private:
  explicit NvJpeg(std::unique_ptr<NvJpegLibrary> library);
  std::unique_ptr<NvJpegLibrary> library_;
};

}  // namespace dlfs
