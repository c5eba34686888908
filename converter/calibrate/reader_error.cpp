#include "converter/calibrate/reader_error.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <optional>

#include "converter/lower.h"
#include "converter/node_session.h"
#include "converter/op_rule.h"
#include "converter/parallel.h"
#include "kernels/quantization.h"

namespace octet {
namespace {

// A node to run for a question; null: the value itself is compared.
struct Reader {
  size_t question;
  const PackedNode* node;
  int32_t tensor;  // whose error counts: the node's output, or the value
};

// Sums over one sample, from which the errors follow.
struct ReaderSums {
  double count = 0, sum = 0, sum2 = 0;
  std::vector<double> error;  // per candidate
};

class Worker {
 public:
  Worker(const Graph& graph, const PackedModel& packed, std::span<const ValueId> groups,
         std::span<const RangeQuestion> questions, std::span<const Reader> readers)
      : packed_(packed), questions_(questions), readers_(readers), sessions_(readers.size()), inputs_(readers.size()) {
    std::map<std::string_view, ValueId> group_of;
    for (size_t i = 0; i < graph.values.size(); ++i) group_of[graph.values[i].name] = groups[i];
    for (size_t i = 0; i < packed.tensors.size(); ++i) {
      ids_[packed.tensors[i].name] = static_cast<int32_t>(i);
      const auto found = group_of.find(packed.tensors[i].name);
      groups_.push_back(found == group_of.end() ? kNoValue : found->second);
    }
    values_.resize(packed.tensors.size());
  }

  Status run(const Sample& sample, std::vector<ReaderSums>& sums) {
    if (!network_.has_value()) {
      OCTET_TRY(network_, Session::create(Model::from_packed(std::make_shared<PackedModel>(packed_)), {.threads = 1}));
    }
    for (size_t k = 0; k < sample.size(); ++k) {
      std::memcpy(network_->input(k).data, sample[k].data(), static_cast<size_t>(sample[k].byte_count()));
    }
    network_->run([&](const std::string& name, const TensorView& tensor) {
      const auto found = ids_.find(name);
      if (found == ids_.end() || tensor.type != DataType::kF32) return;
      const std::span<const float> elements = tensor.as<float>();
      values_[static_cast<size_t>(found->second)].assign(elements.begin(), elements.end());
    });
    sums.resize(readers_.size());
    for (size_t r = 0; r < readers_.size(); ++r) OCTET_CHECK(add_reader(r, sums[r]));
    return {};
  }

 private:
  Status add_reader(size_t r, ReaderSums& sums) {
    const Reader& reader = readers_[r];
    const std::vector<float>& wanted = values_[static_cast<size_t>(reader.tensor)];
    sums.count = static_cast<double>(wanted.size());
    for (const auto v : wanted) {
      sums.sum += static_cast<double>(v);
      sums.sum2 += static_cast<double>(v) * static_cast<double>(v);
    }
    if (reader.node != nullptr && !sessions_[r].has_value()) {
      OCTET_TRY(Session session, session_of_node(packed_, *reader.node, inputs_[r]));
      sessions_[r] = std::move(session);
    }
    for (const QuantParams& quant : questions_[reader.question].candidates) {
      if (reader.node == nullptr) {
        rounded_.resize(wanted.size());
        round(wanted, quant, rounded_);
        sums.error.push_back(squared_error(wanted, rounded_));
      } else {
        OCTET_TRY(const double error, run_reader(r, quant, wanted));
        sums.error.push_back(error);
      }
    }
    return {};
  }

  Result<double> run_reader(size_t r, QuantParams quant, std::span<const float> wanted) {
    Session& session = *sessions_[r];
    for (size_t k = 0; k < inputs_[r].size(); ++k) {
      const auto id = static_cast<size_t>(inputs_[r][k]);
      const TensorView input = session.input(k);
      const std::vector<float>& from = values_[id];
      if (input.type != DataType::kF32 || input.shape.element_count() != static_cast<int64_t>(from.size())) {
        return Error{ErrorCode::kUnsupported, "node '" + readers_[r].node->name + "' cannot run alone: '" +
                                                  packed_.tensors[id].name + "' has " + std::to_string(from.size()) +
                                                  " elements, not " + std::to_string(input.shape.element_count())};
      }
      if (groups_[id] == questions_[readers_[r].question].group) {
        round(from, quant, input.as<float>());
      } else {
        std::copy(from.begin(), from.end(), input.as<float>().begin());
      }
    }
    session.run();
    return squared_error(wanted, session.output().as<float>());
  }

  static void round(std::span<const float> from, QuantParams quant, std::span<float> to) {
    for (size_t i = 0; i < from.size(); ++i) to[i] = dequantize(quantize_u8(from[i], quant), quant);
  }
  static double squared_error(std::span<const float> a, std::span<const float> b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double d = static_cast<double>(a[i]) - static_cast<double>(b[i]);
      sum += d * d;
    }
    return sum;
  }

  const PackedModel& packed_;
  std::span<const RangeQuestion> questions_;
  std::span<const Reader> readers_;
  std::map<std::string, int32_t> ids_;      // packed tensors by name
  std::vector<ValueId> groups_;             // by packed tensor
  std::vector<std::vector<float>> values_;  // by packed tensor: the float network's
  std::optional<Session> network_;
  std::vector<std::optional<Session>> sessions_;  // by reader
  std::vector<std::vector<int32_t>> inputs_;      // by reader: the packed tensors that its session takes
  std::vector<float> rounded_;
};

// The nodes that read each group's values as integers; the value itself where none does.
std::vector<Reader> find_readers(const Graph& graph, const PackedModel& packed, std::span<const ValueId> groups,
                                 const std::vector<Precision>& precisions, std::span<const RangeQuestion> questions) {
  std::map<std::string_view, const PackedNode*> nodes;
  for (const PackedNode& node : packed.nodes) nodes[node.name] = &node;
  std::map<std::string_view, int32_t> tensors;
  for (size_t i = 0; i < packed.tensors.size(); ++i) tensors[packed.tensors[i].name] = static_cast<int32_t>(i);

  std::vector<Reader> readers;
  for (size_t q = 0; q < questions.size(); ++q) {
    const size_t before = readers.size();
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      if (precisions[i] != Precision::kInt8) continue;
      if (op_rule(node.op).quantization(graph, node) == QuantizationRule::kSameRange) continue;
      const std::vector<size_t> data = data_inputs(node);
      const bool reads = std::any_of(data.begin(), data.end(), [&](size_t k) {
        const ValueId id = node.inputs[k];
        return groups[static_cast<size_t>(id)] == questions[q].group && !graph.value(id).is_constant();
      });
      const auto found = nodes.find(node.name);
      if (reads && found != nodes.end()) readers.push_back({q, found->second, found->second->outputs[0]});
    }
    if (readers.size() > before) continue;
    for (size_t i = 0; i < graph.values.size(); ++i) {
      const auto found = tensors.find(graph.values[i].name);
      if (groups[i] == questions[q].group && !graph.values[i].is_constant() && found != tensors.end()) {
        readers.push_back({q, nullptr, found->second});
      }
    }
  }
  return readers;
}

}  // namespace

Result<std::vector<std::vector<double>>> reader_errors(const Graph& graph, std::span<const ValueId> groups,
                                                       const std::vector<Precision>& precisions,
                                                       std::span<const RangeQuestion> questions,
                                                       std::span<const Sample> samples, int threads) {
  OCTET_TRY(const PackedModel packed, lower_f32(graph));
  const std::vector<Reader> readers = find_readers(graph, packed, groups, precisions, questions);
  std::deque<Worker> workers;  // sessions do not copy
  for (int i = 0; i < std::max(threads, 1); ++i) workers.emplace_back(graph, packed, groups, questions, readers);
  // Per sample, added up in their order: the same for any number of threads.
  std::vector<std::vector<ReaderSums>> sums(samples.size());
  OCTET_CHECK(parallel_for(samples.size(), threads, {}, [&](int worker, size_t i) -> Status {
    return workers[static_cast<size_t>(worker)].run(samples[i], sums[i]);
  }));

  std::vector<std::vector<double>> errors;
  for (const RangeQuestion& question : questions) errors.emplace_back(question.candidates.size(), 0.0);
  std::vector<double> reader_counts(questions.size());
  for (const Reader& reader : readers) ++reader_counts[reader.question];
  for (size_t r = 0; r < readers.size(); ++r) {
    ReaderSums total;
    total.error.resize(questions[readers[r].question].candidates.size());
    for (const auto& sample : sums) {
      total.count += sample[r].count;
      total.sum += sample[r].sum;
      total.sum2 += sample[r].sum2;
      for (size_t c = 0; c < total.error.size(); ++c) total.error[c] += sample[r].error[c];
    }
    const double variance = total.sum2 - total.sum * total.sum / std::max(total.count, 1.0);
    for (size_t c = 0; c < total.error.size(); ++c) {
      const double error = variance > 0 ? total.error[c] / variance : total.error[c];
      errors[readers[r].question][c] += error / reader_counts[readers[r].question];
    }
  }
  return errors;
}

}  // namespace octet
