# Installs the build into a fresh folder, builds a stranger's project against it (find_package and pkg-config), runs both.
#   cmake -DBUILD=<build folder> -DROOT=<project folder> -DWORK=<scratch folder> -DGENERATOR=<CMake generator>
#         -DCXX=<compiler> -DFLAGS=<those that all of the build was compiled with> -P run.cmake
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    message(FATAL_ERROR "${ARGN}: ${result}\n${output}")
  endif()
  message("${output}")
endfunction()
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${ROOT}/tests/install/consumer -B ${WORK}/build -G ${GENERATOR} -DCMAKE_BUILD_TYPE=Release
    -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${FLAGS} -DCMAKE_PREFIX_PATH=${WORK}/prefix
    -DEMBED_MINIMAL=${ROOT}/samples/embed_minimal.cpp)
run(${CMAKE_COMMAND} --build ${WORK}/build)
set(model ${BUILD}/samples/models/cifar10_resnet.octet)
run(${WORK}/build/consumer ${model})

file(GLOB_RECURSE pc ${WORK}/prefix/*/octet.pc)
get_filename_component(pc_folder ${pc} DIRECTORY)
set(ENV{PKG_CONFIG_PATH} ${pc_folder})
execute_process(COMMAND pkg-config --cflags --libs octet
                OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags)
separate_arguments(FLAGS)
run(${CXX} ${FLAGS} -std=c++20 ${ROOT}/samples/embed_minimal.cpp -o ${WORK}/by_pkg_config ${flags})
run(${WORK}/by_pkg_config ${model})
