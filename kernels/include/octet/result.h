// Result<T>: a value or an error with a message that names the object; octet never throws across its API.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace octet {

// What kind of thing went wrong. The command line maps each code to one exit code (shown in brackets).
enum class ErrorCode {
  kResource,     // [1] memory, disk, permissions
  kUsage,        // [2] the caller asked for something that makes no sense
  kUnsupported,  // [3] a valid model with something that octet cannot run
  kInvalidFile,  // [4] an outside file that is missing, damaged, or does not match
};

struct Error {
  ErrorCode code;
  std::string message;  // one line that names the object and the numbers
};

// A T or an Error. value() and error() assert that they are asked of the right one.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return assert(ok()), *std::get_if<0>(&state_); }
  const T& value() const& { return assert(ok()), *std::get_if<0>(&state_); }
  T&& value() && { return assert(ok()), std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

  const Error& error() const { return assert(!ok()), *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

// A Result without a value. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return assert(failed_), error_; }

 private:
  bool failed_ = false;
  Error error_{ErrorCode::kResource, {}};
};

using Status = Result<void>;

}  // namespace octet

#define OCTET_CONCAT_INNER(a, b) a##b
#define OCTET_CONCAT(a, b) OCTET_CONCAT_INNER(a, b)

// OCTET_TRY(auto x, f()) declares x from f()'s value, or returns f()'s error from the enclosing function.
#define OCTET_TRY(declaration, expression) OCTET_TRY_INNER(OCTET_CONCAT(octet_try_, __LINE__), declaration, expression)
#define OCTET_TRY_INNER(result, declaration, expression) \
  auto result = (expression);                            \
  if (!result.ok()) return result.error();               \
  declaration = std::move(result).value()

// OCTET_CHECK(f()) returns f()'s error, if any, from the enclosing function.
#define OCTET_CHECK(expression)                          \
  do {                                                   \
    auto octet_status = (expression);                    \
    if (!octet_status.ok()) return octet_status.error(); \
  } while (false)
