// recurrent: LSTM, GRU and RNN.
#include <algorithm>
#include <limits>

#include "converter/followed_value.h"
#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

// Names of activations, and what alpha and beta are where the node does not say.
struct Activation {
  std::string_view name;
  UnaryKind kind;
  float alpha, beta;
  bool takes_alpha, takes_beta;
};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr Activation kActivations[] = {
    {"relu", UnaryKind::kClip, 0, kInfinity, false, false},
    {"tanh", UnaryKind::kTanh, 0, 0, false, false},
    {"sigmoid", UnaryKind::kSigmoid, 0, 0, false, false},
    {"leakyrelu", UnaryKind::kLeakyRelu, 0.01F, 0, true, false},
    {"hardsigmoid", UnaryKind::kHardSigmoid, 0.2F, 0.5F, true, true},
    {"elu", UnaryKind::kElu, 1, 0, true, false},
    {"softsign", UnaryKind::kSoftsign, 0, 0, false, false},
    {"softplus", UnaryKind::kSoftplus, 0, 0, false, false},
};

// Each activation that takes an alpha (beta) takes the next one of the list.
Status read_activations(const NodeReader& reader, RecurrentParams& params) {
  using Names = std::vector<std::string>;
  Names names;
  const auto found = reader.node().attributes.find("activations");
  if (found != reader.node().attributes.end()) {
    const Names* given = std::get_if<Names>(&found->second);
    if (given == nullptr) return reader.invalid("the attribute 'activations' is not a list of names");
    names = *given;
  }
  const auto count = static_cast<size_t>(params.directions() * params.functions());
  for (size_t i = names.size(); found == reader.node().attributes.end() && i < count; ++i) {
    const bool gate = params.kind != RecurrentKind::kRnn && i % static_cast<size_t>(params.functions()) == 0;
    names.emplace_back(gate ? "sigmoid" : "tanh");
  }
  if (names.size() != count) {
    return reader.invalid("it has " + std::to_string(names.size()) + " activations, not " + std::to_string(count));
  }
  OCTET_TRY(const std::vector<float> alphas, reader.attribute("activation_alpha", std::vector<float>{}));
  OCTET_TRY(const std::vector<float> betas, reader.attribute("activation_beta", std::vector<float>{}));
  size_t alpha = 0, beta = 0;
  for (std::string name : names) {
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto* row = std::find_if(std::begin(kActivations), std::end(kActivations),
                                   [&](const Activation& activation) { return activation.name == name; });
    if (row == std::end(kActivations)) return reader.unsupported("its activation is '" + name + "'");
    params.activations.push_back(static_cast<int64_t>(row->kind));
    params.alphas.push_back(row->takes_alpha && alpha < alphas.size() ? alphas[alpha++] : row->alpha);
    params.betas.push_back(row->takes_beta && beta < betas.size() ? betas[beta++] : row->beta);
  }
  return {};
}

Status read_params(const NodeReader& reader, RecurrentParams& params) {
  OCTET_TRY(const std::string direction, reader.attribute("direction", std::string("forward")));
  if (direction == "reverse") {
    params.direction = RecurrentDirection::kReverse;
  } else if (direction == "bidirectional") {
    params.direction = RecurrentDirection::kBidirectional;
  } else if (direction != "forward") {
    return reader.invalid("its direction is '" + direction + "'");
  }
  const Shape& r = reader.input_shape(2);
  if (r.rank() != 3) return reader.invalid("its recurrent weights have the shape " + r.to_string());
  OCTET_TRY(params.hidden, reader.attribute("hidden_size", r[2]));
  OCTET_TRY(params.clip, reader.attribute("clip", 0.0F));
  OCTET_TRY(const int64_t linear, reader.attribute("linear_before_reset", int64_t{0}));
  OCTET_TRY(const int64_t input_forget, reader.attribute("input_forget", int64_t{0}));
  params.linear_before_reset = linear != 0;
  params.input_forget = input_forget != 0;
  return read_activations(reader, params);
}

// Whether input i, a state, is what an absent one is: zeros. Exporters compute it of the batch, and it follows that.
bool is_default_state(NodeReader& reader, const RecurrentParams& params, size_t i, bool batch_first) {
  const Value& state = reader.graph().value(reader.input(i));
  const Shape& x = reader.input_shape(0);
  const Shape wanted =
      batch_first ? Shape{x[0], params.directions(), params.hidden} : Shape{params.directions(), x[1], params.hidden};
  return state.is_constant() && state.shape == wanted && is_uniform(*state.constant, 0);
}

// With layout 1 the batch comes first: x [N, T, I], states [N, D, H], y [N, T, D, H].
template <RecurrentKind kind>
Status read_recurrent(NodeReader& reader) {
  OCTET_CHECK(reader.require_inputs(3));
  RecurrentParams params{.kind = kind};
  OCTET_CHECK(read_params(reader, params));
  OCTET_TRY(const int64_t layout, reader.attribute("layout", int64_t{0}));
  if (reader.input_shape(0).rank() != 3)
    return reader.invalid("its input has the shape " + reader.input_shape(0).to_string());
  Steps steps(reader);
  const auto batch_second = [&](ValueId id) { return layout == 0 ? id : steps.transpose(id, {1, 0, 2}); };
  std::vector<ValueId> inputs{batch_second(reader.input(0))};
  constexpr size_t kInputs = kind == RecurrentKind::kLstm ? 8 : 6;
  constexpr size_t kLengths = 4;
  for (size_t i = 1; i < kInputs; ++i) {
    const ValueId id = reader.input(i);
    const bool state = i == 5 || i == 6;
    if (id == kNoValue || (state && is_default_state(reader, params, i, layout != 0))) {
      inputs.push_back(kNoValue);
    } else if (i == kLengths) {
      inputs.push_back(steps.cast(id, DataType::kS64));
    } else {
      inputs.push_back(state ? batch_second(id) : id);
    }
  }
  if (!steps.ok()) return steps.finish(kNoValue);
  const size_t outputs = kind == RecurrentKind::kLstm ? 3 : 2;
  OCTET_TRY(auto results, reader.emit_outputs(params, inputs, std::vector(outputs, DataType::kF32)));
  if (layout != 0) results[0] = steps.transpose(results[0], {2, 0, 1, 3});
  for (size_t i = 0; i < outputs; ++i) OCTET_CHECK(steps.finish(i == 0 ? results[0] : batch_second(results[i]), i));
  return {};
}

constexpr OpReader kReaders[] = {
    {"LSTM", "lstm", read_recurrent<RecurrentKind::kLstm>},
    {"GRU", "gru", read_recurrent<RecurrentKind::kGru>},
    {"RNN", "rnn", read_recurrent<RecurrentKind::kRnn>},
};

}  // namespace

constinit const OpRule kRecurrentRule{"recurrent", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
