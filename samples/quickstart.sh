#!/usr/bin/env bash
# From a fresh machine to a classified picture: installs what is missing, builds, converts the bundled float model to
# 8-bit integers, and classifies IMAGE (default: a bundled picture).
#   quickstart.sh [IMAGE]
set -euo pipefail
image=$(realpath -- "${1:-$(dirname "$0")/images/ship.png}")
cd "$(dirname "$0")/.."
show() { printf '+ %s\n' "$*"; "$@"; }

samples/install_dependencies.sh
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release >/dev/null
show cmake --build build

model=build/samples/models/cifar10_resnet.octet
show build/converter/octet convert samples/models/cifar10_resnet.json -o "$model" \
  --calibration-table samples/models/cifar10_resnet.calibration.json
show build/samples/classify "$image" --model "$model"
