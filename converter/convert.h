// The pipeline on one page: a float model becomes a packed one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "converter/calibrate/auto.h"
#include "converter/calibrate/calibrate.h"
#include "converter/calibrate/calibration_table.h"
#include "converter/correct/correct.h"
#include "converter/load_model.h"
#include "converter/parallel.h"
#include "converter/precision.h"
#include "converter/precision/mix.h"
#include "runtime/packed_model.h"

namespace octet {

// What the accuracy gate found on samples that nothing else has seen.
struct GateResult {
  size_t count = 0;
  size_t float_right = 0;  // samples that the float network labels rightly
  size_t right = 0;        // and the packed one
  bool is_passed = false;
  size_t lost = 0, won = 0;  // samples that only the float network, or only the packed one, labels rightly

  double drop() const;  // in points
  // The drop's 95 % interval: evaluate.h.
  std::pair<double, double> drop_interval() const;
};

struct Conversion {
  PackedModel packed;
  ImportReport import_report;
  std::vector<std::string> notices;           // what the user should know of the samples
  std::vector<std::string> lowering_notices;  // and of `packed`: widened scales
  bool is_shard = false;                      // of several processes this is not the first, and has only observed
  uint64_t sample_count = 0;                  // behind the calibration
  std::string calibration;                    // the method; "auto (NAME)" tells what auto took
  std::vector<CalibrationTrial> trials;       // of auto
  std::vector<CorrectionStep> corrections;
  std::optional<PrecisionLadder> ladder;  // of mixed precision, where it was built
  std::optional<size_t> rung;             // that `packed` stands on
  std::optional<GateResult> gate;         // of `packed`: --max-drop

  // What a rung of the ladder lost of the labelled samples, in points; none without labels.
  std::optional<double> drop_of(const MixRung& other) const;
};

// What `octet convert` was asked for.
struct ConvertOptions {
  std::string model;
  std::vector<std::string> data;  // --data; empty: none
  std::string preprocessing;      // --preprocess; empty: what the model says
  size_t samples = 1000;          // drawn from the data; all, if there are fewer
  uint64_t seed = 0;
  std::string class_names_file;
  ImportOptions import;
  bool open_sizes = false;           // --open-sizes: sessions choose the size of images; ranges are those of this size
  std::string calibration = "auto";  // or a row of calibration_methods()
  CalibrationOptions calibration_options;
  std::vector<std::string> calibration_tables;                  // --calibration-table, merged
  std::string save_calibration;                                 // --save-calibration; empty: no
  std::function<void(const Conversion&)> calibration_observer;  // once ranges are chosen
  std::string correct = "auto";                                 // as parse_correction() takes it
  CorrectionObserver correction_observer;                       // after each correction
  WeightScheme weights;
  ActivationScheme activations;
  bool float_only = false;                                 // --precision f32
  bool is_bf16 = false;                                    // --precision bf16
  bool is_f16 = false;                                     // --precision f16: weights in the file alone
  Precision layers = Precision::kInt8;                     // kWeightOnly, kDynamic: of matrix layers, all else f32
  bool is_mixed = false;                                   // --precision mixed
  CostKind cost = CostKind::kLatency;                      // what mixed precision spares
  bool offers_bf16 = false;                                // to mixed precision, beside f32
  bool offers_int4 = false;                                // to mixed precision: weights of 4 bits, for bytes
  int64_t int4_group_size = 0;                             // of those
  std::optional<double> max_drop;                          // --max-drop, in points: goes with `labels`
  std::function<void(const Conversion&)> ladder_observer;  // once its ladder is built
  std::vector<std::string> keep_float;                     // as resolve_keep_float() takes them
  bool needs_samples = false;                              // hold samples, even if calibration and correction need none
  std::string labels;          // --labels; not empty: a fifth of the samples is kept for the accuracy gate
  int threads = 0;             // 0: default_threads()
  PassObserver pass_observer;  // --dump-passes
  Progress progress;           // while samples are observed
  // Before an error: what was found so far, its notices above all.
  std::function<void(const Conversion&)> failure_observer;
};

// import -> fold -> observe -> calibrate -> choose precisions -> correct -> lower. Writes nothing but the calibration
// table, if asked to.
//
// Mixed precision takes the default rung of the ladder, and corrects there. With max_drop the network of all int8 is
// corrected first; where it misses the gate, mixed precision climbs until a network passes it, first lightly corrected,
// then fully. Where 4 bits are offered smaller networks may do: the climb starts at the smallest, and among the rungs
// below the first that passes the smallest is searched for that passes fully corrected, by bisection. If none passes,
// the best one is returned, with gate->is_passed false.
//
// kUsage: int8 without data and without a table, an unknown method, a spec that does not parse, options that do not go
// together; the errors of each stage.
Result<Conversion> convert(const ConvertOptions& options);

}  // namespace octet
