// SPDX-License-Identifier: Apache-2.0
// Fernet tokens (github.com/fernet/spec, version 0x80): AES-128-CBC and HMAC-SHA256, as base64url
// text. One token is one object. Read by every Fernet library; the text is a third longer.
//
// A token proves only at its end: the decoder gives bytes before, and its finish() fails with
// `corrupt` where the HMAC does not hold (another key, or changed bytes: the format cannot tell).
// What it gave must not count before, which a put takes care of: a body that ends with an error
// never becomes visible. The time in a token is not checked: there is no time to live. For large
// objects aes-256-gcm is the better choice.
#pragma once

#include <array>

#include "base/time.h"
#include "xfer/stage/key.h"
#include "xfer/stage/stage.h"

namespace tutti::xfer::stage {

using Iv = std::array<char, 16>;

// `iv`: random, another one for each object. The key's first half signs, the other encrypts.
StagePtr fernet_encoder(const Key& key, const Iv& iv, Instant now);
StagePtr fernet_decoder(const Key& key);

}  // namespace tutti::xfer::stage
