// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <zstd.h>

#include "base/check.h"
#include "xfer/stage/compress.h"

namespace tutti::xfer::stage {
namespace {

constexpr int window_log_max = 27;

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

class ZstdEncoder final : public Stage {
 public:
  ZstdEncoder(int level, std::optional<uint64_t> size) : context_(ZSTD_createCCtx()) {
    CHECK(context_ != nullptr);
    set(ZSTD_c_compressionLevel, level);
    set(ZSTD_c_checksumFlag, 1);
    if (size) {
      CHECK(ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(context_.get(), *size)) == 0);
    }
  }

  Result<Moved> update(std::string_view in, std::span<char> out) override {
    ZSTD_inBuffer input{.src = in.data(), .size = in.size(), .pos = 0};
    ZSTD_outBuffer output{.dst = out.data(), .size = out.size(), .pos = 0};
    while (input.pos < input.size && output.pos < output.size) {
      TRY_OK(step(output, input, ZSTD_e_continue));
    }
    return Moved{.taken = input.pos, .given = output.pos};
  }

  Result<Ended> finish(std::span<char> out) override {
    ZSTD_inBuffer input{.src = nullptr, .size = 0, .pos = 0};
    ZSTD_outBuffer output{.dst = out.data(), .size = out.size(), .pos = 0};
    while (!done_ && output.pos < output.size) {
      TRY(const size_t left, step(output, input, ZSTD_e_end));
      done_ = left == 0;
    }
    return Ended{.given = output.pos, .done = done_};
  }

  bool proves_late() const override { return false; }

 private:
  void set(ZSTD_cParameter parameter, int value) {
    CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context_.get(), parameter, value)) == 0);
  }

  Result<size_t> step(ZSTD_outBuffer& output, ZSTD_inBuffer& input, ZSTD_EndDirective directive) {
    const size_t left = ZSTD_compressStream2(context_.get(), &output, &input, directive);
    if (ZSTD_isError(left) != 0) {
      return fail(Code::corrupt, fmt::format("compressing: {}", ZSTD_getErrorName(left)),
                  "the source gave another number of bytes than it announced: try again");
    }
    return left;
  }

  std::unique_ptr<ZSTD_CCtx, Free> context_;
  bool done_ = false;
};

class ZstdDecoder final : public Stage {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    CHECK(context_ != nullptr);
    CHECK(ZSTD_isError(
              ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, window_log_max)) == 0);
  }

  Result<Moved> update(std::string_view in, std::span<char> out) override {
    ZSTD_inBuffer input{.src = in.data(), .size = in.size(), .pos = 0};
    ZSTD_outBuffer output{.dst = out.data(), .size = out.size(), .pos = 0};
    while (input.pos < input.size && output.pos < output.size) {
      TRY_OK(step(output, input));
    }
    return Moved{.taken = input.pos, .given = output.pos};
  }

  Result<Ended> finish(std::span<char> out) override {
    ZSTD_inBuffer input{.src = nullptr, .size = 0, .pos = 0};
    ZSTD_outBuffer output{.dst = out.data(), .size = out.size(), .pos = 0};
    while (!whole_ && output.pos < output.size) {
      const size_t before = output.pos;
      if (offset_ > 0) {
        TRY_OK(step(output, input));
      }
      if (!whole_ && output.pos == before) {
        return fail(Code::corrupt,
                    fmt::format("it is cut off: {} bytes do not end a zstd frame", offset_),
                    "write the object again");
      }
    }
    return Ended{.given = output.pos, .done = whole_};
  }

  bool proves_late() const override { return false; }

 private:
  Result<Unit> step(ZSTD_outBuffer& output, ZSTD_inBuffer& input) {
    const size_t from = input.pos;
    const size_t hint = ZSTD_decompressStream(context_.get(), &output, &input);
    if (ZSTD_isError(hint) != 0) {
      return fail(Code::corrupt,
                  fmt::format("{}, at byte {} or behind it: {}",
                              whole_ ? "something else than zstd behind the end" : "not whole zstd",
                              offset_, ZSTD_getErrorName(hint)),
                  "the object is damaged, or is not compressed with zstd: write it again");
    }
    offset_ += input.pos - from;
    whole_ = hint == 0;
    return Unit{};
  }

  std::unique_ptr<ZSTD_DCtx, Free> context_;
  uint64_t offset_ = 0;  // taken of the whole input
  bool whole_ = false;   // at the end of a frame, with all of it given
};

}  // namespace

StagePtr zstd_encoder(int level, std::optional<uint64_t> size) {
  return std::make_unique<ZstdEncoder>(level, size);
}
StagePtr zstd_decoder() { return std::make_unique<ZstdDecoder>(); }

}  // namespace tutti::xfer::stage
