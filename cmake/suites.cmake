# Run after each link of the test program (cmake -DPROGRAM= -DOUT= -DROOT= -DRESULTS= -P): asks it for its
# suites and writes one ctest entry for each. Suites that begin with Gpu or Slow carry that label.

execute_process(COMMAND ${PROGRAM} --gtest_list_tests OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[A-Za-z0-9_/]+\\." suites "${listing}")

set(text "")
foreach(suite IN LISTS suites)
  string(REGEX REPLACE "[\n.]" "" suite "${suite}")
  string(REPLACE "/" "_" file "${suite}")
  set(labels "cpu")
  set(seconds 300)
  if(suite MATCHES "(^|/)Gpu")
    set(labels "gpu")
  elseif(suite MATCHES "(^|/)Slow")
    set(labels "slow")
    set(seconds 1800)
  endif()
  string(APPEND text
    "add_test([[${suite}]] [[${PROGRAM}]] [[--gtest_filter=${suite}.*]] [[--gtest_output=xml:${RESULTS}/${file}.xml]])\n"
    "set_tests_properties([[${suite}]] PROPERTIES WORKING_DIRECTORY [[${ROOT}]] LABELS ${labels}"
    " ENVIRONMENT OMP_NUM_THREADS=1 TIMEOUT ${seconds})\n")
endforeach()
file(WRITE ${OUT} "${text}")
