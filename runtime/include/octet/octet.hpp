// octet runs neural networks as 8-bit integers: Model::load, Session::create, run.
#pragma once

#include "octet/model.hpp"
#include "octet/session.hpp"

namespace octet {

// "0.1.0"
const char* version();

}  // namespace octet
