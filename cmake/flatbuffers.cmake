# FlatBuffers' C++ from schema/*.fbs, made at build time: a .cpp includes "dlfs/schema/events_generated.h".

find_program(DLFS_FLATC flatc REQUIRED)
find_path(DLFS_FLATBUFFERS_INCLUDE_DIR flatbuffers/flatbuffers.h REQUIRED)
mark_as_advanced(DLFS_FLATC DLFS_FLATBUFFERS_INCLUDE_DIR)

function(dlfs_add_schemas target)
  set(root ${PROJECT_BINARY_DIR}/generated)
  set(folder ${root}/dlfs/schema)
  file(GLOB schemas CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/schema/*.fbs)
  foreach(schema IN LISTS schemas)
    cmake_path(GET schema STEM name)
    set(header ${folder}/${name}_generated.h)
    add_custom_command(OUTPUT ${header} DEPENDS ${schema} VERBATIM
      COMMAND ${DLFS_FLATC} --cpp --scoped-enums --gen-object-api -o ${folder} ${schema})
    list(APPEND headers ${header})
  endforeach()
  target_sources(${target} PRIVATE ${headers})
  target_include_directories(${target} SYSTEM PRIVATE ${root} ${DLFS_FLATBUFFERS_INCLUDE_DIR})
endfunction()
