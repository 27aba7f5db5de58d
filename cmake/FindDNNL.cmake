# Finds oneDNN 3.1 or later, first in DNNL_ROOT, then in the system; gives DNNL::dnnl. Serves dlfs's own build and,
# installed, those who link it. dnnl's own config file is not used: Debian's demands OpenCL, and some packages ship none.

find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(DNNL_LIBRARY NAMES dnnl)

if(DNNL_INCLUDE_DIR)
  file(STRINGS ${DNNL_INCLUDE_DIR}/oneapi/dnnl/dnnl_version.h _lines
       REGEX "define DNNL_VERSION_(MAJOR|MINOR|PATCH) +[0-9]+")
  string(REGEX REPLACE "[^0-9]+" "." DNNL_VERSION "${_lines}")
  string(REGEX REPLACE "^\\.|\\.$" "" DNNL_VERSION "${DNNL_VERSION}")
endif()

if(DNNL_VERSION AND DNNL_VERSION VERSION_LESS 3.1)
  set(_reason "${DNNL_INCLUDE_DIR} holds oneDNN ${DNNL_VERSION}, but dlfs needs 3.1 or later: in the tree of dlfs ./dev setup brings it")
else()
  set(_reason "oneDNN 3.1 or later is missing: in the tree of dlfs ./dev setup brings it")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(DNNL
  REQUIRED_VARS DNNL_LIBRARY DNNL_INCLUDE_DIR
  VERSION_VAR DNNL_VERSION
  REASON_FAILURE_MESSAGE "${_reason}")

if(DNNL_FOUND AND NOT TARGET DNNL::dnnl)
  add_library(DNNL::dnnl UNKNOWN IMPORTED)
  set_target_properties(DNNL::dnnl PROPERTIES
    IMPORTED_LOCATION ${DNNL_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
endif()
mark_as_advanced(DNNL_INCLUDE_DIR DNNL_LIBRARY)
