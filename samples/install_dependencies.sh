#!/usr/bin/env bash
# Installs what building octet needs, from Debian's packages (Debian 12 and 13), if any of it is missing.
#   install_dependencies.sh            what the programs need
#   install_dependencies.sh --tests    and what the tests need
#   install_dependencies.sh --nightly  and what tests/nightly.sh needs
set -euo pipefail
packages=(g++ cmake ninja-build pkg-config libdnnl-dev nlohmann-json3-dev libstb-dev libcli11-dev libonnx-dev libprotobuf-dev
          protobuf-compiler libmd-dev libeigen3-dev)
# clang with what its sanitizers and libFuzzer need to link, and OpenMP as it has it.
case "${1:-}" in --tests | --nightly)
  packages+=(doctest-dev libbenchmark-dev python3 python3-numpy python3-onnx cppcheck clang libclang-rt-dev libomp-dev) ;;
esac
[ "${1:-}" != --nightly ] || packages+=(clang-tidy valgrind libopenmpi-dev openmpi-bin)

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "please install, as root: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
