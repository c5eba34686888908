// einsum: Einsum of one or two inputs, as transposes, sums and one matrix product.
#include <algorithm>
#include <map>

#include "converter/ops/rules.h"
#include "converter/ops/steps.h"

namespace octet {
namespace {

// An operand's axes by their letters. The axes of an ellipsis are digits, the last one '9'.
struct Term {
  ValueId value;
  std::string letters;
};

struct Equation {
  std::vector<std::string> inputs;
  std::string output;
};

bool has(const std::string& letters, char letter) {
  return letters.find(letter) != std::string::npos;
}

// "..." as the digits of `count` axes.
std::string expanded(std::string term, int count) {
  const size_t at = term.find("...");
  if (at == std::string::npos) return term;
  std::string digits;
  for (int i = count; i > 0; --i) digits += static_cast<char>('9' - i + 1);
  return term.replace(at, 3, digits);
}

Result<Equation> parse(const NodeReader& reader, std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const auto bad = [&] { return reader.invalid("its equation is '" + text + "'"); };
  const size_t arrow = text.find("->");
  Equation equation;
  std::string left = text.substr(0, arrow);
  for (size_t comma = 0; comma != std::string::npos;) {
    comma = left.find(',');
    equation.inputs.push_back(left.substr(0, comma));
    if (comma != std::string::npos) left.erase(0, comma + 1);
  }
  if (equation.inputs.size() != reader.node().inputs.size()) return bad();
  int ellipsis = 0;
  for (size_t i = 0; i < equation.inputs.size(); ++i) {
    std::string& term = equation.inputs[i];
    const bool open = term.find("...") != std::string::npos;
    const int named = static_cast<int>(term.size()) - (open ? 3 : 0);
    const int rest = reader.input_shape(i).rank() - named;
    if (rest < 0 || (!open && rest != 0)) return bad();
    ellipsis = std::max(ellipsis, rest);
    term = expanded(term, rest);
  }
  std::map<char, int> counts;
  for (const std::string& term : equation.inputs) {
    for (const char letter : term) {
      if (std::isalnum(static_cast<unsigned char>(letter)) == 0) return bad();
      ++counts[letter];
    }
  }
  if (arrow != std::string::npos) {
    equation.output = expanded(text.substr(arrow + 2), ellipsis);
  } else {
    // The ellipsis, then the letters that occur once, in alphabetical order: digits come first.
    for (const auto& [letter, count] : counts) {
      if (count == 1 || std::isdigit(static_cast<unsigned char>(letter)) != 0) equation.output += letter;
    }
  }
  for (const char letter : equation.output) {
    if (!counts.contains(letter) || std::count(equation.output.begin(), equation.output.end(), letter) > 1)
      return bad();
  }
  return equation;
}

// The dimension of axis i as a reshape writes it: the first may be a batch.
std::vector<int64_t> dims_of(const Shape& shape) {
  std::vector<int64_t> dims(shape.begin(), shape.end());
  if (!dims.empty()) dims[0] = 0;
  return dims;
}

// Takes the diagonal of axes with the same letter: x[.., n, n] as n * n elements, every n + 1st.
Status take_diagonals(const NodeReader& reader, Steps& steps, Term& term) {
  for (size_t i = 0; i < term.letters.size(); ++i) {
    const size_t twin = term.letters.find(term.letters[i], i + 1);
    if (twin == std::string::npos || !steps.ok()) continue;
    std::vector<int64_t> order;
    std::string letters;
    for (size_t k = 0; k < term.letters.size(); ++k) {
      if (k == i || k == twin) continue;
      order.push_back(static_cast<int64_t>(k));
      letters += term.letters[k];
    }
    order.push_back(static_cast<int64_t>(i));
    order.push_back(static_cast<int64_t>(twin));
    ValueId x = steps.transpose(term.value, order);
    const Shape shape = steps.shape(x);
    if (shape.rank() < 2) return {};
    const int64_t n = shape[shape.rank() - 1], rows = shape[shape.rank() - 2];
    if (rows != n) {
      return reader.unsupported(std::string("its axis '") + term.letters[i] + "' is " + std::to_string(rows) + " and " +
                                std::to_string(n));
    }
    std::vector<int64_t> dims = dims_of(shape);
    dims.pop_back();
    dims.back() = n * n;
    if (dims.size() == 1) dims[0] = -1;
    x = steps.reshape(x, dims);
    const auto last = static_cast<int64_t>(dims.size()) - 1;
    term = {steps.op(SliceParams{{last}, {0}, {n * n}, {n + 1}}, {x}), letters + term.letters[i]};
    i = static_cast<size_t>(-1);
  }
  return {};
}

// Sums over the axes whose letter nobody else has.
void sum_out(Steps& steps, Term& term, const std::string& needed) {
  std::vector<int64_t> axes;
  std::string left;
  for (size_t i = 0; i < term.letters.size(); ++i) {
    if (has(needed, term.letters[i])) {
      left += term.letters[i];
    } else {
      axes.push_back(static_cast<int64_t>(i));
    }
  }
  if (!axes.empty()) term = {steps.reduce(ReduceKind::kSum, term.value, axes, false), left};
}

ValueId arranged(Steps& steps, const Term& term, const std::string& letters) {
  std::vector<int64_t> order;
  for (const char letter : letters) order.push_back(static_cast<int64_t>(term.letters.find(letter)));
  return term.letters == letters ? term.value : steps.transpose(term.value, order);
}

int64_t product(const std::string& letters, const std::map<char, int64_t>& sizes) {
  int64_t count = 1;
  for (const char letter : letters) count *= sizes.at(letter);
  return count;
}

// a[batch, m, k] times b[batch, k, n].
Result<Term> multiply(const NodeReader& reader, Steps& steps, const Term& a, const Term& b, const std::string& output) {
  std::string batch, contracted, rows, columns;
  std::map<char, int64_t> sizes;
  for (const Term* term : {&a, &b}) {
    const Shape& shape = steps.shape(term->value);
    for (size_t i = 0; i < term->letters.size(); ++i) {
      const int64_t size = shape[static_cast<int>(i)];
      const auto [at, is_new] = sizes.emplace(term->letters[i], size);
      if (!is_new && at->second != size) {
        return reader.unsupported(std::string("its axis '") + term->letters[i] + "' is " + std::to_string(at->second) +
                                  " and " + std::to_string(size));
      }
    }
  }
  for (const char letter : a.letters) {
    (has(b.letters, letter) ? has(output, letter) ? batch : contracted : rows) += letter;
  }
  for (const char letter : b.letters) {
    if (!has(a.letters, letter)) columns += letter;
  }
  const auto matrix = [&](const Term& term, const std::string& first, const std::string& second) {
    return steps.reshape(arranged(steps, term, batch + first + second),
                         {product(batch, sizes), product(first, sizes), product(second, sizes)});
  };
  const ValueId result = steps.main().op(MatmulParams{}, {matrix(a, rows, contracted), matrix(b, contracted, columns)});
  const std::string letters = batch + rows + columns;
  std::vector<int64_t> dims;
  for (const char letter : letters) dims.push_back(sizes.at(letter));
  return Term{steps.reshape(result, dims), letters};
}

Status read_einsum(NodeReader& reader) {
  const size_t count = reader.node().inputs.size();
  OCTET_CHECK(reader.require_inputs(std::max<size_t>(count, 1)));
  if (count > 2) return reader.unsupported("it has " + std::to_string(count) + " inputs; octet reads one or two");
  OCTET_TRY(const std::string text, reader.attribute("equation", std::string()));
  OCTET_TRY(const Equation equation, parse(reader, text));
  Steps steps(reader);
  std::vector<Term> terms;
  for (size_t i = 0; i < count; ++i) {
    terms.push_back({steps.cast(reader.input(i), DataType::kF32), equation.inputs[i]});
    OCTET_CHECK(take_diagonals(reader, steps, terms.back()));
  }
  for (size_t i = 0; i < count; ++i)
    sum_out(steps, terms[i], equation.output + (count == 2 ? terms[1 - i].letters : ""));
  OCTET_CHECK(steps.result(terms.back().value));
  if (count == 2) {
    OCTET_TRY(terms[0], multiply(reader, steps, terms[0], terms[1], equation.output));
  }
  const ValueId result = arranged(steps, terms[0], equation.output);
  // A value that passes through gets a node of its own.
  return steps.finish(steps.op(CastParams{}, {result}, reader.input_type(0)));
}

constexpr OpReader kReaders[] = {{"Einsum", "einsum", read_einsum}};

}  // namespace

constinit const OpRule kEinsumRule{"einsum", always<QuantizationRule::kFloat>, nullptr, kReaders};

}  // namespace octet
