#!/usr/bin/env bash
# Fuzzes every reader of outside files, one after the other.
#   run.sh SECONDS [TARGET ...]       BUILD_DIR=... chooses another build folder than build-fuzz
# With 0 seconds each reads its corpus once.
# Exit code 77: skipped, for there is no clang with libFuzzer.
# The corpus stays in BUILD_DIR/corpus and grows from run to run; packed files start from those of tests/data, too. A
# finding ends the run with an error; its input is in BUILD_DIR/findings.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?usage: run.sh SECONDS [TARGET ...]}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(packed onnx json tfjs npy labels spec calibration image)
build=${BUILD_DIR:-build-fuzz}
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' |
  clang++ -fsanitize=fuzzer,address -x c++ - -o /dev/null 2>/dev/null ||
  { echo "fuzzing is skipped: there is no clang++ with libFuzzer (Debian: apt-get install clang)"; exit 77; }
cmake --preset fuzz -B "$build" >/dev/null
cmake --build "$build" -j "$(nproc)" --target make_corpus "${targets[@]/%/_fuzz}"
"$build/tests/fuzz/make_corpus" "$build/seeds"
cp tests/data/*.octet "$build/seeds/packed/"
mkdir -p "$build/findings"
limit=-max_total_time=$seconds
[ "$seconds" != 0 ] || limit=-runs=0
for target in "${targets[@]}"; do
  echo "fuzzing $target: $limit"
  mkdir -p "$build/corpus/$target"
  length=4096
  [ "$target" != packed ] || length=49152
  # 4 KB hold every structure, but not the weights of a packed network; what takes long or much memory for that little is
  # a finding too. (Any model may fold 1 GiB of constants, and the sanitizer keeps for a while what was freed.) Networks
  # run on plain code, which the sanitizers watch whole, unless OCTET_MAX_ISA says otherwise.
  OCTET_MAX_ISA=${OCTET_MAX_ISA:-any} "$build/tests/fuzz/${target}_fuzz" "$build/corpus/$target" "$build/seeds/$target" "$limit" \
    -max_len="$length" -timeout=10 -rss_limit_mb=2048 -malloc_limit_mb=512 -artifact_prefix="$build/findings/$target-" \
    -print_final_stats=1 -print_funcs=0 -verbosity=0 2>&1 | grep -vE '^(INFO|"|######|stat::(new|slow))' || { echo "$target: a finding" >&2; exit 1; }
done
