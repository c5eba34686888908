#!/usr/bin/env bash
# What the corpora reach: coverage of everything that reads outside files, in lines and regions (stretches of code without
# a branch), from their seeds and from what fuzzing has added to them (tests/fuzz/run.sh, BUILD_DIR/corpus).
#   coverage.sh [TARGET ...]          BUILD_DIR=... the fuzzers' build folder, build-fuzz
set -euo pipefail
cd "$(dirname "$0")/../.."
fuzz=${BUILD_DIR:-build-fuzz}
build=$fuzz-coverage
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(packed onnx json tfjs npy labels spec calibration image)
# Without optimization it is built in a third of the time, and what runs are small files, once.
cmake --preset fuzz -B "$build" -DCMAKE_BUILD_TYPE=None \
  -DCMAKE_CXX_FLAGS="-DNDEBUG -fsanitize=fuzzer-no-link -fprofile-instr-generate -fcoverage-mapping" >/dev/null
cmake --build "$build" -j "$(nproc)" --target make_corpus "${targets[@]/%/_fuzz}"
LLVM_PROFILE_FILE=/dev/null "$build/tests/fuzz/make_corpus" "$build/seeds"
cp tests/data/*.octet "$build/seeds/packed/"
profiles=() programs=()
for target in "${targets[@]}"; do
  corpora=("$build/seeds/$target")
  [ ! -d "$fuzz/corpus/$target" ] || corpora+=("$fuzz/corpus/$target")
  OCTET_MAX_ISA=any LLVM_PROFILE_FILE="$build/$target.profraw" "$build/tests/fuzz/${target}_fuzz" -runs=0 "${corpora[@]}" \
    >"$build/$target.log" 2>&1 || { tail "$build/$target.log" >&2; exit 1; }
  profiles+=("$build/$target.profraw")
  # llvm-cov takes what comes first for a program, without -object.
  [ ${#programs[@]} -eq 0 ] || programs+=(-object)
  programs+=("$build/tests/fuzz/${target}_fuzz")
done
version=$(clang++ -dumpversion)
tool() {  # Debian's tools have the version in their names where llvm itself is not installed
  if command -v "$1" >/dev/null; then "$@"; else "$1-${version%%.*}" "${@:2}"; fi
}
tool llvm-profdata merge -o "$build/all.profdata" "${profiles[@]}"

# report READER SOURCE...: one line for all these sources together.
report() {
  tool llvm-cov report -instr-profile="$build/all.profdata" "${programs[@]}" -show-branch-summary=false "${@:2}" |
    awk -v reader="$1" '$1 == "TOTAL" {printf "%-28s %6d lines %8s   %6d regions %8s\n", reader, $8, $10, $2, $4}'
}
parsers=(
  "packed files:runtime/packed_reader.cpp runtime/packed_model.cpp runtime/nibbles.cpp runtime/fields.cpp"
  "their operations:runtime/op.cpp"
  "images:runtime/image/load_image.cpp runtime/image/pnm.cpp runtime/image/stb.cpp"
  "preprocessing:runtime/image/preprocessing.cpp runtime/image/resolve_input.cpp"
  "ONNX:converter/import/onnx.cpp converter/import/onnx_tensor.cpp converter/import/control_flow.cpp"
  "octet JSON:converter/import/json.cpp converter/import/json_file.cpp"
  "TensorFlow.js:$(printf '%s ' converter/import/tfjs*.cpp)"
  "what all models share:converter/import/node_reader.cpp converter/import/node_order.cpp converter/import/source_model.cpp"
  ".npy:converter/data/npy.cpp"
  "labels and names:converter/data/labels.cpp"
  "calibration tables:converter/calibrate/calibration_table.cpp"
)
for parser in "${parsers[@]}"; do
  read -ra sources <<<"${parser#*:}"
  report "${parser%%:*}" "${sources[@]}"
done
