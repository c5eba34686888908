# Enforces that objects compiled for one ISA have no code that the linker may take for the whole program: no inline
# function or template that is a symbol of its own (nm's W), and nothing that runs before main (_GLOBAL__sub_I).
#   cmake -DNM=nm "-DOBJECTS=A.o;B.o" -DFILES=REGEX -P check_isa_objects.cmake
list(FILTER OBJECTS INCLUDE REGEX "${FILES}")
if(NOT OBJECTS)
  message(FATAL_ERROR "No object matches '${FILES}'")
endif()
set(bad "")
foreach(object ${OBJECTS})
  execute_process(COMMAND ${NM} -C --defined-only ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "," symbols "${symbols}")
  string(REGEX MATCHALL " (W [^\n]*|[a-zA-Z] _GLOBAL__sub_I[^\n]*)" shared "${symbols}")
  foreach(symbol IN LISTS shared)
    string(APPEND bad "  ${object}:${symbol}\n")
  endforeach()
endforeach()
if(bad)
  message(FATAL_ERROR "Files for one ISA share code with other CPUs:\n${bad}")
endif()
