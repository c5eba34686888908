# Enforces that the libraries keep no state for the whole process but what runtime/README.md (Threads) lists: writable
# variables, found by their sections.
#   cmake -DNM=nm "-DLIBRARIES=A.a;B.a" -P check_global_state.cmake
set(allowed
  "octet::best_isa\\(\\)::isa" "octet::has_native_bf16\\(\\)::native" "octet::onednn::has_exact_int8\\(\\)::exact"
  "octet::onednn::has_fused_multiply_add\\(\\)::fused"                            # what the CPU has, asked once
  "octet::release_pages\\(.*\\)::page"                                            # the size of a page
  "octet::kernel_table\\(octet::FullyConnectedParams const&\\)::table" "octet::.*::op_list\\(\\)::rows"  # made once
  "octet::onednn::engine\\(\\)::cpu"                                              # oneDNN's
  "octet::ZooSlot<.*>::functions"                                                 # use_zoo
  "guard variable for .*" "DW\\.ref\\..*" "std::.*")                              # the compiler's and its library's
list(JOIN allowed "|" allowed)
set(bad "")
set(count 0)
foreach(library ${LIBRARIES})
  execute_process(COMMAND ${NM} -C -f sysv --defined-only ${library} COMMAND grep -E "[|][.](bss|data)"
                  OUTPUT_VARIABLE symbols ERROR_QUIET)
  string(REPLACE ";" "," symbols "${symbols}")
  string(REGEX MATCHALL "[^\n]+" found "${symbols}")
  foreach(symbol IN LISTS found)
    string(REGEX REPLACE " *\\|.*" "" name "${symbol}")
    if(symbol MATCHES "\\.data\\.rel\\.ro")  # constants with addresses in them
      continue()
    endif()
    math(EXPR count "${count} + 1")
    if(NOT name MATCHES "^(${allowed})$")
      string(APPEND bad "  ${library}: ${name}\n")
    endif()
  endforeach()
endforeach()
if(bad)
  message(FATAL_ERROR "Writable variables of the whole process:\n${bad}")
endif()
if(count EQUAL 0)
  message(FATAL_ERROR "Not one writable variable in '${LIBRARIES}': the sections have other names")
endif()
