#!/usr/bin/env bash
# Static analysis of everything but the tests; a finding is an error.
#   analyze.sh cppcheck                 exit code 77: skipped, another version than Debian 12's
#   analyze.sh clang-tidy BUILD_DIR [FOLDER ...]     of these folders, or of all and what the tests share; the build
#                                       folder, configured for clang, says how each file is compiled, and keeps which
#                                       were clean: those are looked at again when something in them changed
set -euo pipefail
cd "$(dirname "$0")/.."
case "${1:-}" in
  cppcheck)
    # Each version has opinions of its own; the list of what is not so is that of 2.10.
    version=$(cppcheck --version || true)
    [ "$version" = "Cppcheck 2.10" ] || { echo "skipped: this needs Cppcheck 2.10, not '$version'"; exit 77; }
    exec cppcheck --quiet --std=c++20 --enable=warning,performance,portability --error-exitcode=1 -j "$(nproc)" \
      --suppressions-list=tests/cppcheck_suppressions.txt --template='{file}:{line}: {id}: {message}' \
      -I . -I kernels/include -I runtime/include kernels runtime converter samples ;;
  clang-tidy)
    shift
    exec python3 tests/tidy.py "$@" ;;
  *)
    echo "usage: analyze.sh cppcheck | clang-tidy BUILD_DIR [FOLDER ...]" >&2
    exit 2 ;;
esac
