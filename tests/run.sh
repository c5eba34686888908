#!/usr/bin/env bash
# Installs what is missing, builds everything with warnings as errors, runs what clang's sanitizers, valgrind and
# clang-tidy look at (unless ctest is told what to run), and runs all tests through ctest.
#   run.sh [CTEST ARGUMENT ...]        BUILD_DIR=... chooses another build folder than build
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
samples/install_dependencies.sh --tests
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DOCTET_DEVELOPER=ON >/dev/null
cmake --build "$build"

# Sessions in threads under ThreadSanitizer, files of every version under valgrind, clang-tidy of the runtime.
looked_at() {
  CMAKE_GENERATOR=Ninja BUILD_DIR=$build tests/nightly.sh brief
}

# Built by clang, warnings are errors: every fuzzer reads its seeds, three go on for a moment, and the runtime's tests
# and the kernels' run in plain code, for that is what this build sanitizes.
sanitized() {
  local -x BUILD_DIR=$build-fuzz CMAKE_GENERATOR=Ninja OCTET_MAX_ISA=any OMP_WAIT_POLICY=passive
  tests/fuzz/run.sh 0 && tests/fuzz/run.sh 20 packed onnx image &&
    cmake --build "$BUILD_DIR" -j "$(nproc)" --target test_kernels test_runtime &&
    "$BUILD_DIR/tests/test_runtime" && "$BUILD_DIR/tests/test_kernels"
}
if [ $# -eq 0 ]; then
  sanitized || [ $? -eq 77 ]
  looked_at
fi
ctest --test-dir "$build" --output-on-failure "$@"
