#include "kernels/packed_constants.h"

#include <new>

namespace octet {
namespace {

constexpr std::align_val_t kAlignment{64};

PackedBytes make_packed(size_t bytes, const PackedConstants::Pack& pack) {
  const auto free_bytes = [](const std::byte* p) { operator delete[](const_cast<std::byte*>(p), kAlignment); };
  auto* const memory = static_cast<std::byte*>(operator new[](bytes, kAlignment));
  const std::shared_ptr<std::byte> packed(memory, free_bytes);
  pack(memory);
  return packed;
}

}  // namespace

PackedBytes PackedConstants::find_or_pack(const void* source, std::string_view layout, size_t bytes, const Pack& pack) {
  std::shared_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& found = sources_[source][std::string(layout) + " in " + std::to_string(bytes) + " bytes"];
    if (!found) found = std::make_shared<Entry>();
    entry = found;
  }
  const std::lock_guard lock(entry->packing);
  if (PackedBytes held = entry->data.lock()) return held;
  PackedBytes made = make_packed(bytes, pack);
  const std::lock_guard count_lock(mutex_);
  entry->data = made;
  entry->bytes = bytes;
  ++pack_count_;
  return made;
}

size_t PackedConstants::pack_count() const {
  const std::lock_guard lock(mutex_);
  return pack_count_;
}

size_t PackedConstants::bytes() const {
  const std::lock_guard lock(mutex_);
  size_t sum = 0;
  for (const auto& [source, layouts] : sources_) {
    for (const auto& [layout, entry] : layouts) sum += !entry || entry->data.expired() ? 0 : entry->bytes;
  }
  return sum;
}

PackedBytes pack_constant(PackedConstants* packed, const void* source, std::string_view layout, size_t bytes,
                          const PackedConstants::Pack& pack) {
  return packed == nullptr ? make_packed(bytes, pack) : packed->find_or_pack(source, layout, bytes, pack);
}

}  // namespace octet
