#include "octet/model.hpp"

#include <exception>

#include "octet/octet.hpp"
#include "runtime/mapped_file.h"
#include "runtime/packed_format.h"
#include "runtime/resource_error.h"

namespace octet {
namespace {

std::vector<TensorInfo> describe(const PackedModel& model, const std::vector<int32_t>& ids) {
  std::vector<TensorInfo> infos;
  for (const int32_t id : ids) {
    const PackedTensor& tensor = model.tensors[static_cast<size_t>(id)];
    infos.push_back({tensor.name, tensor.type, tensor.shape});
  }
  return infos;
}

}  // namespace

Result<Model> Model::load(const std::string& path, const LoadOptions& options) try {
  OCTET_TRY(FileBytes file, map_file(path));
  Result<PackedModel> packed = read_model(file.bytes, std::move(file.owner), Backing::kMappedFile, options.max_bytes);
  if (!packed.ok()) return Error{packed.error().code, "'" + path + "': " + packed.error().message};
  return Model(std::make_shared<PackedModel>(std::move(*packed)));
} catch (const std::exception& error) {
  return resource_error(path, error);
}

Result<Model> Model::from_memory(std::span<const std::byte> bytes, const LoadOptions& options) try {
  OCTET_CHECK(check_memory(static_cast<int64_t>(bytes.size()), options.max_bytes));
  OCTET_TRY(FileBytes copy, copy_bytes(bytes));
  OCTET_TRY(PackedModel packed, read_model(copy.bytes, std::move(copy.owner), Backing::kMemory, options.max_bytes));
  return Model(std::make_shared<PackedModel>(std::move(packed)));
} catch (const std::exception& error) {
  return resource_error("the model could not be loaded", error);
}

Model::Model(std::shared_ptr<const PackedModel> packed)
    : packed_(std::move(packed)), packed_constants_(std::make_shared<PackedConstants>()) {}

const std::string& Model::name() const {
  return packed_->name;
}
std::vector<TensorInfo> Model::inputs() const {
  return describe(*packed_, packed_->inputs);
}
std::vector<TensorInfo> Model::outputs() const {
  return describe(*packed_, packed_->outputs);
}
const std::string& Model::preprocessing() const {
  return packed_->preprocessing;
}
const std::vector<std::string>& Model::class_names() const {
  return packed_->class_names;
}

const char* version() {
  return OCTET_VERSION;
}

const char* cpu_isa() {
  return to_string(best_isa());
}

std::span<const char* const> isa_names() {
  return all_isa_names();
}

}  // namespace octet
