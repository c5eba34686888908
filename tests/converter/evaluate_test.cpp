// Accuracy of networks, also of broken ones.
#include "converter/evaluate.h"

#include <doctest/doctest.h>

#include <cmath>

#include "converter/lower.h"
#include "converter/precision/labelled_samples.h"
#include "tests/support/graph_builder.h"
#include "tests/support/npy_file.h"
#include "tests/support/scratch_folder.h"

namespace octet::test {

TEST_CASE("a class whose score is not finite has no rank, and NaN is above every number") {
  const std::vector<float> scores = {NAN, 3, 5, INFINITY, 5, -INFINITY};
  CHECK(!rank_of(scores, 0).has_value());
  CHECK(!rank_of(scores, 3).has_value());
  CHECK(!rank_of(scores, 5).has_value());
  CHECK(rank_of(scores, 2) == size_t{2});
  CHECK(rank_of(scores, 4) == size_t{3});  // a tie counts for the lower index
  CHECK(rank_of(scores, 1) == size_t{4});
  CHECK(is_among(scores, 1, 5));
  CHECK(!is_among(scores, 0, 6));
}

TEST_CASE("a network whose scores are not finite is right about nothing") {
  GraphBuilder g;
  const ValueId x = g.input("x", {1, 3});
  g.output(g.add("power", BinaryParams{.kind = BinaryKind::kPow}, {x, x}));
  const Result<PackedModel> packed = lower_f32(g.graph());
  REQUIRE(packed.ok());
  const Model model = Model::from_packed(std::make_shared<PackedModel>(*packed));
  const std::vector<float> rows = {1, 2, 3, -1.5F, 1, 2, -1.5F, -1.5F, -1.5F, 100, 1, 2};
  const ScratchFolder folder;
  const std::string path = folder.write("x.npy", npy_file<float>("<f4", "(4, 3)", rows));
  const Dataset data = Dataset::open({path}, model.inputs(), "").value();
  const std::vector<int64_t> labels = {2, 0, 0, 0};
  const Result<Evaluation> found = evaluate(model, data, labels, &model, &data, 1, {});
  REQUIRE(found.ok());
  CHECK(found->count == 4);
  for (const size_t right : {found->top1, found->top5, found->against_top1, found->agreeing}) CHECK(right == 1);
  CHECK(found->lost + found->won == 0);
  CHECK(found->not_finite == 3);
  CHECK(std::isnan(found->scores.sqnr_db()));

  std::vector<Sample> samples;
  for (size_t i = 0; i < 4; ++i) samples.push_back(data.sample(i).value());
  CHECK(count_right(*packed, samples, labels, 1).value() == 1);
}

TEST_CASE("no more than all can be lost or won") {
  CHECK(drop_interval(0, 6, 6).first == -100);
  CHECK(drop_interval(6, 0, 6).second == 100);
  CHECK(drop_interval(0, 6, 6).second < 0);
}

}  // namespace octet::test
