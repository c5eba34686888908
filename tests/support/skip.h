// A test case that finds nothing here to look at says so, and why.
#pragma once

#include <string>

namespace octet::test {

// The exit code of a program whose every case that was asked for is skipped: ctest then counts it as skipped.
constexpr int kSkipped = 77;

// Once in the running test case, which then returns.
void skip(const std::string& why);

}  // namespace octet::test
