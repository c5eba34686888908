// Texts that users write, and what their readers say to them.
#pragma once

#include <string>

#include "octet/result.h"

namespace octet::fuzz {

// A preprocessing spec, for an image network of 8x8 in color or in gray.
Status read_spec(const std::string& text);
// A saved calibration: written and read again, a range chosen of its first value by one of the methods, added to itself.
Status read_calibration(const std::string& text);
// A file of three class names; a list of images; and one of the labels of two samples of four classes, by number, or by
// the names of images.
Status read_class_names(const std::string& text);
Status read_image_list(const std::string& text);
Status read_labels(const std::string& text);
Status read_labels_of_images(const std::string& text);

}  // namespace octet::fuzz
