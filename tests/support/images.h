// Images that tests make: a drawn pattern, and its bytes in every format that octet reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace octet::test {

// Sample (x, y, c) is (37x + 59y + 101c + 7xy) mod 256.
std::vector<uint8_t> pattern(int width, int height, int channels);

// Whole files. The samples are rows of pixels, channels beside each other.
std::string encode_pnm(char kind, int width, int height, int maximum, const std::vector<int>& samples);  // P2 P3 P5 P6
std::string encode_bmp(int width, int height, const std::vector<uint8_t>& rgb, bool top_down = false);
std::string encode_jpg(int width, int height, int channels, const std::vector<uint8_t>& samples);
std::string encode_png(int width, int height, int channels, const std::vector<uint8_t>& samples);
std::string encode_png_16(int width, int height, int channels, const std::vector<uint16_t>& samples);
// Of a palette of RGB bytes; `rows` are packed indices of 1, 2, 4 or 8 bits.
std::string encode_png_indexed(int width, int bits, const std::string& palette, const std::vector<std::string>& rows);

// Makes the checksums of a damaged png's chunks right.
void reseal_png(std::string& file);

}  // namespace octet::test
