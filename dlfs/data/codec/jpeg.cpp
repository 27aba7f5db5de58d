#include "dlfs/data/codec/jpeg.h"

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include <dlfcn.h>
#include <jerror.h>
#include <jpeglib.h>  // behind <cstdio>, which it needs

#include "dlfs/base/error.h"
#include "dlfs/data/codec/exif.h"
#include "dlfs/data/codec/huffman.h"
#include "dlfs/data/codec/jpeg_frame.h"
#include "dlfs/data/codec/pixel.h"

namespace dlfs {
namespace {

[[noreturn]] void refuse(const std::string& source, const std::string& fact) {
  throw FileError("jpeg", source + ": " + fact);
}

// All that libjpeg's callbacks see of us. It lies outside of the function that they jump back to.
struct Job {
  jmp_buf back{};
  std::array<char, JMSG_LENGTH_MAX> fault{};
  DecodeLimits limits;
  std::chrono::steady_clock::time_point end;
  bool one_scan = false;  // and its data are being read
  bool ended = false;     // before the file said so
  // Our own reader of the scan, where there is one, and where it stands.
  std::optional<ScanReader> scan;
  JDIMENSION column = 0, columns = 0, first = 0, last = 0;  // of units; first to last are wanted
  bool not_plain = false;                                   // it gave up
};

template <typename State>
Job& job_of(State* state) {
  return *static_cast<Job*>(state->client_data);
}

[[noreturn]] void stop(Job& job, const char* fact, int number = 0) {
  std::snprintf(job.fault.data(), job.fault.size(), fact, number);
  std::longjmp(job.back, 1);
}

[[noreturn]] void fail(j_common_ptr state) {
  Job& job = job_of(state);
  if (state->err->msg_code == JERR_NO_BACKING_STORE)
    stop(job, "takes more than %d MiB of memory", static_cast<int>(job.limits.memory >> 20));
  state->err->format_message(state, job.fault.data());
  std::longjmp(job.back, 1);
}

// libjpeg would go on, with pixels that it makes up.
void warn(j_common_ptr state, int level) {
  if (level >= 0) return;
  switch (state->err->msg_code) {
    case JWRN_EXTRANEOUS_DATA:  // between segments
    case JWRN_JFIF_MAJOR:
    case JWRN_ADOBE_XFORM:
    case JWRN_NOT_SEQUENTIAL:
      return;
    default:
      if (job_of(state).ended) stop(job_of(state), "ends before its last row");
      fail(state);
  }
}

void ignore(j_common_ptr) {}
void ignore_source(j_decompress_ptr) {}

// A file may lack its last marker, but not what stands before it.
boolean more(j_decompress_ptr state) {
  static constexpr std::array<JOCTET, 2> end = {0xFF, JPEG_EOI};
  Job& job = job_of(state);
  if (!job.one_scan) stop(job, "ends before its last scan");
  job.ended = true;
  state->src->next_input_byte = end.data();
  state->src->bytes_in_buffer = end.size();
  return TRUE;
}

void skip(j_decompress_ptr state, long count) {
  if (count <= 0) return;
  if (static_cast<size_t>(count) > state->src->bytes_in_buffer) stop(job_of(state), "ends in its header");
  state->src->next_input_byte += count;
  state->src->bytes_in_buffer -= count;
}

void watch(j_common_ptr state) {
  Job& job = job_of(state);
  if (reinterpret_cast<j_decompress_ptr>(state)->input_scan_number > job.limits.scans)
    stop(job, "has more than %d scans", job.limits.scans);
  if (std::chrono::steady_clock::now() > job.end)
    stop(job, "takes longer than %d ms", static_cast<int>(job.limits.time.count()));
}

// libjpeg's decoder of one unit is a function that its state points to, and the one thing here that jpeglib.h does not
// tell. It was read to stand at this place in libjpeg-turbo 1.5, 2.1 and 3.0; with any other library, libjpeg reads alone.
struct Entropy {
  void (*start_pass)(j_decompress_ptr);
  boolean (*decode_mcu)(j_decompress_ptr, JBLOCKROW*);
};

#if defined(LIBJPEG_TURBO_VERSION_NUMBER) && LIBJPEG_TURBO_VERSION_NUMBER >= 1005000 && \
    LIBJPEG_TURBO_VERSION_NUMBER < 4000000
constexpr bool known_library = true;
#else
constexpr bool known_library = false;
#endif

// What the state points to there must be two functions of libjpeg's own, whatever was installed since we were compiled.
bool is_as_known(const jpeg_decompress_struct& state) {
  const auto* entropy = reinterpret_cast<const Entropy*>(state.entropy);
  const auto home = [](auto* function) {
    Dl_info info{};
    return dladdr(reinterpret_cast<void*>(function), &info) != 0 ? info.dli_fbase : nullptr;
  };
  const void* const library = home(jpeg_read_scanlines);
  return known_library && library != nullptr && home(entropy->start_pass) == library &&
         home(entropy->decode_mcu) == library;
}

boolean read_unit(j_decompress_ptr state, JBLOCKROW* blocks) {
  Job& job = job_of(state);
  const bool wanted = blocks != nullptr && job.column >= job.first && job.column <= job.last;
  if (++job.column == job.columns) job.column = 0;
  if (!job.scan->read(wanted ? blocks : nullptr)) {
    job.not_plain = true;
    std::longjmp(job.back, 1);
  }
  return TRUE;
}

// The only function that libjpeg jumps back to. `work` holds nothing that has a destructor.
template <typename Work>
bool guarded(Job& job, const Work& work) {
  if (setjmp(job.back) != 0) return false;
  work();
  return true;
}

struct NotPlain {};  // thrown where libjpeg must decode all of it

class Decompressor {
 public:
  Decompressor(std::span<const std::byte> file, const std::string& source, const DecodeLimits& limits,
               std::chrono::steady_clock::time_point end)
      : name_(source) {
    job_.limits = limits;
    job_.end = end;
    state.err = jpeg_std_error(&errors_);
    errors_.error_exit = fail;
    errors_.emit_message = warn;
    errors_.output_message = ignore;
    state.client_data = &job_;
    progress_.progress_monitor = watch;
    source_ = {.next_input_byte = reinterpret_cast<const JOCTET*>(file.data()),
               .bytes_in_buffer = file.size(),
               .init_source = ignore_source,
               .fill_input_buffer = more,
               .skip_input_data = skip,
               .resync_to_restart = jpeg_resync_to_restart,
               .term_source = ignore_source};
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { jpeg_destroy_decompress(&state); }

  template <typename Work>
  void call(const Work& work) {
    if (guarded(job_, work)) return;
    if (job_.not_plain) throw NotPlain();
    refuse(name_, job_.fault.data());
  }

  // Not the constructor's work: what throws there has no destructor.
  void open() {
    call([&] {
      jpeg_create_decompress(&state);
      state.mem->max_memory_to_use = static_cast<long>(job_.limits.memory);
      state.src = &source_;
      state.progress = &progress_;
      jpeg_read_header(&state, TRUE);
    });
  }

  void start() {
    call([&] {
      job_.one_scan = jpeg_has_multiple_scans(&state) == FALSE;
      jpeg_start_decompress(&state);
    });
  }

  // Our reader takes libjpeg's place where it is faster: its tables cost it what some kilobytes cost libjpeg. Between the
  // start and the first row; of the columns of the (scaled) image only these are wanted.
  void read_scan_ourselves(JDIMENSION left, JDIMENSION wide) {
    if (!job_.one_scan || state.progressive_mode || state.arith_code || state.restart_interval != 0 ||
        state.comps_in_scan != state.num_components ||
        source_.bytes_in_buffer < job_.limits.own_scan_reader || !is_as_known(state))
      return;
    job_.scan.emplace(
        std::span(reinterpret_cast<const std::byte*>(source_.next_input_byte), source_.bytes_in_buffer));
    for (int i = 0; i < state.blocks_in_MCU; ++i) {
      const int component = state.MCU_membership[i];
      const jpeg_component_info& about = *state.cur_comp_info[component];
      const JHUFF_TBL &dc = *state.dc_huff_tbl_ptrs[about.dc_tbl_no],
                      &ac = *state.ac_huff_tbl_ptrs[about.ac_tbl_no];
      job_.scan->add_block(component, {dc.bits, dc.huffval}, {ac.bits, ac.huffval});
    }
    const JDIMENSION unit = 8 / state.scale_denom * (state.num_components == 1 ? 1 : state.max_h_samp_factor);
    job_.columns = state.MCUs_per_row;
    job_.first = left / unit;
    job_.last = (left + wide - 1) / unit;
    reinterpret_cast<Entropy*>(state.entropy)->decode_mcu = read_unit;
  }

  jpeg_decompress_struct state{};

 private:
  Job job_;
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_source_mgr source_{};
  const std::string& name_;
};

// The largest step down that leaves `at_least` of the window.
int scale_of(Size window, const std::optional<Size>& at_least) {
  if (!at_least) return 1;
  int scale = 8;
  while (scale > 1 && (window.width / scale < at_least->width || window.height / scale < at_least->height))
    scale /= 2;
  return scale;
}

Box divided(const Box& box, int scale) {
  const int x = box.x / scale, y = box.y / scale;
  return {.x = x,
          .y = y,
          .width = (box.x + box.width + scale - 1) / scale - x,
          .height = (box.y + box.height + scale - 1) / scale - y};
}

J_COLOR_SPACE colors_of(const jpeg_decompress_struct& state, int channels) {
  if (state.num_components == 4) return JCS_CMYK;
  return channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_EXT_RGBX;
}

void convert_cmyk(const uint8_t* from, int pixels, int channels, uint8_t* to) {
  for (int i = 0; i < pixels; ++i, from += 4, to += channels)
    put_pixel({times(from[0], from[3]), times(from[1], from[3]), times(from[2], from[3])}, channels, to);
}

// The part (in pixels of the scaled image) of a started image. More columns than asked for are decoded on either side,
// since libjpeg's upsampling looks at neighbours; so the pixels are those of the whole image.
void read_part(Decompressor& jpeg, const Box& part, bool ourselves, Image& into) {
  jpeg_decompress_struct& state = jpeg.state;
  constexpr int neighbours = 2;
  JDIMENSION left = std::max(part.x - neighbours, 0);
  JDIMENSION wide = std::min<JDIMENSION>(part.x + part.width + neighbours, state.output_width) - left;
  if (wide < state.output_width) jpeg.call([&] { jpeg_crop_scanline(&state, &left, &wide); });
  if (ourselves) jpeg.read_scan_ourselves(left, wide);
  const size_t row_bytes = static_cast<size_t>(part.width) * into.channels;
  const bool cmyk = state.num_components == 4,
             direct = !cmyk && state.output_width == static_cast<JDIMENSION>(part.width);
  std::vector<uint8_t> line(direct ? 0 : static_cast<size_t>(state.output_width) * state.output_components);
  const uint8_t* wanted = line.data() + (part.x - left) * state.output_components;
  jpeg.call([&] {
    if (part.y > 0) jpeg_skip_scanlines(&state, part.y);
    for (int y = 0; y < part.height; ++y) {
      uint8_t* to = &into.pixels[y * row_bytes];
      JSAMPROW row = direct ? to : line.data();
      jpeg_read_scanlines(&state, &row, 1);
      if (cmyk)
        convert_cmyk(wanted, part.width, into.channels, to);
      else if (!direct)
        std::memcpy(to, wanted, row_bytes);
    }
  });
}

void decode(std::span<const std::byte> file, const std::string& source, const JpegFrame& frame,
            const DecodeRequest& request, bool ourselves, Decoded& into, const DecodeLimits& limits,
            std::chrono::steady_clock::time_point end) {
  const Turn turn{.orientation = frame.orientation, .stored = frame.stored};
  Decompressor jpeg(file, source, limits, end);
  jpeg.open();
  jpeg_decompress_struct& state = jpeg.state;
  if (static_cast<int>(state.image_width) != frame.stored.width ||
      static_cast<int>(state.image_height) != frame.stored.height)
    refuse(source, "has two frames");
  const Box window =
      turn.to_stored(request.window.value_or(Box{0, 0, turn.upright().width, turn.upright().height}));
  into.scale = scale_of({window.width, window.height},
                        request.at_least ? std::optional(turn.swapped(*request.at_least)) : std::nullopt);
  state.scale_num = 1;
  state.scale_denom = into.scale;
  state.out_color_space = colors_of(state, request.channels);
  state.do_block_smoothing = FALSE;  // nothing to smooth in what is complete
  jpeg.start();

  const Box part = divided(window, into.scale);
  into.covers = turn.to_upright({.x = part.x * into.scale,
                                 .y = part.y * into.scale,
                                 .width = part.width * into.scale,
                                 .height = part.height * into.scale});
  into.image.size = {part.width, part.height};
  into.image.channels = request.channels;
  into.image.pixels.resize(static_cast<size_t>(part.width) * part.height * request.channels);
  read_part(jpeg, part, ourselves, into.image);
  turn_upright(into.image, frame.orientation);
}

}  // namespace

ImageHeader inspect_jpeg(std::span<const std::byte> file, const std::string& source) {
  const JpegFrame frame = read_jpeg_frame(file, source);
  const auto [y, cb, cr, k] = frame.sampling;
  const bool halved_or_full = y == 0x11 || (y == 0x22 && frame.components == 3);
  return {.codec = Codec::jpeg,
          .size = Turn{.orientation = frame.orientation, .stored = frame.stored}.upright(),
          .channels = frame.components == 1 ? 1 : 3,
          .orientation = frame.orientation,
          .progressive = frame.kind == 2,
          .baseline_420_or_444 = frame.kind == 0 && frame.components < 4 && halved_or_full &&
                                 (frame.components == 1 || (cb == 0x11 && cr == 0x11))};
}

void decode_jpeg(std::span<const std::byte> file, const std::string& source, const DecodeRequest& request,
                 Decoded& into, const DecodeLimits& limits) {
  const JpegFrame frame = read_jpeg_frame(file, source);
  const auto [width, height] = frame.stored;
  // Each block of 8 x 8 takes a bit at least.
  if (size_t{1} * ((width + 7) / 8) * ((height + 7) / 8) / 8 > file.size())
    refuse(source, concat("declares ", width, " x ", height, " pixels, which its ", file.size(),
                          " bytes cannot hold"));

  const auto end = std::chrono::steady_clock::now() + limits.time;
  try {
    decode(file, source, frame, request, true, into, limits, end);
  } catch (const NotPlain&) {
    decode(file, source, frame, request, false, into, limits, end);
  }
}

}  // namespace dlfs
