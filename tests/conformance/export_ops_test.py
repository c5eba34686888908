"""octet export writes every operation of the packed format: exported and read again, a network gives the same outputs.

Each case is a small network whose packed form holds the operation; every operation of runtime/op_list.inc has one. What ONNX
cannot say of an operation is refused, all nodes at once.
"""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
try:
    import numpy as np
    import reference
    from network import Network
    import onnx
    from onnx import TensorProto
except ImportError as missing:
    print(f"skipped={missing}: the networks are built with python3-onnx")
    sys.exit(0)
import support

UNSUPPORTED = 3
DIMS = (1, 6, 8, 10)


def c(net, *values):
    return net.constant(np.float32(values))


def ints(net, *values):
    return net.constant(np.int64(values))


def unary(op, **attributes):
    return lambda net, x: net.same(op, x, **attributes)


def above_zero(net, x):
    return net.same("Add", net.same("Abs", x), c(net, 0.5))


def of_positive(op):
    return lambda net, x: net.same(op, above_zero(net, x))


def gelu(net, x):
    half = net.same("Add", net.same("Erf", net.same("Div", x, c(net, 2**0.5))), c(net, 1))
    return net.same("Mul", net.same("Mul", x, half), c(net, 0.5))


def gelu_tanh(net, x):
    cube = net.same("Pow", x, c(net, 3))
    inner = net.same("Mul", net.same("Add", x, net.same("Mul", cube, c(net, 0.044715))), c(net, (2 / np.pi) ** 0.5))
    return net.same("Mul", net.same("Mul", x, net.same("Add", net.same("Tanh", inner), c(net, 1))), c(net, 0.5))


def binary(op):
    return lambda net, x: net.same(op, x, net.normal(*DIMS))


def mod(fmod, *casts):
    """Of numbers that are rounded first, so that remainders of 0 are among them; casts: to the type that it is computed in."""

    def add(net, x):
        a, b = net.same("Round", net.same("Mul", x, c(net, 9))), net.constant(np.float32([3, -4, 7, -2.5, 5]).reshape(5, 1, 1)[[0, 1, 2, 3, 4, 1]])
        for to in casts:
            a, b = net.same("Cast", a, to=to), net.same("Cast", b, to=to)
        return as_float(net, net.same("Mod", a, b, fmod=fmod))

    return add


def reduce(op, by_input=False):
    if by_input:
        return lambda net, x: net.node(op, [x, ints(net, 1, 3)], [1, 1, 8, 1], keepdims=1)
    return lambda net, x: net.node(op, [x], [1, 1, 8, 1], axes=[1, 3], keepdims=1)


def matmul(net, x):
    return net.node("MatMul", [x, net.transpose(x, 0, 1, 3, 2)], [1, 6, 8, 8])


def boolean(net, x):
    return net.node("Greater", [x, c(net, 0)], DIMS)


def as_float(net, x):
    return net.same("Cast", x, to=TensorProto.FLOAT)


def compare(op):
    return lambda net, x: as_float(net, net.same(op, x, net.normal(*DIMS)))


def logic(op):
    return lambda net, x: as_float(net, net.same(op, boolean(net, x), net.same("Less", x, net.normal(*DIMS))))


def where(net, x):
    return net.same("Where", boolean(net, x), x, net.same("Neg", x))


def top_k(net, x, **attributes):
    """Values and indices in one."""
    values, indices = net.node("TopK", [x, ints(net, 3)], [1, 6, 8, 3], outputs=2, axis=3, **attributes)
    net.shape[indices] = net.shape[values]
    return net.same("Add", values, as_float(net, indices))


def arg(op, **attributes):
    rounded = lambda net, x: net.same("Round", x)  # noqa: E731: many are equal
    return lambda net, x: as_float(net, net.node(op, [rounded(net, x)], [1, 1, 8, 10], axis=1, **attributes))


def gather_elements(net, x):
    return net.node("GatherElements", [x, net.constant(np.int64([[[[1, -2, 0]] * 2] * 8] * 6)[None, :, :, 0])], [1, 6, 8, 3], axis=3)


def gather_nd(net, x):
    return net.node("GatherND", [x, net.constant(np.int64([[[0, 1], [5, 7]]]))], [1, 2, 10], batch_dims=1)


def scatter_elements(reduction):
    def add(net, x):
        return net.same("ScatterElements", x, net.constant(np.int64([[[[2, -1]]]])), net.normal(1, 1, 1, 2), axis=3, reduction=reduction)

    return add


def scatter_nd(reduction):
    def add(net, x):
        return net.same("ScatterND", x, net.constant(np.int64([[0, 1], [0, 3]])), net.normal(2, 8, 10), reduction=reduction)

    return add


def non_max_suppression(*thresholds):
    def add(net, x):
        boxes = net.reshape(x, 1, 120, 4)
        bounds = [ints(net, 7), *(c(net, t) for t in thresholds)]
        return as_float(net, net.node("NonMaxSuppression", [boxes, net.transpose(boxes, 0, 2, 1), *bounds], [28, 3], center_point_box=1))

    return add


def recurrent(op, gates, *, peepholes=False, lengths=False, directions=1, **attributes):
    """All outputs in one, whose states broadcast."""

    def add(net, x):
        hidden, batch = 5, 6
        inputs = [net.reshape(x, 8, batch, 10), net.normal(directions, gates * hidden, 10, scale=0.3),
                  net.normal(directions, gates * hidden, hidden, scale=0.3), net.normal(directions, 2 * gates * hidden)]  # fmt: skip
        if lengths or peepholes:
            inputs.append(net.constant(np.int32([8, 7, 1, 2, 8, 5])) if lengths else "")
        if peepholes:
            inputs += [net.normal(directions, batch, hidden), net.normal(directions, batch, hidden), net.normal(directions, 3 * hidden)]
        y, *states = net.node(op, inputs, outputs=3 if op == "LSTM" else 2, hidden_size=hidden, **attributes)
        net.shape[y] = [8, directions, batch, hidden]
        for state in states:
            y = net.same("Add", y, state)
        return y

    return add


# The name of a packed operation, then what to build; several cases for one operation are its kinds.
CASES = {
    "conv2d": [lambda net, x: net.conv(x, 4, 3), lambda net, x: net.conv(x, 6, 3, stride=2, group=6),
               lambda net, x: net.same("Add", net.conv(x, 6, 3), x)],
    "fully_connected": [lambda net, x: net.classify(x, 5)],
    "pool2d": [lambda net, x: net.pool(x, 3), lambda net, x: net.pool(x, 3, 2, "AveragePool"), lambda net, x: net.global_pool(x)],
    "binary": [binary(op) for op in ("Add", "Sub", "Mul", "Min", "Max")]
    + [lambda net, x: net.same("Div", x, above_zero(net, x)), lambda net, x: net.same("Pow", above_zero(net, x), x)]
    + [mod(fmod, *casts) for fmod in (0, 1) for casts in ((), (TensorProto.INT64,), (TensorProto.INT32,))],
    "unary": [unary(op) for op in ("Relu", "Sigmoid", "Tanh", "HardSwish", "Exp", "Neg", "Abs", "Floor", "Ceil", "Erf", "Softplus",
                                   "Softsign", "Round")]
    + [unary("LeakyRelu", alpha=0.1), unary("Elu", alpha=0.7), unary("HardSigmoid", alpha=0.3, beta=0.4), gelu, gelu_tanh]
    + [of_positive(op) for op in ("Log", "Sqrt", "Reciprocal")]
    + [lambda net, x: net.same("Clip", x, net.constant(np.float32(-0.5)), net.constant(np.float32(0.7))),
       lambda net, x: net.same("Mul", x, net.same("Sigmoid", x)),
       lambda net, x: net.same("Mul", x, net.same("Tanh", net.same("Softplus", x)))],
    "concat": [lambda net, x: net.concat([x, net.same("Relu", x)]), lambda net, x: net.concat([x, net.same("Relu", x)], 3)],
    "resize": [lambda net, x: net.resize(x), lambda net, x: net.resize(x, 2, "linear")],
    "softmax": [unary("Softmax", axis=1), unary("Softmax", axis=-1), unary("LogSoftmax", axis=1)],
    "reshape": [lambda net, x: net.reshape(x, 1, 12, 4, 10)],
    "transpose": [lambda net, x: net.transpose(x, 0, 3, 1, 2)],
    "slice": [lambda net, x: net.node("Slice", [x, ints(net, 1, 0), ints(net, 7, 9), ints(net, 2, 3), ints(net, 1, 2)], [1, 6, 6, 5])],
    "pad": [lambda net, x, mode=mode: net.node("Pad", [x, ints(net, 0, 0, 1, 2, 0, 0, 3, 1)], [1, 6, 12, 13], mode=mode)
            for mode in ("constant", "reflect", "edge")]
    + [lambda net, x: as_float(net, net.node("Pad", [net.same("Cast", x, to=TensorProto.INT64), ints(net, 0, 0, 1, 2, 0, 0, 3, 1), net.constant(np.int64(7))], [1, 6, 12, 13]))],
    "reduce": [reduce(op) for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                                     "ReduceLogSumExp")]
    + [reduce("ReduceSum", True)],
    "matmul": [matmul],
    "gather": [lambda net, x: net.node("Gather", [x, ints(net, 3, 0, 5)], [1, 3, 8, 10], axis=1)],
    "cast": [lambda net, x: net.same("Cast", net.same("Cast", net.same("Mul", x, c(net, 9)), to=TensorProto.INT32), to=TensorProto.FLOAT)],
    "compare": [compare(op) for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")]
    + [logic(op) for op in ("And", "Or", "Xor")],
    "where": [where],
    "math": [unary(op) for op in ("Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Sign")]
    + [lambda net, x, op=op: net.same(op, net.same("Mul", net.same("Tanh", x), c(net, 0.9))) for op in ("Asin", "Acos", "Atanh")]
    + [lambda net, x: net.same("Acosh", net.same("Add", above_zero(net, x), c(net, 1)))],
    "top_k": [top_k, lambda net, x: top_k(net, x, largest=0)]
    + [arg(op, select_last_index=last) for op in ("ArgMax", "ArgMin") for last in (0, 1)],
    "cumulative_sum": [lambda net, x, e=e, r=r: net.node("CumSum", [x, net.constant(np.int64(2))], DIMS, exclusive=e, reverse=r)
                       for e in (0, 1) for r in (0, 1)],
    "index": [gather_elements, gather_nd] + [scatter(reduction) for scatter in (scatter_elements, scatter_nd)
                                             for reduction in ("none", "add", "mul")],
    "non_max_suppression": [non_max_suppression(0.3, 0.4), non_max_suppression(0.5)],
    "recurrent": [recurrent("RNN", 1), recurrent("RNN", 1, activations=["LeakyRelu"], activation_alpha=[0.2], clip=0.5),
                  recurrent("GRU", 3, lengths=True, linear_before_reset=1), recurrent("GRU", 3, directions=2, direction="bidirectional"),
                  recurrent("LSTM", 4), recurrent("LSTM", 4, peepholes=True, input_forget=1), recurrent("LSTM", 4, direction="reverse"),
                  recurrent("LSTM", 4, activations=["HardSigmoid", "Elu", "Relu"], activation_alpha=[0.3, 0.7], activation_beta=[0.4])],
}  # fmt: skip
# Packed as integers these are everywhere (tests/cli/export_test.py computes such a network by ONNX's definitions).
BETWEEN_INTEGERS = {"quantize", "dequantize"}
def op_list():
    """The names of the packed format's operations, as `inspect` spells them."""
    text = (support.ROOT / "runtime" / "op_list.inc").read_text()
    return {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower().replace("conv2_d", "conv2d").replace("pool2_d", "pool2d")
            for name in re.findall(r"^OCTET_OP\(\d+, (\w+)\)", text, re.M)}  # fmt: skip


class ExportOps(support.Case):
    def pack(self, source, out):
        self.succeed(support.OCTET, "convert", source, "-o", out, "--precision", "f32")
        return {node["op"] for node in self.json_of(support.OCTET, "inspect", out, "--json")["nodes"]}

    def build(self, case):
        net = Network(3, opset=14)
        x = net.input("x", *DIMS)
        net.output(case(net, x))
        return net.save(self.folder / "net.onnx")

    def outputs(self, packed):
        self.succeed(support.OCTET, "run", packed, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", self.folder / "out")
        found = {path.name: np.load(path) for path in (self.folder / "out").iterdir()}
        for name in found:
            (self.folder / "out" / name).unlink()
        return found

    def test_every_operation_has_a_case(self):
        self.assertEqual(op_list(), set(CASES) | BETWEEN_INTEGERS)

    def test_what_is_exported_and_read_again_computes_the_same(self):
        np.save(self.folder / "x.npy", np.random.default_rng(1).standard_normal(DIMS).astype(np.float32))
        first, exported, second = (self.folder / name for name in ("first.octet", "exported.onnx", "second.octet"))
        for op, cases in CASES.items():
            seen = set()
            for i, case in enumerate(cases):
                with self.subTest(f"{op} {i}"):
                    seen |= self.pack(self.build(case), first)
                    self.succeed(support.OCTET, "export", first, "--onnx", exported)
                    self.pack(exported, second)
                    wanted, got = self.outputs(first), self.outputs(second)
                    self.assertEqual(set(wanted), set(got))
                    for name, values in wanted.items():
                        self.assertEqual(values.shape, got[name].shape)
                        scale = max(1.0, float(np.max(np.abs(values))))
                        self.assertLess(float(np.max(np.abs(values - got[name]))) / scale, 2e-6)
            with self.subTest(f"{op} is packed"):
                self.assertIn(op, seen)

    def test_one_value_may_be_several_outputs(self):
        net = Network(3)
        y = net.conv(net.input("x", *DIMS), 6, 3, act="Relu")
        for output in y, net.same("Identity", y), net.same("Mul", y, c(net, 1)), net.transpose(y, 0, 2, 3, 1):
            net.output(output)
        source = net.save(self.folder / "net.onnx")
        np.save(self.folder / "x.npy", np.random.default_rng(1).standard_normal(DIMS).astype(np.float32))
        packed, exported, again = (self.folder / name for name in ("net.octet", "exported.onnx", "again.octet"))
        for options in ["--precision", "f32"], ["--precision", "bf16"], ["--data", self.folder / "x.npy"]:
            with self.subTest(options):
                self.succeed(support.OCTET, "convert", source, "-o", packed, *options)
                self.succeed(support.OCTET, "export", packed, "--onnx", exported)
                onnx.checker.check_model(onnx.load(exported), full_check=True)
                back = options[:2] if "--precision" in options else []
                self.succeed(support.OCTET, "convert", exported, "-o", again, *back)
                wanted, got = self.outputs(packed), self.outputs(again)
                self.assertEqual(len(wanted), 4)
                for name, values in wanted.items():
                    self.assertTrue(np.array_equal(values, got[name]), name)

    def test_a_sum_read_again_rounds_ties_as_before(self):
        """Powers of two make many; ONNX does not say where the zero point is added, but the file's metadata do."""
        net = Network(3)
        x = net.conv(net.input("x", *DIMS), 6)
        net.output(net.conv(net.same("Add", x, net.normal(*DIMS)), 4))
        x = np.random.default_rng(1).standard_normal((64, *DIMS[1:])).astype(np.float32)
        np.save(self.folder / "x.npy", x)
        packed, exported, again = (self.folder / name for name in ("net.octet", "exported.onnx", "again.octet"))
        self.succeed(support.OCTET, "convert", net.save(self.folder / "net.onnx"), "-o", packed, "--data", self.folder / "x.npy",
                     "--calibration", "minmax", "--correct", "none", "--scale", "pow2")  # fmt: skip
        self.succeed(support.OCTET, "export", packed, "--onnx", exported)
        np.save(self.folder / "x.npy", x[:1])
        (wanted,) = self.outputs(packed).values()
        for is_told in (True, False):
            model = onnx.load(exported)
            if not is_told:
                del model.metadata_props[:]
            onnx.save(model, exported)
            self.succeed(support.OCTET, "convert", exported, "-o", again)
            (got,) = self.outputs(again).values()
            self.assertEqual(np.array_equal(wanted, got), is_told)

    def test_what_has_no_form_is_refused_all_at_once(self):
        packed = self.folder / "net.octet"
        net = Network(3, opset=19)
        x = net.input("x", *DIMS)
        x = net.node("AveragePool", [x], [1, 6, 6, 8], kernel_shape=[2, 2], dilations=[2, 2])
        net.output(net.same("ScatterElements", x, net.constant(np.int64([[[[2, 1]]]])), net.normal(1, 1, 1, 2), axis=3, reduction="max"))
        self.pack(net.save(self.folder / "net.onnx"), packed)
        self.fail_with(UNSUPPORTED, support.OCTET, "export", packed, "--onnx", self.folder / "y.onnx",
                       mentions=["AveragePool_0", "average pools have no dilations", "ScatterElements_1", "operator set 18"])  # fmt: skip
        self.assertFalse((self.folder / "y.onnx").exists())

    def test_recurrent_layers_of_integers_have_real_weights_there(self):
        np.save(self.folder / "x.npy", np.random.default_rng(1).standard_normal(DIMS).astype(np.float32))
        packed, exported, again = (self.folder / name for name in ("net.octet", "exported.onnx", "again.octet"))
        for case in CASES["recurrent"]:
            source = self.build(case)
            for precision in ("weight_only_int8", "weight_only_int4"):
                self.succeed(support.OCTET, "convert", source, "-o", packed, "--precision", precision)
                shown = self.json_of(support.OCTET, "inspect", packed, "--json")
                (layer,) = (node for node in shown["nodes"] if node["op"] == "recurrent")
                types = {tensor["name"]: tensor["dtype"] for tensor in shown["tensors"]}
                self.assertEqual([types[name] for name in layer["inputs"][1:4]], ["s8", "s8", "f32"])
                self.succeed(support.OCTET, "export", packed, "--onnx", exported)
                self.assertIn("DequantizeLinear", {node.op_type for node in onnx.load(exported).graph.node})
                self.pack(exported, again)
                for (_, wanted), (_, got) in zip(sorted(self.outputs(packed).items()), sorted(self.outputs(again).items()), strict=True):
                    scale = max(1.0, float(np.max(np.abs(wanted))))
                    self.assertLess(float(np.max(np.abs(wanted - got))) / scale, 1e-5)
            self.succeed(support.OCTET, "convert", source, "-o", packed, "--precision", "dynamic")
            self.fail_with(UNSUPPORTED, support.OCTET, "export", packed, "--onnx", self.folder / "y.onnx", mentions=["do not quantize the rows"])

    def test_a_bf16_network_is_f32_that_is_rounded(self):
        net = Network(3)
        x = net.conv(net.conv(net.input("x", *DIMS), 8, 3, act="Relu"), 12, 3, act="Relu")
        net.output(net.classify(net.conv(x, 12, 3), 5))
        packed, exported = self.folder / "net.octet", self.folder / "exported.onnx"
        self.succeed(support.OCTET, "convert", net.save(self.folder / "net.onnx"), "-o", packed, "--precision", "bf16")
        self.succeed(support.OCTET, "export", packed, "--onnx", exported)
        model = onnx.load(exported)
        self.assertEqual({c.data_type for c in model.graph.initializer} - {TensorProto.INT64}, {TensorProto.FLOAT})
        rounded = [n for n in model.graph.node if n.op_type == "Cast" and n.attribute[0].i == TensorProto.BFLOAT16]
        self.assertGreaterEqual(len(rounded), 3)
        x = np.random.default_rng(1).standard_normal(DIMS).astype(np.float32)
        np.save(self.folder / "x.npy", x)
        (got,) = self.outputs(packed).values()
        (want,) = reference.run(model, {"x": x})
        # Both round the same values; where f32's sums differ in the last place, one of them may fall to the other side.
        self.assertLess(float(np.max(np.abs(got - want)) / np.max(np.abs(want))), 2**-8)
        (plain,) = reference.run(net.model(), {"x": x})
        self.assertGreater(float(np.max(np.abs(plain - want))), 4 * float(np.max(np.abs(got - want))))


if __name__ == "__main__":
    unittest.main()
