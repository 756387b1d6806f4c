// SPDX-License-Identifier: Apache-2.0
// The actions of this program: their schemas as the catalogue that validation reads, and the
// actions themselves for a worker.
#pragma once

#include "core/spec/catalogue.h"
#include "worker/worker.h"

namespace tutti::app {

spec::ActionSchema to_spec(const action::Schema& schema);

// Schemas of all actions, sorted by name.
spec::Catalogue make_catalogue(const worker::Actions& actions);

}  // namespace tutti::app
