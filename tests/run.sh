#!/usr/bin/env bash
# Installs what is missing, builds everything with warnings as errors, and runs all tests through ctest.
#   run.sh [CTEST ARGUMENT ...]        BUILD_DIR=... chooses another build folder than build
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD_DIR:-build}
samples/install_dependencies.sh --tests
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DOCTET_DEVELOPER=ON >/dev/null
cmake --build "$build"
exec ctest --test-dir "$build" --output-on-failure "$@"
