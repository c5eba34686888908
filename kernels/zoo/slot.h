// How an op of the zoo is reached without being linked: through a slot that use_zoo() fills.
#pragma once

#include "kernels/kernel.h"

namespace octet {

// Ops whose Params say kIsZoo have no functions of their own in the library that everybody links.
template <class Params>
concept ZooOp = Params::kIsZoo;

// The functions of kernel.h for one op of the zoo.
template <ZooOp Params>
struct ZooFunctions {
  Result<std::vector<Shape>> (*infer_shapes)(const Params& params, Descs inputs);
  Status (*check_types)(const Params& params, Descs inputs, Descs outputs);
  Result<Kernel> (*prepare)(const Problem<Params>& problem);
};

// Null until use_zoo().
template <ZooOp Params>
struct ZooSlot {
  static inline const ZooFunctions<Params>* functions = nullptr;
};

// Every op of the zoo defines this beside its kernel.
template <ZooOp Params>
const ZooFunctions<Params>& zoo_functions();

template <ZooOp Params>
Error not_linked() {
  return {ErrorCode::kUnsupported, std::string(Params::kName) + " is an operation of octet's zoo, which this program " +
                                       "does not use (octet/zoo.h)"};
}

template <ZooOp Params>
Result<std::vector<Shape>> infer_shapes(const Params& params, Descs inputs) {
  if (ZooSlot<Params>::functions == nullptr) return not_linked<Params>();
  return ZooSlot<Params>::functions->infer_shapes(params, inputs);
}

template <ZooOp Params>
Status check_types(const Params& params, Descs inputs, Descs outputs) {
  if (ZooSlot<Params>::functions == nullptr) return not_linked<Params>();
  return ZooSlot<Params>::functions->check_types(params, inputs, outputs);
}

// One row: plain code that takes everything.
template <ZooOp Params>
std::span<const KernelRow<Params>> kernel_table(const Params&) {
  static constexpr KernelRow<Params> kTable[] = {
      {"reference", Isa::kAny, [](const Problem<Params>&) { return ZooSlot<Params>::functions != nullptr; },
       [](const Problem<Params>& problem) { return ZooSlot<Params>::functions->prepare(problem); }}};
  return kTable;
}

}  // namespace octet
