#include "runtime/op.h"

#include <array>

namespace octet {
namespace {

struct OpListRow {
  uint16_t id;
  OpParams op;
};

const auto& op_list() {
#define OCTET_OP(id, Name) OpListRow{id, Name##Params{}},
  static const std::array rows{
#include "runtime/op_list.inc"
  };
#undef OCTET_OP
  return rows;
}

}  // namespace

const char* op_name(const OpParams& op) {
  return std::visit([](const auto& params) { return params.kName; }, op);
}

uint16_t op_id(const OpParams& op) {
  return op_list()[op.index()].id;
}

std::optional<OpParams> op_from_id(uint16_t id) {
  for (const OpListRow& row : op_list()) {
    if (row.id == id) return row.op;
  }
  return std::nullopt;
}

Result<std::vector<Shape>> infer_shapes(const OpParams& op, Descs inputs) {
  return std::visit([&](const auto& params) { return infer_shapes(params, inputs); }, op);
}

Status check_types(const OpParams& op, Descs inputs, Descs outputs) {
  return std::visit([&](const auto& params) { return check_types(params, inputs, outputs); }, op);
}

int64_t count_macs(const OpParams& op, Descs inputs, Descs outputs) {
  return std::visit([&](const auto& params) { return count_macs(params, inputs, outputs); }, op);
}

int in_place_input(const OpParams& op, Descs inputs, Descs outputs) {
  return std::visit([&](const auto& params) { return in_place_input(params, inputs, outputs); }, op);
}

bool is_view(const OpParams& op) {
  return std::visit([](const auto& params) { return is_view(params); }, op);
}

bool keeps_samples_apart(const OpParams& op, Descs inputs, Descs outputs) {
  return std::visit([&](const auto& params) { return keeps_samples_apart(params, inputs, outputs); }, op);
}

bool reads_only_shape(const OpParams& op, size_t input) {
  return std::visit([&](const auto& params) { return reads_only_shape(params, input); }, op);
}

Result<SelectedKernel> select_kernel(const OpParams& op, Descs inputs, Descs outputs, int threads,
                                     PackedConstants* packed, const std::shared_ptr<Scratchpad>& scratchpad) {
  return std::visit(
      [&]<class Params>(const Params& params) {
        return select_kernel<Params>(kernel_table(params), {params, inputs, outputs, threads, packed, scratchpad});
      },
      op);
}

}  // namespace octet
