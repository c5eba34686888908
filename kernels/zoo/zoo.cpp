#include "octet/zoo.h"

#include "kernels/zoo/compare.h"
#include "kernels/zoo/cumulative_sum.h"
#include "kernels/zoo/index.h"
#include "kernels/zoo/math.h"
#include "kernels/zoo/non_max_suppression.h"
#include "kernels/zoo/recurrent.h"
#include "kernels/zoo/top_k.h"
#include "kernels/zoo/where.h"

namespace octet {
namespace {

template <class... Params>
void fill_slots() {
  ((ZooSlot<Params>::functions = &zoo_functions<Params>()), ...);
}

}  // namespace

void use_zoo() {
  fill_slots<CompareParams, WhereParams, MathParams, TopKParams, CumulativeSumParams, IndexParams,
             NonMaxSuppressionParams, RecurrentParams>();
}

}  // namespace octet
