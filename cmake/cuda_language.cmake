# CUDA as the language of .cu files that include our headers: C++20, and constexpr functions (dlfs/base/random.h) serve
# in kernels too. Used by dlfs's own build and, installed, by dlfs_enable_cuda().

find_program(DLFS_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH /usr/local/cuda PATH_SUFFIXES bin)
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND DLFS_NVCC)
  set(ENV{CUDACXX} ${DLFS_NVCC})  # CMake itself looks in PATH alone
endif()
enable_language(CUDA)
if(CMAKE_VERSION VERSION_LESS 3.26)  # does not know yet how nvcc spells C++20
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  list(APPEND CMAKE_CUDA_COMPILE_FEATURES cuda_std_20)
endif()
set(CMAKE_CUDA_STANDARD 20)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)
add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
