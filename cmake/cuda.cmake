# Decides whether this build has a GPU half, and says why in one sentence.
#
# In:  DLFS_CUDA (AUTO, ON, OFF), CUDACXX or CMAKE_CUDA_COMPILER (optional), CMAKE_CUDA_ARCHITECTURES (optional).
# Out: DLFS_HAS_CUDA (TRUE or FALSE), DLFS_CUDA_STATUS (the sentence, kept in the cache for ./dev), and with
#      CUDA the target dlfs_cuda: static runtime and cuDNN's headers. cuDNN itself, nvJPEG and the driver are opened at
#      run time, so a program built with CUDA starts on a machine that has none of them. nvJPEG's header may be missing.

set(DLFS_CUDA AUTO CACHE STRING "GPU half: AUTO (where it can be compiled), ON (or fail), OFF")
if(NOT DLFS_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "dlfs: DLFS_CUDA is AUTO, ON or OFF, not ${DLFS_CUDA}")
endif()

# Sets off_because in the caller to the reason why CUDA stays off, or to "" where everything is there.
function(dlfs_look_for_cuda)
  set(off_because "" PARENT_SCOPE)
  if(DLFS_CUDA STREQUAL OFF)
    set(off_because "switched off (DLFS_CUDA=OFF)" PARENT_SCOPE)
    return()
  endif()

  find_program(DLFS_NVCC NAMES $ENV{CUDACXX} ${CMAKE_CUDA_COMPILER} nvcc
               HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT DLFS_NVCC)
    set(off_because "no nvcc found (CUDA 12.8 or later; 13.0 is tested)" PARENT_SCOPE)
    return()
  endif()
  execute_process(COMMAND ${DLFS_NVCC} --version OUTPUT_VARIABLE words ERROR_QUIET)
  if(NOT words MATCHES "V([0-9]+\\.[0-9]+\\.[0-9]+)")
    set(off_because "${DLFS_NVCC} tells no version" PARENT_SCOPE)
    return()
  endif()
  set(DLFS_NVCC_VERSION ${CMAKE_MATCH_1} PARENT_SCOPE)
  if(CMAKE_MATCH_1 VERSION_LESS 12.8)
    set(off_because "${DLFS_NVCC} is CUDA ${CMAKE_MATCH_1}, but 12.8 or later is needed" PARENT_SCOPE)
    return()
  endif()

  cmake_path(GET DLFS_NVCC PARENT_PATH bin)
  execute_process(COMMAND ${Python3_EXECUTABLE} -c "import nvidia.cudnn as c; print(list(c.__path__)[0])"
                  OUTPUT_VARIABLE wheel ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  find_path(DLFS_CUDNN_INCLUDE_DIR cudnn.h
            HINTS ${bin}/../include /usr/local/cuda/include ${wheel}/include)
  if(NOT DLFS_CUDNN_INCLUDE_DIR)
    set(off_because "nvcc ${CMAKE_MATCH_1} is here, but cudnn.h is not (cuDNN 9)" PARENT_SCOPE)
    return()
  endif()
  file(STRINGS ${DLFS_CUDNN_INCLUDE_DIR}/cudnn_version.h lines REGEX "define CUDNN_(MAJOR|MINOR|PATCHLEVEL) +[0-9]+")
  string(REGEX REPLACE "[^0-9]+" "." version "${lines}")
  string(REGEX REPLACE "^\\.|\\.$" "" version "${version}")
  set(DLFS_CUDNN_VERSION ${version} PARENT_SCOPE)
  if(version VERSION_LESS 9)
    set(off_because "${DLFS_CUDNN_INCLUDE_DIR} holds cuDNN ${version}, but 9 is needed" PARENT_SCOPE)
    return()
  endif()

  # A compiler that is here may still refuse this system's C++ compiler: AUTO tries it before it counts on it.
  set(ENV{CUDACXX} ${DLFS_NVCC})
  if(DLFS_CUDA STREQUAL AUTO)
    include(CheckLanguage)
    check_language(CUDA)
    if(NOT CMAKE_CUDA_COMPILER)
      set(off_because "${DLFS_NVCC} compiles nothing with this C++ compiler" PARENT_SCOPE)
    endif()
  endif()
endfunction()

# One architecture for each kind of card in this machine (RTX 20xx or later), or the H100's where there is none.
function(dlfs_architectures result)
  execute_process(COMMAND nvidia-smi --query-gpu=compute_cap --format=csv,noheader
                  OUTPUT_VARIABLE words ERROR_QUIET)
  string(REGEX MATCHALL "[0-9]+\\.[0-9]" cards "${words}")
  list(TRANSFORM cards REPLACE "\\." "")
  list(FILTER cards INCLUDE REGEX "^(7[5-9]|[89].|1..)$")
  list(REMOVE_DUPLICATES cards)
  if(NOT cards)
    set(cards 90)
  endif()
  set(${result} ${cards} PARENT_SCOPE)
endfunction()

# nvjpeg.h, for the one file that includes it: CUDA's, the one that ./dev setup unpacks, or pip's. It stands behind all
# other folders, since pip's has headers of another CUDA beside it. Sets nvjpeg_status in the caller.
function(dlfs_look_for_nvjpeg)
  cmake_path(GET DLFS_NVCC PARENT_PATH bin)
  execute_process(COMMAND ${Python3_EXECUTABLE} -c "import nvidia; print(*nvidia.__path__, sep=';')"
                  OUTPUT_VARIABLE wheels ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  list(TRANSFORM wheels APPEND /cu13/include)
  find_path(DLFS_NVJPEG_INCLUDE_DIR nvjpeg.h
            HINTS ${bin}/../include /usr/local/cuda/include ${PROJECT_SOURCE_DIR}/build/deps/nvjpeg/include ${wheels})
  if(NOT DLFS_NVJPEG_INCLUDE_DIR)
    set(nvjpeg_status "no nvjpeg.h (./dev setup brings it), so JPEG on the GPU is off" PARENT_SCOPE)
    return()
  endif()
  file(STRINGS ${DLFS_NVJPEG_INCLUDE_DIR}/nvjpeg.h lines REGEX "define NVJPEG_VER_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX REPLACE "[^0-9]+" "." version "${lines}")
  string(REGEX REPLACE "^\\.|\\.$" "" version "${version}")
  set_source_files_properties(dlfs/gpu/nvjpeg.cpp PROPERTIES
    COMPILE_DEFINITIONS DLFS_NVJPEG=1 COMPILE_OPTIONS "-idirafter;${DLFS_NVJPEG_INCLUDE_DIR}")
  set(nvjpeg_status "nvJPEG ${version}" PARENT_SCOPE)
endfunction()

# What only sm_90a can run, compiled for it where the list has 90; for the other architectures that file is empty.
function(dlfs_add_hopper target)
  set(cards ${CMAKE_CUDA_ARCHITECTURES})
  list(TRANSFORM cards REPLACE "^90(|-real|-virtual)$" "90a\\1")
  add_library(dlfs_hopper OBJECT dlfs/gpu/hopper_convolution.cu dlfs/gpu/hopper_filter_gradient.cu)
  set_target_properties(dlfs_hopper PROPERTIES CUDA_ARCHITECTURES "${cards}")
  if(cards MATCHES "90a")
    target_compile_definitions(dlfs_hopper PRIVATE DLFS_SM90A)
  endif()
  target_include_directories(dlfs_hopper PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(dlfs_hopper PRIVATE dlfs_warnings dlfs_cuda)
  target_sources(${target} PRIVATE $<TARGET_OBJECTS:dlfs_hopper>)
endfunction()

if(NOT CMAKE_CUDA_ARCHITECTURES)
  dlfs_architectures(CMAKE_CUDA_ARCHITECTURES)
endif()
dlfs_look_for_cuda()

if(off_because)
  if(DLFS_CUDA STREQUAL ON)
    message(FATAL_ERROR "dlfs: CUDA is asked for, but ${off_because}")
  endif()
  set(DLFS_HAS_CUDA FALSE)
  set(DLFS_CUDA_STATUS "off: ${off_because}" CACHE INTERNAL "")
else()
  set(DLFS_HAS_CUDA TRUE)
  include(${CMAKE_CURRENT_LIST_DIR}/cuda_language.cmake)
  find_package(CUDAToolkit REQUIRED)
  add_library(dlfs_cuda INTERFACE)
  target_link_libraries(dlfs_cuda INTERFACE CUDA::cudart_static)
  target_include_directories(dlfs_cuda SYSTEM INTERFACE ${DLFS_CUDNN_INCLUDE_DIR})
  list(JOIN CMAKE_CUDA_ARCHITECTURES " " _architectures)
  dlfs_look_for_nvjpeg()
  set(DLFS_CUDA_STATUS "on: nvcc ${DLFS_NVCC_VERSION}, cuDNN ${DLFS_CUDNN_VERSION}, sm ${_architectures}, ${nvjpeg_status}" CACHE INTERNAL "")
endif()
