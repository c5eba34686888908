// LSTM, GRU and plain recurrent layers over a whole sequence, as ONNX defines them.
#pragma once

#include <cstdint>

#include "kernels/zoo/slot.h"

namespace octet {

// The numbers are on disk: append only.
enum class RecurrentKind : int64_t { kRnn = 0, kGru = 1, kLstm = 2 };
enum class RecurrentDirection : int64_t { kForward = 0, kReverse = 1, kBidirectional = 2 };

enum RecurrentInput : size_t {
  kRecurrentX,
  kRecurrentW,
  kRecurrentR,
  kRecurrentB,
  kRecurrentLengths,
  kRecurrentH0,
  kRecurrentC0,
  kRecurrentPeepholes,
  kRecurrentInputs
};

// Per direction and step, with g = x W^T + Wb and r = h R^T + Rb split into blocks of H:
//   rnn   h' = f(g + r)
//   gru   z = f(g_z + r_z), r = f(g_r + r_r), n = g(g_n + ((r * h) R_n^T + Rb_n)), or with linear_before_reset
//         n = g(g_n + r * r_n);  h' = (1 - z) * n + z * h
//   lstm  i = f(g_i + r_i + p_i * c), f = f(g_f + r_f + p_f * c) (input_forget: 1 - i), c' = f * c + i * g(g_c + r_c),
//         o = f(g_o + r_o + p_o * c'), h' = o * h(c');  blocks in the order i, o, f, c, peepholes i, o, f
// What goes into an activation is clipped to [-clip, clip] where clip > 0. A sequence that is shorter than T gives
// zeros behind its end, and its last state is that at its end (its start, in reverse).
//
// With weights of f32, sums are f32, in the order of the inputs. With weights of s8, each product and its bias is the
// fully connected layer of weight_only.h, or with quantize_rows that of row_quantized.h: bytes and all, so the answer
// has the same bytes on every CPU, for any number of threads, and for each sample whatever the batch. Per direction
// they are x W^T + Wb; h R^T + Rb; and for gru without linear_before_reset, of the latter the blocks z and r, and
// (r * h) R_n^T + Rb_n for itself.
//
// inputs   x          f32 [T, N, I]
//          w          f32 [D, G*H, I], or s8 [D*G*H, I] in [-127, 127] with one scale or one per row; constant;
//                     G = 1, 3 or 4; D = 2 if bidirectional, else 1
//          r          f32 [D, G*H, H], or s8 [D*G*H, H] where w is s8; constant
//          b          f32 [D, 2*G*H], constant, optional: Wb then Rb
//          lengths    s64 [N], optional
//          h0, c0     f32 [D, N, H], optional: zeros; c0 of lstm only
//          peepholes  f32 [D, 3*H], constant, optional; of lstm only
// outputs  y          f32 [T, D, N, H]
//          h          f32 [D, N, H]
//          c          f32 [D, N, H], of lstm only
struct RecurrentParams {
  static constexpr const char* kName = "recurrent";
  static constexpr bool kIsZoo = true;
  static constexpr uint16_t kFirstFields = 9;  // the others are in a file only where they are not false

  RecurrentKind kind = RecurrentKind::kLstm;
  RecurrentDirection direction = RecurrentDirection::kForward;
  int64_t hidden = 1;
  float clip = 0;
  bool linear_before_reset = false;
  bool input_forget = false;
  // UnaryKind, alpha and beta of f (, g (, h)), for each direction.
  std::vector<int64_t> activations;
  std::vector<float> alphas, betas;
  bool quantize_rows = false;  // of x and h, for weights that are integers

  template <class Self, class Visitor>
  static void visit_fields(Self& self, Visitor& visit) {
    visit("kind", self.kind);
    visit("direction", self.direction);
    visit("hidden", self.hidden);
    visit("clip", self.clip);
    visit("linear_before_reset", self.linear_before_reset);
    visit("input_forget", self.input_forget);
    visit("activations", self.activations);
    visit("alphas", self.alphas);
    visit("betas", self.betas);
    visit("quantize_rows", self.quantize_rows);
  }

  int64_t directions() const { return direction == RecurrentDirection::kBidirectional ? 2 : 1; }
  int64_t gates() const { return kind == RecurrentKind::kLstm ? 4 : kind == RecurrentKind::kGru ? 3 : 1; }
  // Activations of one direction.
  int64_t functions() const { return kind == RecurrentKind::kLstm ? 3 : kind == RecurrentKind::kGru ? 2 : 1; }
};

inline int64_t count_macs(const RecurrentParams&, Descs inputs, Descs) {
  const Shape& x = inputs[0].shape;
  return x[0] * x[1] * (inputs[1].shape.element_count() + inputs[2].shape.element_count());
}

}  // namespace octet
