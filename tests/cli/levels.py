"""The levels of instruction sets that the tests force, as environments: oneDNN's own variable (which has two names) caps
oneDNN, octet's caps both."""

ONEDNN_LEVELS = ("SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_VNNI", "DEFAULT")
OWN_LEVELS = ("any", "sse41", "avx2", "avx512", "avx512_vnni", "avx512_vbmi")
LEVELS = [{"ONEDNN_MAX_CPU_ISA": level, "DNNL_MAX_CPU_ISA": level} for level in ONEDNN_LEVELS]
LEVELS += [{"OCTET_MAX_ISA": level} for level in OWN_LEVELS]
