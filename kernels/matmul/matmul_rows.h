// The kernels of matmul, by row of its table.
#pragma once

#include "kernels/matmul/matmul.h"

namespace octet {

Result<Kernel> prepare_matmul_reference(const Problem<MatmulParams>& problem);

}  // namespace octet
