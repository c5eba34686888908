#include "converter/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>

#include "octet/session.hpp"

namespace octet {
namespace {

constexpr double kZ95 = 1.959963984540054;  // the normal distribution's 97.5 % quantile

void load_sample(Session& session, const std::vector<Tensor>& sample) {
  for (size_t i = 0; i < sample.size(); ++i) {
    std::memcpy(session.input(i).data, sample[i].data(), static_cast<size_t>(sample[i].byte_count()));
  }
}

bool is_finite(std::span<const float> scores) {
  return std::ranges::all_of(scores, [](float score) { return std::isfinite(score); });
}

// The class of rank 0, if there is one.
std::optional<size_t> top_class(std::span<const float> scores) {
  const auto top = static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  return rank_of(scores, top) == size_t{0} ? std::optional(top) : std::nullopt;
}

Result<std::span<const float>> scores_of(const Session& session) {
  const TensorView output = session.output();
  if (output.type != DataType::kF32 || output.shape.element_count() < 1) {
    return Error{ErrorCode::kUnsupported, std::string("the first output is ") + to_string(output.type) + " " +
                                              output.shape.to_string() + ", not a list of scores"};
  }
  return std::span<const float>(output.as<float>());
}

struct Worker {
  std::optional<Session> session, against;
  Evaluation found;
};

Status evaluate_sample(Worker& worker, const std::vector<Tensor>& sample, const std::vector<Tensor>* against_sample,
                       std::optional<int64_t> label) {
  load_sample(*worker.session, sample);
  worker.session->run();
  OCTET_TRY(const std::span<const float> scores, scores_of(*worker.session));
  ++worker.found.count;
  bool is_usable = is_finite(scores);
  if (label.has_value()) {
    if (*label < 0 || static_cast<size_t>(*label) >= scores.size()) {
      return Error{ErrorCode::kInvalidFile, "the label " + std::to_string(*label) + " is no class of a model with " +
                                                std::to_string(scores.size()) + " classes"};
    }
    worker.found.top1 += is_among(scores, *label, 1) ? 1 : 0;
    worker.found.top5 += is_among(scores, *label, 5) ? 1 : 0;
  }
  if (against_sample == nullptr) {
    worker.found.not_finite += is_usable ? 0 : 1;
    return {};
  }
  load_sample(*worker.against, *against_sample);
  worker.against->run();
  OCTET_TRY(const std::span<const float> other, scores_of(*worker.against));
  if (other.size() != scores.size()) {
    return Error{ErrorCode::kInvalidFile, "one model has " + std::to_string(scores.size()) + " classes, the other " +
                                              std::to_string(other.size())};
  }
  is_usable = is_usable && is_finite(other);
  worker.found.not_finite += is_usable ? 0 : 1;
  const std::optional<size_t> top = top_class(scores);
  worker.found.agreeing += top.has_value() && top == top_class(other) ? 1 : 0;
  worker.found.scores.add(score_logits(other), score_logits(scores), -INFINITY, INFINITY);
  if (!label.has_value()) return {};
  const bool is_right = is_among(scores, *label, 1);
  const bool other_is_right = is_among(other, *label, 1);
  worker.found.against_top1 += other_is_right ? 1 : 0;
  worker.found.lost += other_is_right && !is_right ? 1 : 0;
  worker.found.won += is_right && !other_is_right ? 1 : 0;
  return {};
}

double time_run(Session& session) {
  const auto start = std::chrono::steady_clock::now();
  session.run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

bool is_among(std::span<const float> scores, int64_t label, size_t count) {
  const std::optional<size_t> rank = rank_of(scores, static_cast<size_t>(label));
  return rank.has_value() && *rank < count;
}

std::optional<size_t> rank_of(std::span<const float> scores, size_t index) {
  if (!std::isfinite(scores[index])) return std::nullopt;
  size_t rank = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    const bool is_above = scores[i] > scores[index] || (scores[i] == scores[index] && i < index);
    rank += is_above || std::isnan(scores[i]) ? 1 : 0;
  }
  return rank;
}

Result<Evaluation> evaluate(const Model& model, const Dataset& data, std::span<const int64_t> labels,
                            const Model* against, const Dataset* against_data, int threads, const Progress& progress) {
  std::vector<Worker> workers(static_cast<size_t>(std::max(threads, 1)));
  OCTET_CHECK(parallel_for(data.size(), threads, progress, [&](int index, size_t i) -> Status {
    Worker& worker = workers[static_cast<size_t>(index)];
    if (!worker.session.has_value()) {
      OCTET_TRY(worker.session, Session::create(model, {.threads = 1}));
      if (against != nullptr) {
        OCTET_TRY(worker.against, Session::create(*against, {.threads = 1}));
      }
    }
    OCTET_TRY(const std::vector<Tensor> sample, data.sample(i));
    std::vector<Tensor> against_sample;
    if (against != nullptr) {
      OCTET_TRY(against_sample, against_data->sample(i));
    }
    return evaluate_sample(worker, sample, against == nullptr ? nullptr : &against_sample,
                           labels.empty() ? std::nullopt : std::optional(labels[i]));
  }));
  Evaluation total;
  for (const Worker& worker : workers) {
    total.count += worker.found.count;
    total.top1 += worker.found.top1;
    total.top5 += worker.found.top5;
    total.agreeing += worker.found.agreeing;
    total.against_top1 += worker.found.against_top1;
    total.not_finite += worker.found.not_finite;
    total.lost += worker.found.lost;
    total.won += worker.found.won;
    total.scores.merge(worker.found.scores);
  }
  return total;
}

Result<std::pair<double, double>> measure_latency(const Model& a, const Model& b, int threads) {
  OCTET_TRY(Session first, Session::create(a, {.threads = threads}));
  OCTET_TRY(Session second, Session::create(b, {.threads = threads}));
  std::pair<double, double> best{INFINITY, INFINITY};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 100; ++i) {
    best.first = std::min(best.first, time_run(first));
    best.second = std::min(best.second, time_run(second));
    if (i >= 10 && std::chrono::steady_clock::now() - start > std::chrono::seconds(1)) break;
  }
  return best;
}

std::vector<float> score_logits(std::span<const float> scores) {
  constexpr float kLeast = 1e-30F;
  std::vector<float> logits(scores.begin(), scores.end());
  const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
  if (std::abs(sum - 1) > 1e-3 || std::ranges::any_of(scores, [](float p) { return !(p >= 0); })) return logits;
  for (float& p : logits) p = std::log(std::max(p, kLeast));
  const double mean = std::accumulate(logits.begin(), logits.end(), 0.0) / static_cast<double>(logits.size());
  for (float& logit : logits) logit -= static_cast<float>(mean);
  return logits;
}

std::pair<double, double> drop_interval(size_t lost, size_t won, size_t count) {
  const double n = static_cast<double>(count) + 2;
  const double difference = (static_cast<double>(lost) - static_cast<double>(won)) / n;
  const double one_sided = (static_cast<double>(lost) + static_cast<double>(won) + 1) / n;
  const double half = kZ95 * std::sqrt((one_sided - difference * difference) / n);
  return {100 * std::max(difference - half, -1.0), 100 * std::min(difference + half, 1.0)};
}

std::pair<double, double> wilson_interval(size_t hits, size_t count) {
  if (count == 0) return {0, 100};
  const auto n = static_cast<double>(count);
  const double p = static_cast<double>(hits) / n;
  const double z2 = kZ95 * kZ95;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ95 / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {100 * std::max(0.0, centre - half), 100 * std::min(1.0, centre + half)};
}

}  // namespace octet
