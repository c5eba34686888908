#!/usr/bin/env bash
# Installs what is missing, builds everything with warnings as errors, fuzzes for a moment what the runtime reads (where
# there is a clang, and unless ctest is told what to run), and runs all tests through ctest.
#   run.sh [CTEST ARGUMENT ...]        BUILD_DIR=... chooses another build folder than build
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
samples/install_dependencies.sh --tests
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DOCTET_DEVELOPER=ON >/dev/null
cmake --build "$build"
[ $# -gt 0 ] || BUILD_DIR="$build-fuzz" tests/fuzz/run.sh 20 packed image || [ $? -eq 77 ]
ctest --test-dir "$build" --output-on-failure "$@"
