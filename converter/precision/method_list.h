// The functions behind the table of sensitivity methods: a file each.
#pragma once

#include "converter/precision/sensitivity.h"

namespace octet {

Result<Objective> sensitivity_single_layer(const SensitivityContext& context, const std::string& layer, int bits,
                                           std::optional<PackedModel>& packed);
Result<Objective> sensitivity_hessian(const SensitivityContext& context, const std::string& layer, int bits,
                                      std::optional<PackedModel>& packed);

}  // namespace octet
