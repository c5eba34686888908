#!/usr/bin/env bash
# Installs what is missing, builds everything with warnings as errors, runs all tests through ctest, and then, unless
# ctest was told what to run, fuzzes for a moment what the runtime reads (where there is a clang).
#   run.sh [CTEST ARGUMENT ...]        BUILD_DIR=... chooses another build folder than build
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
samples/install_dependencies.sh --tests
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DOCTET_DEVELOPER=ON >/dev/null
cmake --build "$build"
ctest --test-dir "$build" --output-on-failure "$@"
[ $# -gt 0 ] || BUILD_DIR="$build-fuzz" tests/fuzz/run.sh 20 packed image || [ $? -eq 77 ]
