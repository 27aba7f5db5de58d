// Which cards the kernels in this build can run on. Any thread.
#pragma once

namespace dlfs {

// The oldest card that our kernels were compiled for, 75 for sm_75; newer ones run them too.
int oldest_architecture();

}  // namespace dlfs
