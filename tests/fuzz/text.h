// Texts that users write, and what their readers say to them.
#pragma once

#include <string>

#include "octet/result.h"

namespace octet::fuzz {

// A preprocessing spec, for an image network of 8x8.
Status read_spec(const std::string& text);
// A saved calibration.
Status read_calibration(const std::string& text);
// A file of three class names, and one of the labels of two samples of four classes: each text is read as both.
Status read_class_names(const std::string& text);
Status read_labels(const std::string& text);

}  // namespace octet::fuzz
