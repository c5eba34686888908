// rearrange: DepthToSpace and SpaceToDepth, as reshape, transpose, reshape.
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

struct Blocks {
  Shape src;
  int64_t size = 1;
};

Result<Blocks> read_blocks(const NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(1));
  Blocks blocks{reader.input_shape(0)};
  OCTET_TRY(blocks.size, reader.attribute("blocksize", int64_t{0}));
  if (blocks.src.rank() != 4 || blocks.size < 1 || blocks.size > INT16_MAX) {
    return reader.invalid("its input has the shape " + blocks.src.to_string() + ", its blocksize is " +
                          std::to_string(blocks.size));
  }
  return blocks;
}

Error misfit(const NodeReader& reader, const Blocks& blocks) {
  return reader.invalid("its input " + blocks.src.to_string() + " has no blocks of " + std::to_string(blocks.size));
}

// [N, b*b*C, H, W] to [N, C, b*H, b*W]; the channels are [b, b, C], or [C, b, b] in mode CRD.
Status read_depth_to_space(NodeReader& reader) {
  OCTET_TRY(const Blocks blocks, read_blocks(reader));
  const auto& [src, b] = blocks;
  OCTET_TRY(const std::string mode, reader.attribute("mode", std::string("DCR")));
  if (src[1] % (b * b) != 0) return misfit(reader, blocks);
  if (mode != "DCR" && mode != "CRD") return reader.invalid("its mode is '" + mode + "'");
  const int64_t c = src[1] / (b * b);
  Steps steps(reader);
  const bool crd = mode == "CRD";
  const ValueId split = crd ? steps.reshape(reader.input(0), {0, c, b, b, src[2], src[3]})
                            : steps.reshape(reader.input(0), {0, b, b, c, src[2], src[3]});
  const ValueId moved =
      crd ? steps.main().transpose(split, {0, 1, 4, 2, 5, 3}) : steps.main().transpose(split, {0, 3, 4, 1, 5, 2});
  return steps.finish(steps.reshape(moved, {0, c, b * src[2], b * src[3]}));
}

// [N, C, b*H, b*W] to [N, b*b*C, H, W]
Status read_space_to_depth(NodeReader& reader) {
  OCTET_TRY(const Blocks blocks, read_blocks(reader));
  const auto& [src, b] = blocks;
  if (src[2] % b != 0 || src[3] % b != 0) return misfit(reader, blocks);
  Steps steps(reader);
  const ValueId split = steps.reshape(reader.input(0), {0, src[1], src[2] / b, b, src[3] / b, b});
  const ValueId moved = steps.main().transpose(split, {0, 3, 5, 1, 2, 4});
  return steps.finish(steps.reshape(moved, {0, src[1] * b * b, src[2] / b, src[3] / b}));
}

constexpr OpReader kReaders[] = {
    {"DepthToSpace", "depth_to_space", read_depth_to_space},
    {"SpaceToDepth", "space_to_depth", read_space_to_depth},
};

}  // namespace

constinit const OpRule kRearrangeRule{"rearrange", always<QuantizationRule::kSameRange>, nullptr, kReaders};

}  // namespace octet
