// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <fmt/format.h>
#include <zlib.h>

#include "base/check.h"
#include "xfer/stage/compress.h"

namespace tutti::xfer::stage {
namespace {

constexpr int gzip_window = 15 + 16;          // the largest window; 16: a gzip header and trailer
constexpr size_t step_bytes_max = 1U << 30U;  // zlib counts in unsigned int

// The two buffers of one step, and how much of them it moved.
struct Step {
  Step(z_stream& stream, std::string_view in, std::span<char> out) : stream_(stream) {
    in_ = static_cast<uInt>(std::min(in.size(), step_bytes_max));
    out_ = static_cast<uInt>(std::min(out.size(), step_bytes_max));
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream.avail_in = in_;
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = out_;
  }
  size_t taken() const { return in_ - stream_.avail_in; }
  size_t given() const { return out_ - stream_.avail_out; }

 private:
  z_stream& stream_;
  uInt in_ = 0;
  uInt out_ = 0;
};

class GzipEncoder final : public Stage {
 public:
  explicit GzipEncoder(int level) {
    CHECK(deflateInit2(&stream_, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  }
  ~GzipEncoder() override { deflateEnd(&stream_); }
  GzipEncoder(const GzipEncoder&) = delete;
  GzipEncoder& operator=(const GzipEncoder&) = delete;

  Result<Moved> update(std::string_view in, std::span<char> out) override {
    const Step step(stream_, in, out);
    CHECK(deflate(&stream_, Z_NO_FLUSH) == Z_OK);
    return Moved{.taken = step.taken(), .given = step.given()};
  }

  Result<Ended> finish(std::span<char> out) override {
    const Step step(stream_, {}, out);
    const int told = deflate(&stream_, Z_FINISH);
    CHECK(told == Z_OK || told == Z_STREAM_END || told == Z_BUF_ERROR);
    return Ended{.given = step.given(), .done = told == Z_STREAM_END};
  }

  bool proves_late() const override { return false; }

 private:
  z_stream stream_{};
};

class GzipDecoder final : public Stage {
 public:
  GzipDecoder() { CHECK(inflateInit2(&stream_, gzip_window) == Z_OK); }
  ~GzipDecoder() override { inflateEnd(&stream_); }
  GzipDecoder(const GzipDecoder&) = delete;
  GzipDecoder& operator=(const GzipDecoder&) = delete;

  Result<Moved> update(std::string_view in, std::span<char> out) override {
    Moved all;
    while (all.taken < in.size() && all.given < out.size()) {
      TRY_OK(begin(in[all.taken]));
      TRY(const Moved moved, step(in.substr(all.taken), out.subspan(all.given)));
      all.taken += moved.taken;
      all.given += moved.given;
    }
    return all;
  }

  Result<Ended> finish(std::span<char> out) override {
    if (whole_) {
      return Ended{.done = true};
    }
    TRY(const Moved moved, step({}, out));
    if (!whole_ && moved.given < out.size()) {
      return fail(Code::corrupt,
                  fmt::format("it is cut off: {} bytes do not end a gzip member", offset_),
                  "write the object again");
    }
    return Ended{.given = moved.given, .done = whole_};
  }

  bool proves_late() const override { return false; }

 private:
  // Behind the end of a member only another one may stand.
  Result<Unit> begin(char first) {
    if (!whole_) {
      return Unit{};
    }
    if (first != '\x1f') {
      return fail(Code::corrupt, fmt::format("something else than gzip begins at byte {}", offset_),
                  "the object has bytes behind its end: write it again");
    }
    CHECK(inflateReset(&stream_) == Z_OK);
    whole_ = false;
    return Unit{};
  }

  Result<Moved> step(std::string_view in, std::span<char> out) {
    const Step step(stream_, in, out);
    const int told = inflate(&stream_, Z_NO_FLUSH);
    offset_ += step.taken();
    if (told != Z_OK && told != Z_STREAM_END && told != Z_BUF_ERROR) {
      return fail(Code::corrupt,
                  fmt::format("not whole gzip, at byte {}: {}", offset_,
                              stream_.msg == nullptr ? "no reason given" : stream_.msg),
                  "the object is damaged, or is not compressed with gzip: write it again");
    }
    whole_ = told == Z_STREAM_END;
    return Moved{.taken = step.taken(), .given = step.given()};
  }

  z_stream stream_{};
  uint64_t offset_ = 0;
  bool whole_ = false;  // at the end of a member, with all of it given
};

}  // namespace

StagePtr gzip_encoder(int level) { return std::make_unique<GzipEncoder>(level); }
StagePtr gzip_decoder() { return std::make_unique<GzipDecoder>(); }

}  // namespace tutti::xfer::stage
