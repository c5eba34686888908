#!/usr/bin/env bash
# What the corpora reach: line coverage of everything that reads outside files, from their seeds and from what fuzzing has
# added to them (tests/fuzz/run.sh, BUILD_DIR/corpus).
#   coverage.sh [TARGET ...]          BUILD_DIR=... the fuzzers' build folder, build-fuzz
set -euo pipefail
cd "$(dirname "$0")/../.."
fuzz=${BUILD_DIR:-build-fuzz}
build=$fuzz-coverage
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(packed onnx json npy text image)
cmake --preset fuzz -B "$build" \
  -DCMAKE_CXX_FLAGS="-fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping" >/dev/null
cmake --build "$build" -j "$(nproc)" --target make_corpus "${targets[@]/%/_fuzz}"
"$build/tests/fuzz/make_corpus" "$build/seeds"
cp tests/data/*.octet "$build/seeds/packed/"
profiles=() programs=()
for target in "${targets[@]}"; do
  corpora=("$build/seeds/$target")
  [ ! -d "$fuzz/corpus/$target" ] || corpora+=("$fuzz/corpus/$target")
  OCTET_MAX_ISA=any LLVM_PROFILE_FILE="$build/$target.profraw" "$build/tests/fuzz/${target}_fuzz" -runs=0 "${corpora[@]}" 2>/dev/null
  profiles+=("$build/$target.profraw")
  programs+=(-object "$build/tests/fuzz/${target}_fuzz")
done
version=$(clang++ -dumpversion)
tool() {  # Debian's tools have the version in their names where llvm itself is not installed
  if command -v "$1" >/dev/null; then "$@"; else "$1-${version%%.*}" "${@:2}"; fi
}
tool llvm-profdata merge -o "$build/all.profdata" "${profiles[@]}"
tool llvm-cov report -instr-profile="$build/all.profdata" "${programs[@]}" -show-region-summary=false \
  -show-branch-summary=false runtime/packed_reader.cpp runtime/packed_model.cpp runtime/nibbles.cpp runtime/op.cpp \
  runtime/image converter/import converter/data/npy.cpp converter/data/labels.cpp converter/calibrate/calibration_table.cpp |
  sed "s#$PWD/##"
