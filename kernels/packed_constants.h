// Constants in the layout that a kernel wants, packed once and shared by all kernels that want the same.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace octet {

// Bytes, aligned to 64, that live as long as a kernel holds them.
using PackedBytes = std::shared_ptr<const std::byte>;

// A cache of packed constants: one per model, shared by its sessions. It holds no memory itself: what no kernel uses
// any more is freed, and packed again when it is wanted again. Thread-safe.
class PackedConstants {
 public:
  // Writes all of the bytes that it is given.
  using Pack = std::function<void(std::byte*)>;

  // The `bytes` bytes that `pack` makes of the constant at `source`; `pack` is called only if nobody holds them.
  //
  // layout  determines the bytes, together with `source` and their number: the kernel's name, its block sizes, the zero
  //         point if it goes into the bytes, a oneDNN memory descriptor ...
  //
  // What `pack` throws comes through, and std::bad_alloc.
  PackedBytes find_or_pack(const void* source, std::string_view layout, size_t bytes, const Pack& pack);

  // How often something was packed, and the bytes of all that is held now.
  size_t pack_count() const;
  size_t bytes() const;

 private:
  struct Entry {
    std::mutex packing;
    std::weak_ptr<const std::byte> data;
    size_t bytes = 0;
  };
  using Layouts = std::unordered_map<std::string, std::shared_ptr<Entry>>;

  mutable std::mutex mutex_;  // of the maps and the count; never held while something is packed
  std::unordered_map<const void*, Layouts> sources_;
  size_t pack_count_ = 0;
};

// find_or_pack for a kernel: without a cache the kernel gets a copy of its own.
PackedBytes pack_constant(PackedConstants* packed, const void* source, std::string_view layout, size_t bytes,
                          const PackedConstants::Pack& pack);

}  // namespace octet
