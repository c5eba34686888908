// .npy files as NumPy writes them, and as it does not.
#pragma once

#include <cstring>
#include <string>
#include <vector>

namespace octet::test {

// A file with this header text (padded as NumPy pads it) and these data.
inline std::string npy_bytes(std::string header, const std::string& data, int version = 1) {
  const size_t before = version == 1 ? 10 : 12;
  while ((before + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (size_t i = 0; i < before - 8; ++i) file += static_cast<char>(header.size() >> (8 * i));
  return file + header + data;
}

template <class T>
std::string npy_file(const std::string& descr, const std::string& shape, const std::vector<T>& values,
                     int version = 1) {
  std::string data(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(data.data(), values.data(), data.size());
  return npy_bytes("{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }", data, version);
}

}  // namespace octet::test
