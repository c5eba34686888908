// What a network decides by its sizes: a file for every size is made only where every size decides alike.
#include "converter/size_arithmetic.h"

#include <random>

#include "converter/open_sizes.h"
#include "tests/support/source_builder.h"

namespace octet::test {
namespace {

using Ints = std::vector<int64_t>;
using Shapes = std::map<std::string, Shape>;
constexpr int64_t kN = Shape::kDynamic;

// x [N, 3, H, W], and its sizes n, h, w, of one element each.
SourceBuilder sized(const Shape& shape) {
  SourceBuilder source;
  source.input("x", shape).node("Shape", {"x"}, {"shape"}).s64("at0", {0}).s64("at1", {1}).s64("at2", {2});
  source.s64("at3", {3}).s64("at4", {4});
  source.node("Slice", {"shape", "at0", "at1"}, {"n"}).node("Slice", {"shape", "at2", "at3"}, {"h"});
  return source.node("Slice", {"shape", "at3", "at4"}, {"w"});
}

// y = x + 1 where `condition` (of one element) holds, else x - 1, as If or as arithmetic.
SourceBuilder& choose(SourceBuilder& source, const std::string& condition, bool by_if) {
  source.f32("one", {1}, {1}).f32("minus_one", {1}, {-1});
  if (!by_if) {
    source.node("Where", {condition, "one", "minus_one"}, {"step"});
    return source.node("Add", {"x", "step"}, {"y"}).output("y");
  }
  SourceBuilder yes, no;
  yes.node("Add", {"x", "one"}, {"grown"}).output("grown");
  no.node("Add", {"x", "minus_one"}, {"shrunk"}).output("shrunk");
  source.node("If", {condition, "x", "one", "minus_one"}, {"y"}).output("y");
  source.model.nodes.back().bodies = {{"then_branch", std::make_shared<const SourceModel>(yes.model)},
                                      {"else_branch", std::make_shared<const SourceModel>(no.model)}};
  return source;
}

struct Batch {
  int64_t size;         // kN: open
  std::string warning;  // empty: none
};

Batch batch_of(const SourceBuilder& source) {
  ImportReport report;
  const Result<Graph> graph = source.build(report);
  REQUIRE_MESSAGE(graph.ok(), graph.error().message);
  return {graph->value(graph->inputs[0]).shape[0], report.warnings.empty() ? "" : report.warnings[0]};
}

Result<Reading> read(const SourceBuilder& source, const Shapes& shapes) {
  ImportReport report;
  OCTET_TRY(Graph graph, source.build(report, {shapes}));
  OCTET_CHECK(run_passes(graph));
  return Reading{std::move(graph), std::move(report.arithmetic)};
}

// For images of every size.
Result<PackedModel> open_sizes(const SourceBuilder& source, const Shape& own) {
  OCTET_TRY(Reading reading, read(source, {{"x", own}}));
  const auto read_anew = [&](const Shapes& shapes) { return read(source, shapes); };
  OCTET_TRY(const OpenSizes sizes, free_sizes(reading.graph, reading.arithmetic, {{"x", {2, 3}}}, read_anew));
  OCTET_TRY(PackedModel packed, lower_f32(reading.graph));
  return with_open_sizes(std::move(packed), sizes);
}

// The error of opening height and width; empty: none.
std::string why_closed(const SourceBuilder& source, const Shape& own = {1, 3, 8, 16}) {
  const Result<PackedModel> opened = open_sizes(source, own);
  return opened.ok() ? "" : opened.error().message;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

using Build = void (*)(SourceBuilder&);

// y = f(x, v), where v is made of n, the size of an axis of x, by random arithmetic.
SourceBuilder random_arithmetic(uint32_t seed, const Shape& shape, int axis) {
  std::mt19937 random(seed);
  const auto below = [&](size_t count) { return random() % count; };
  SourceBuilder s;
  s.input("x", shape).node("Shape", {"x"}, {"shape"}).s64("axis", {axis}).s64("behind", {axis + 1});
  s.node("Slice", {"shape", "axis", "behind"}, {"n"});
  std::vector<std::string> numbers{"n"};
  for (int64_t c : {-1, 0, 1, 2, 3, 4, 6, 10}) s.s64(numbers.emplace_back("c" + std::to_string(c)), {c});
  s.f32("half", {1}, {0.5F});
  // What has been made of n comes first, and often.
  size_t made = 1;
  const auto any = [&] { return below(3) > 0 ? numbers[below(made)] : numbers[below(numbers.size())]; };
  // One after the other: compilers differ in which argument of a call they compute first.
  const auto any_two = [&] {
    std::vector<std::string> two{any()};
    two.push_back(any());
    return two;
  };
  constexpr const char* kOps[] = {"Add", "Sub", "Mul", "Div", "Div", "Max", "Max", "Min", "Mod", "half", "choice"};
  constexpr const char* kComparisons[] = {"Equal", "Less", "Greater", "GreaterOrEqual"};
  for (size_t i = 0, count = 1 + below(8); i < count; ++i) {
    const std::string op = kOps[below(std::size(kOps))], made_here = "v" + std::to_string(i);
    if (op == "half") {
      s.node("Cast", {any()}, {made_here + "f"}, {{"to", int64_t{1}}});
      s.node("Mul", {made_here + "f", "half"}, {made_here + "h"}).node("Floor", {made_here + "h"}, {made_here + "r"});
      s.node("Cast", {made_here + "r"}, {made_here}, {{"to", int64_t{7}}});
    } else if (op == "choice") {
      const std::string comparison = kComparisons[below(std::size(kComparisons))];
      s.node(comparison, any_two(), {made_here + "c"});
      const std::vector<std::string> ways = any_two();
      s.node("Where", {made_here + "c", ways[0], ways[1]}, {made_here});
    } else {
      s.node(op, any_two(), {made_here});
    }
    numbers.insert(numbers.begin(), made_here);
    ++made;
  }
  const std::string& v = numbers[0];
  switch (below(3)) {
    case 0:
      s.node("Cast", {v}, {"f"}, {{"to", int64_t{1}}}).node("Add", {"x", "f"}, {"y"});
      break;
    case 1:
      s.node("Slice", {"x", "c0", v, "axis"}, {"y"});
      break;
    default:
      s.s64("before", Ints(static_cast<size_t>(axis), 0)).s64("rest", {-1});
      s.node("Concat", {"before", v, "rest"}, {"dims"}, {{"axis", int64_t{0}}}).node("Reshape", {"x", "dims"}, {"y"});
  }
  return s.output("y");
}

// "n0 = Op(a, b) ...": for messages.
std::string text_of(const SourceBuilder& source) {
  std::string text;
  for (const SourceNode& node : source.model.nodes) {
    text += (text.empty() ? "" : "; ") + node.outputs[0] + " = " + node.op_type + "(";
    for (const std::string& name : node.inputs) text += (text.back() == '(' ? "" : ", ") + name;
    text += ")";
  }
  return text;
}

// What a network makes of 0, 1, 2, ...; nothing where it does not take this shape.
std::optional<Computed> run_at(const Result<PackedModel>& packed, const Shape& shape) {
  if (!packed.ok()) return std::nullopt;
  const Model model = Model::from_packed(std::make_shared<PackedModel>(*packed));
  Result<Session> session = Session::create(model, {.threads = 1, .input_shapes = {shape}});
  if (!session.ok()) return std::nullopt;
  const auto x = session->input().as<float>();
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  session->run();
  const auto y = session->output().as<float>();
  return Computed{session->output().shape, {y.begin(), y.end()}};
}

}  // namespace

TEST_CASE("a batch by which a network decides beyond the batches that it is read at stays at 1") {
  struct Case {
    const char* node;
    Build build;
  };
  const Case cases[] = {
      {"(Greater) compares what follows the size (1 at 1x3x8x8, 2 at 2x3x8x8, 3 at 3x3x8x8)",
       [](SourceBuilder& s) {
         choose(s.s64("five", {5}).node("Greater", {"n", "five"}, {"c"}), "c", true);
       }},
      {"(Greater) compares",
       [](SourceBuilder& s) {
         choose(s.s64("five", {5}).node("Greater", {"n", "five"}, {"c"}), "c", false);
       }},
      {"(Less) compares",
       [](SourceBuilder& s) {
         s.s64("two", {2}).s64("ten", {10}).node("Mul", {"n", "two"}, {"twice"});
         choose(s.node("Less", {"ten", "twice"}, {"c"}), "c", true);
       }},
      {"(Equal) compares",
       [](SourceBuilder& s) {  // 3 n - 30 is 0 at 10
         s.s64("three", {3}).s64("thirty", {30}).node("Mul", {"n", "three"}, {"m"});
         s.node("Sub", {"m", "thirty"}, {"d"});
         choose(s.node("Equal", {"d", "at0"}, {"c"}), "c", true);
       }},
      {"(Cast) compares with 0",
       [](SourceBuilder& s) {  // n != 7
         s.s64("seven", {7}).node("Sub", {"n", "seven"}, {"d"}).node("Cast", {"d"}, {"c"}, {{"to", int64_t{9}}});
         choose(s, "c", true);
       }},
      {"(Div) rounds",
       [](SourceBuilder& s) {
         s.s64("four", {4}).node("Div", {"n", "four"}, {"q"}).node("Cast", {"q"}, {"f"}, {{"to", int64_t{1}}});
         s.node("Add", {"x", "f"}, {"y"}).output("y");
       }},
      {"(Floor) rounds",
       [](SourceBuilder& s) {
         s.f32("tenth", {1}, {0.1F}).node("Cast", {"n"}, {"f"}, {{"to", int64_t{1}}});
         s.node("Mul", {"f", "tenth"}, {"t"}).node("Floor", {"t"}, {"q"});
         s.node("Add", {"x", "q"}, {"y"}).output("y");
       }},
      {"(Max) chooses by",
       [](SourceBuilder& s) {
         s.s64("five", {5}).node("Max", {"n", "five"}, {"m"}).node("Cast", {"m"}, {"f"}, {{"to", int64_t{1}}});
         s.node("Add", {"x", "f"}, {"y"}).output("y");
       }},
      {"(Min) chooses by",
       [](SourceBuilder& s) {  // the batch itself, up to 4
         s.node("Min", {"n", "at4"}, {"m"}).s64("rest", {-1, 8, 8});
         s.node("Concat", {"m", "rest"}, {"dims"}, {{"axis", int64_t{0}}}).node("Reshape", {"x", "dims"}, {"y"});
         s.output("y");
       }},
      {"(Clip) chooses by",
       [](SourceBuilder& s) {
         s.s64("four", {4}).s64("nine", {9}).node("Clip", {"n", "four", "nine"}, {"m"});
         s.node("Cast", {"m"}, {"f"}, {{"to", int64_t{1}}}).node("Mul", {"x", "f"}, {"y"}).output("y");
       }},
      {"(Mod) takes the remainder",
       [](SourceBuilder& s) {  // 10 mod n is 0, 0, 1; times 0 it is gone
         s.s64("ten", {10}).node("Mod", {"ten", "n"}, {"m"}).node("Mul", {"m", "at0"}, {"z"});
         s.node("Cast", {"z"}, {"f"}, {{"to", int64_t{1}}}).node("Add", {"x", "f"}, {"y"}).output("y");
       }},
      {"(Div) divides by",
       [](SourceBuilder& s) {  // 6, 3 and 2, but 1 of 4
         s.s64("six", {6}).node("Div", {"six", "n"}, {"q"}).node("Cast", {"q"}, {"f"}, {{"to", int64_t{1}}});
         s.f32("zero", {1}, {0}).node("Mul", {"f", "zero"}, {"z"}).node("Add", {"x", "z"}, {"y"}).output("y");
       }},
      {"(slice)",
       [](SourceBuilder& s) {  // up to 12 - n, which is all of them up to 6
         s.s64("twelve", {12}).node("Sub", {"twelve", "n"}, {"end"}).node("Slice", {"x", "at0", "end", "at0"}, {"y"});
         s.output("y");
       }},
      {"(Mul) makes a curve of",
       [](SourceBuilder& s) {  // (n - 1) (n - 2) (n - 3)
         s.node("Sub", {"n", "at1"}, {"a"}).node("Sub", {"n", "at2"}, {"b"}).node("Sub", {"n", "at3"}, {"c"});
         s.node("Mul", {"a", "b"}, {"ab"}).node("Mul", {"ab", "c"}, {"abc"});
         s.node("Cast", {"abc"}, {"f"}, {{"to", int64_t{1}}}).node("Add", {"x", "f"}, {"y"}).output("y");
       }},
      {"(Gather) chooses by",
       [](SourceBuilder& s) {
         s.f32("table", {6}, {0, 5, 5, 5, 5, 9}).node("Gather", {"table", "n"}, {"t"});
         s.node("Add", {"x", "t"}, {"y"}).output("y");
       }},
      {"(Less) compares",
       [](SourceBuilder& s) {  // positions
         s.node("Squeeze", {"n"}, {"count"}).node("Squeeze", {"at0"}, {"from"}).node("Squeeze", {"at1"}, {"step"});
         s.node("Range", {"from", "count", "step"}, {"r"}).s64("five", {5}).node("Less", {"r", "five"}, {"early"});
         s.node("Cast", {"early"}, {"f"}, {{"to", int64_t{1}}}).s64("column", {-1, 1, 1, 1});
         s.node("Reshape", {"f", "column"}, {"rows"}).node("Mul", {"x", "rows"}, {"y"}).output("y");
       }},
  };
  for (const auto& tried : cases) {
    CAPTURE(tried.node);
    SourceBuilder source = sized({kN, 3, 8, 8});
    tried.build(source);
    const Batch batch = batch_of(source);
    CHECK(batch.size == 1);
    CHECK_MESSAGE(has(batch.warning, tried.node), batch.warning);
    CHECK(has(batch.warning, "--input-shape x=3x3x8x8"));
  }
}

TEST_CASE("a batch by which every size decides alike stays open") {
  const Build cases[] = {
      // torch's expand: a dimension that is -1 stays as it is
      [](SourceBuilder& s) {
        s.f32("token", {1, 1, 1, 8}, std::vector<float>(8, 0.5F)).s64("hw", {3, 8, 8}).s64("minus", {-1});
        s.node("Concat", {"n", "hw"}, {"dims"}, {{"axis", int64_t{0}}}).node("Shape", {"dims"}, {"rank"});
        s.node("ConstantOfShape", {"rank"}, {"ones"}, {{"value", Tensor::s64({1}, Ints{1})}});
        s.node("Mul", {"ones", "minus"}, {"kept"}).node("Equal", {"dims", "kept"}, {"is_kept"});
        s.node("Where", {"is_kept", "ones", "dims"}, {"wanted"}).node("Expand", {"token", "wanted"}, {"tokens"});
        s.node("Add", {"x", "tokens"}, {"y"});
      },
      // squeezes an axis if it is 1; another one than the batch
      [](SourceBuilder& s) {
        s.node("Slice", {"shape", "at1", "at2"}, {"c"}).node("Equal", {"c", "at1"}, {"is_one"});
        choose(s, "is_one", true);
        s.model.outputs.clear();
      },
      [](SourceBuilder& s) {
        choose(s.node("Greater", {"n", "at0"}, {"c"}), "c", true).model.outputs.clear();
      },
      [](SourceBuilder& s) {  // two ways to the same size
        s.node("Relu", {"x"}, {"r"}).node("Shape", {"r"}, {"rs"}).node("Slice", {"rs", "at0", "at1"}, {"rn"});
        choose(s.node("Equal", {"n", "rn"}, {"c"}), "c", true).model.outputs.clear();
      },
      // 8 n / 4, no fewer than 1, reshaped to and back
      [](SourceBuilder& s) {
        s.s64("eight", {8}).node("Mul", {"n", "eight"}, {"m"}).node("Div", {"m", "at4"}, {"q"});
        s.node("Max", {"q", "at1"}, {"rows"}).s64("rest", {96}).s64("hw", {3, 8, 8});
        s.node("Concat", {"rows", "rest"}, {"dims"}, {{"axis", int64_t{0}}}).node("Reshape", {"x", "dims"}, {"z"});
        s.node("Concat", {"n", "hw"}, {"back"}, {{"axis", int64_t{0}}}).node("Reshape", {"z", "back"}, {"y"});
      },
      // a mask of ones for every sample
      [](SourceBuilder& s) {
        s.s64("row", {1, 1, 8}).node("Concat", {"n", "row"}, {"dims"}, {{"axis", int64_t{0}}});
        s.node("ConstantOfShape", {"dims"}, {"ones"}, {{"value", Tensor::s64({1}, Ints{1})}});
        s.node("Equal", {"ones", "at0"}, {"is_hidden"}).node("Cast", {"is_hidden"}, {"f"}, {{"to", int64_t{1}}});
        s.node("Add", {"x", "f"}, {"y"});
      },
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    CAPTURE(i);
    SourceBuilder source = sized({kN, 3, 8, 8});
    cases[i](source);
    const Batch batch = batch_of(source.output("y"));
    CHECK_MESSAGE(batch.size == kN, batch.warning);
    CHECK(batch.warning.empty());
  }
}

TEST_CASE("a recurrent layer that starts with zeros for each sample, made of the batch, leaves it open") {
  for (const auto& layer : {std::pair{"LSTM", 4}, {"GRU", 3}, {"RNN", 1}}) {
    const char* const op = layer.first;
    const int gates = layer.second;
    CAPTURE(op);
    SourceBuilder source;
    source.input("x", {kN, 7, 6}).node("Shape", {"x"}, {"shape"}).s64("at0", {0}).s64("at1", {1}).s64("hidden", {5});
    source.node("Slice", {"shape", "at0", "at1"}, {"n"});
    source.node("Concat", {"at1", "n", "hidden"}, {"dims"}, {{"axis", int64_t{0}}});
    source.node("ConstantOfShape", {"dims"}, {"zeros"}).node("Transpose", {"x"}, {"t"}, {{"perm", Ints{1, 0, 2}}});
    const auto weights = [&](const char* name, int64_t taps) {
      std::vector<float> values(static_cast<size_t>(gates * 5 * taps));
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 37 % 19) / 50 - 0.2F;
      source.f32(name, {1, gates * 5, taps}, values);
    };
    weights("w", 6), weights("r", 5);
    std::vector<std::string> inputs{"t", "w", "r", "", "", "zeros"};
    if (gates == 4) inputs.push_back("zeros");
    source.node(op, inputs, {"states"}, {{"hidden_size", int64_t{5}}}).node("Squeeze", {"states", "at1"}, {"rows"});
    source.node("Transpose", {"rows"}, {"y"}, {{"perm", Ints{1, 0, 2}}}).output("y");
    CHECK(batch_of(source).size == kN);
    const auto run_read = [&](const Shapes& shapes) {
      const Result<Reading> reading = read(source, shapes);
      REQUIRE_MESSAGE(reading.ok(), reading.error().message);
      return run_at(lower_f32(reading->graph), {3, 7, 6});
    };
    const auto open = run_read({}), fixed = run_read({{"x", {3, 7, 6}}});
    REQUIRE(open.has_value());
    REQUIRE(fixed.has_value());
    CHECK(open->shape == Shape{3, 7, 5});
    CHECK(open->values == fixed->values);
  }
}

TEST_CASE("where a batch stays open after random arithmetic, every batch computes what a reading for it does") {
  size_t open = 0, fixed = 0;
  for (uint32_t seed = 0; seed < 60000; ++seed) {
    const SourceBuilder source = random_arithmetic(seed, {kN, 3}, 0);
    const std::string program = text_of(source);
    CAPTURE(seed);
    CAPTURE(program);
    ImportReport report;
    const Result<Graph> graph = source.build(report);
    if (!graph.ok()) continue;  // sizes that make no sense for one sample
    const bool is_open = graph->value(graph->inputs[0]).shape[0] == kN;
    ++(is_open ? open : fixed);
    if (!is_open) continue;
    for (const int64_t batch : {2, 4, 5, 6, 7, 9, 10, 11, 12, 16, 21, 40, 41}) {
      CAPTURE(batch);
      const Shape shape{batch, 3};
      ImportReport given_report;
      const Result<Graph> given = source.build(given_report, {.input_shapes = {{"x", shape}}});
      if (!given.ok()) continue;
      const auto expected = run_at(lower_f32(*given), shape), computed = run_at(lower_f32(*graph), shape);
      if (!expected || expected->values.empty()) continue;  // an open batch is refused where nothing is left
      REQUIRE(computed);
      const bool is_same = computed->shape == expected->shape && computed->values == expected->values;
      CHECK(is_same);
      if (!is_same) break;
    }
  }
  CHECK(open > 100);
  CHECK(fixed > 100);
}

TEST_CASE("where sizes stay open after random arithmetic, every size computes what a reading for it does") {
  size_t open = 0, closed = 0, same = 0, refused = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    const SourceBuilder source = random_arithmetic(seed, {1, 2, kN, kN}, 2);
    const std::string program = text_of(source);
    CAPTURE(seed);
    CAPTURE(program);
    const Result<PackedModel> opened = open_sizes(source, {1, 2, 6, 4});
    ++(opened.ok() ? open : closed);
    if (!opened.ok()) continue;
    for (const int64_t height : {1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 13, 20, 31, 64, 101}) {
      CAPTURE(height);
      const Shape shape{1, 2, height, 3};
      const Result<Reading> given = read(source, {{"x", shape}});
      if (!given.ok()) continue;
      const auto expected = run_at(lower_f32(given->graph), shape), computed = run_at(opened, shape);
      if (!expected) continue;
      // A session may refuse a size: one that leaves a slice empty, or that a reshape does not divide.
      ++(computed ? same : refused);
      if (!computed) continue;
      const bool is_same = computed->shape == expected->shape && computed->values == expected->values;
      CHECK(is_same);
      if (!is_same) break;
    }
  }
  CHECK(open > 100);
  CHECK(closed > 100);
  CHECK_MESSAGE(refused * 30 < same, refused << " refused, " << same << " the same");
}

TEST_CASE("sizes by which a network decides cannot stay open") {
  SourceBuilder large = sized({1, 3, kN, kN});
  choose(large.s64("hundred", {100}).node("Greater", {"h", "hundred"}, {"c"}), "c", true);
  const std::string why = why_closed(large);
  CHECK_MESSAGE(has(why, "(Greater) compares what follows the size (8 at Nx3x8x16, 16 at Nx3x16x48"), why);
  CHECK(has(why, "; --input-shape x=1x3x8x16 instead of --open-sizes makes a file for one size"));

  SourceBuilder padded = sized({1, 3, kN, kN});  // no less than 1000
  padded.s64("thousand", {1000}).node("Max", {"w", "thousand"}, {"m"}).node("Cast", {"m"}, {"f"}, {{"to", int64_t{1}}});
  padded.node("Add", {"x", "f"}, {"y"}).output("y");
  CHECK(has(why_closed(padded), "(Max) chooses by"));

  SourceBuilder coarse = sized({1, 3, kN, kN});  // h / 1000
  coarse.s64("thousand", {1000}).node("Div", {"h", "thousand"}, {"q"}).node("Cast", {"q"}, {"f"}, {{"to", int64_t{1}}});
  coarse.node("Add", {"x", "f"}, {"y"}).output("y");
  CHECK(has(why_closed(coarse), "(Div) rounds to the same"));

  SourceBuilder cropped = sized({1, 3, kN, kN});  // to a multiple of 5, which 8 + 32 is
  cropped.s64("five", {5}).node("Div", {"h", "five"}, {"q"}).node("Mul", {"q", "five"}, {"m"});
  cropped.node("Slice", {"x", "at0", "m", "at2"}, {"y"}).output("y");
  CHECK(has(why_closed(cropped, {1, 3, 10, 16}), "(slice)"));
}

TEST_CASE("sizes that are halved and doubled again stay open") {
  SourceBuilder source = sized({1, 3, kN, kN});
  source.node("MaxPool", {"x"}, {"half"}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  source.node("Shape", {"half"}, {"hs"}).node("Slice", {"hs", "at2", "at4"}, {"hw"}).f32("scale", {2}, {2, 2});
  source.node("Cast", {"hw"}, {"f"}, {{"to", int64_t{1}}})
      .node("Mul", {"f", "scale"}, {"g"})
      .node("Floor", {"g"}, {"k"});
  source.node("Cast", {"k"}, {"to"}, {{"to", int64_t{7}}}).node("Slice", {"shape", "at0", "at2"}, {"nc"});
  source.node("Concat", {"nc", "to"}, {"sizes"}, {{"axis", int64_t{0}}});
  source.node("Resize", {"half", "", "", "sizes"}, {"y"},
              {{"mode", std::string("nearest")},
               {"nearest_mode", std::string("floor")},
               {"coordinate_transformation_mode", std::string("asymmetric")}});
  source.output("y");
  CHECK(why_closed(source) == "");
}

}  // namespace octet::test
