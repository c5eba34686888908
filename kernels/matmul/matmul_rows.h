// The kernels of matmul, by row of its table.
#pragma once

#include "kernels/matmul/matmul.h"

namespace octet {

bool matmul_onednn_supports(const Problem<MatmulParams>& problem);
Result<Kernel> prepare_matmul_onednn(const Problem<MatmulParams>& problem);

Result<Kernel> prepare_matmul_reference(const Problem<MatmulParams>& problem);

}  // namespace octet
