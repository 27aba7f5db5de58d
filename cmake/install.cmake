# What `cmake --install` lays down, to be moved anywhere as a whole: the program, libdlfs.a and the op-testing harness,
# every header but the program's, and the CMake package `dlfs`. Others' libraries come along where a user's system need
# not have them: the oneDNN that ./dev setup unpacked, and CUDA's runtime, an archive that must fit our objects.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dlfs)
set(brought_dir ${CMAKE_INSTALL_LIBDIR}/dlfs)

set_target_properties(dlfs_program PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)  # a oneDNN in a place of its own
install(TARGETS dlfs_program)
install(TARGETS dlfs EXPORT dlfsTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS dlfs_testing EXPORT dlfsTestingTargets)
install(EXPORT dlfsTargets NAMESPACE dlfs:: DESTINATION ${package_dir})
install(EXPORT dlfsTestingTargets NAMESPACE dlfs:: DESTINATION ${package_dir})
install(DIRECTORY dlfs DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "*.cuh" PATTERN dlfs/main EXCLUDE PATTERN dlfs/testing EXCLUDE)
set(harness_headers devices error op_case op_checks)
list(TRANSFORM harness_headers REPLACE ".+" "dlfs/testing/\\0.h")
install(FILES ${harness_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dlfs/testing)

cmake_path(IS_PREFIX DNNL_ROOT ${DNNL_LIBRARY} brings_onednn)
if(brings_onednn)
  install(DIRECTORY ${DNNL_ROOT} DESTINATION ${brought_dir})
  set_target_properties(dlfs_program PROPERTIES INSTALL_RPATH
                        "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/dlfs/onednn/lib")
endif()
if(DLFS_HAS_CUDA)
  install(FILES ${CUDA_cudart_static_LIBRARY} DESTINATION ${brought_dir})
endif()

configure_package_config_file(cmake/dlfsConfig.cmake.in dlfsConfig.cmake INSTALL_DESTINATION ${package_dir}
                              PATH_VARS brought_dir NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/dlfsConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/dlfsConfig.cmake ${PROJECT_BINARY_DIR}/dlfsConfigVersion.cmake
              cmake/FindDNNL.cmake cmake/cuda_language.cmake DESTINATION ${package_dir})
