#!/usr/bin/env bash
# What takes hours: sanitizers over the whole suite, valgrind, fuzzing, soaking, static analysis. Every step runs,
# whatever became of those before; the summary at the end says which failed.
#   nightly.sh [STEP ...]          debug clang asan tsan valgrind fuzz soak tidy mpi accuracy; all of them without one
#   nightly.sh brief               what CI takes of tsan, valgrind and tidy; BUILD_DIR=... has been built
#   FUZZ_SECONDS=3600 (each target)  SOAK_RUNS=10000000  SOAK_SECONDS=3600
set -uo pipefail
cd "$(dirname "$0")/.."
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(debug clang asan tsan valgrind fuzz soak tidy mpi accuracy)
samples/install_dependencies.sh --nightly || exit 1

build() {  # build PRESET FOLDER TARGET...
  cmake --preset "$1" -B "$2" >/dev/null && cmake --build "$2" -j "$(nproc)" --target "${@:3}"
}

# The bytes of random networks at every level, from the build in this folder.
same_bytes() {
  cmake --build "$1" -j "$(nproc)" --target same_bytes_test && "$1/tests/same_bytes_test" &&
    OCTET_TEST_SAME_BYTES="$1/same_bytes" "$1/tests/same_bytes_test"
}

# compare_build FOLDER CMAKE_ARGUMENT...: another way to build the runtime passes its tests, and gives the same bytes.
compare_build() {
  cmake --preset dev -B build >/dev/null && same_bytes build &&
    cmake --preset dev -B "$1" "${@:2}" >/dev/null && same_bytes "$1" && cmp build/same_bytes "$1/same_bytes" &&
    cmake --build "$1" -j "$(nproc)" --target test_kernels test_runtime &&
    ctest --test-dir "$1" --output-on-failure -R '^(kernels|runtime)/'
}

# Without optimization, and with assertions.
debug() {
  compare_build build-debug -DCMAKE_BUILD_TYPE=Debug
}

# Everything compiles without a warning.
clang() {
  compare_build build-clang -DCMAKE_CXX_COMPILER=clang++ && cmake --build build-clang -j "$(nproc)" &&
    ctest --test-dir build-clang --output-on-failure -R '^isa_objects'
}

asan() {
  build asan-ubsan build-asan all && ctest --test-dir build-asan --output-on-failure
}

# All that runs in threads. oneDNN and its OpenMP are not instrumented; what they do among themselves is not looked at,
# what octet does with their results is.
build_for_tsan() {
  export OMP_TOOL_LIBRARIES="$(clang++ -print-resource-dir)/../../libarcher.so" TSAN_OPTIONS="ignore_noninstrumented_modules=1 ${TSAN_OPTIONS:-}"
  build tsan build-tsan "$@"
}
tsan() {
  build_for_tsan all &&
    ctest --test-dir build-tsan --output-on-failure -R '^(kernels|runtime|converter|process|cli)/'
}

# Reads of memory that nothing wrote, which the sanitizers do not see. In plain code: vectors are read with what lies
# behind a tensor, and multiplied by 0, which valgrind takes for a use.
under_valgrind() {
  build dev build test_runtime &&
    valgrind_runtime '*session_test.cpp,*packed_format_test.cpp,*concurrency_test.cpp,*batch_slices_test.cpp,*pixel_input_test.cpp,*old_files_test.cpp'
}
valgrind_runtime() {
  OCTET_MAX_ISA=any valgrind -q --error-exitcode=1 "${BUILD_DIR:-build}/tests/test_runtime" --source-file="$1" --test-case-exclude='the measured peak*'
}

fuzz() {
  local seconds=${FUZZ_SECONDS:-3600}
  tests/fuzz/run.sh "$seconds" && OCTET_MAX_ISA=avx512_vnni tests/fuzz/run.sh $((seconds / 4)) packed
}

soak() {
  build dev build soak octet_bundled_model || return 1
  local net=build/samples/models/cifar10_resnet.octet float=build/soak_float.octet mixed=build/soak_mixed.octet
  local runs=${SOAK_RUNS:-10000000}
  build/tests/soak runs "$runs" $net && build/tests/soak --threads 2 runs $((runs / 10)) $net || return 1
  build/converter/octet convert samples/models/cifar10_resnet.json -o $float --precision f32 &&
    build/converter/octet convert samples/models/cifar10_resnet.json -o $mixed --keep-float first,last \
      --calibration-table samples/models/cifar10_resnet.calibration.json &&
    build/tests/soak lives "${SOAK_SECONDS:-3600}" $net $float $mixed tests/data/v4_dynamic.octet tests/data/v5_recurrent.octet
}

# As clang compiles it, with assertions: they say what cannot be. Each version has checks of its own: what is clean is so
# to Debian 12's.
tidy() {
  local version
  version=$(clang-tidy --version | grep -o 'version [0-9]*')
  [ "$version" = "version 14" ] || { echo "tidy is skipped: this needs clang-tidy 14, not $version"; return 0; }
  cmake --preset dev -B build-tidy -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug >/dev/null &&
    tests/analyze.sh clang-tidy build-tidy "$@"
}

# What CI takes of tsan, valgrind and tidy, once everything is built: sessions in threads, files of every version, the
# runtime's sources.
brief() {
  (build_for_tsan test_runtime threads_test &&
    build-tsan/tests/test_runtime --source-file='*concurrency_test.cpp' && build-tsan/tests/threads_test) &&
    valgrind_runtime '*old_files_test.cpp' && tidy runtime
}

# Processes that share the calibration data.
mpi() {
  cmake --preset dev -B build-mpi -DOCTET_MPI=ON >/dev/null &&
    cmake --build build-mpi -j "$(nproc)" --target octet_program &&
    ctest --test-dir build-mpi --output-on-failure --no-tests=error -R '^cli/mpi'
}

# What converting the shared networks costs in accuracy.
accuracy() {
  build dev build octet_program && tests/bench/accuracy_targets.py
}

failed=()
for step in "${steps[@]}"; do
  echo "== $step"
  case "$step" in
    debug | clang | asan | tsan | fuzz | soak | tidy | mpi | accuracy | brief) ("$step") || failed+=("$step") ;;
    valgrind) (under_valgrind) || failed+=("$step") ;;
    *) echo "nightly.sh: there is no step '$step'" >&2; exit 2 ;;
  esac
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
echo "all passed: ${steps[*]}"
