"""octet export writes every operation of the packed format: exported and read again, a network gives the same outputs.

Each case is a small network whose packed form holds the operation. Operations of runtime/op_list.inc that no case covers
must stand in WITHOUT_A_FORM with the reason that `octet export` gives.
"""

import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
try:
    import numpy as np
    from network import Network
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


def reduce(op, by_input=False):
    if by_input:
        return lambda net, x: net.node(op, [x, ints(net, 1, 3)], [1, 1, 8, 1], keepdims=1)
    return lambda net, x: net.node(op, [x], [1, 1, 8, 1], axes=[1, 3], keepdims=1)


def matmul(net, x):
    return net.node("MatMul", [x, net.transpose(x, 0, 1, 3, 2)], [1, 6, 8, 8])


def boolean(net, x):
    return net.node("Greater", [x, c(net, 0)], DIMS)


# The name of a packed operation, then what to build; several cases for one operation are its kinds.
CASES = {
    "conv2d": [lambda net, x: net.conv(x, 4, 3), lambda net, x: net.conv(x, 6, 3, stride=2, group=6),
               lambda net, x: net.same("Add", net.conv(x, 6, 3), x)],
    "fully_connected": [lambda net, x: net.classify(x, 5)],
    "pool2d": [lambda net, x: net.pool(x, 3), lambda net, x: net.pool(x, 3, 2, "AveragePool"), lambda net, x: net.global_pool(x)],
    "binary": [binary(op) for op in ("Add", "Sub", "Mul", "Min", "Max")]
    + [lambda net, x: net.same("Div", x, above_zero(net, x)), lambda net, x: net.same("Pow", above_zero(net, x), x)],
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
            for mode in ("constant", "reflect", "edge")],
    "reduce": [reduce(op) for op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                                     "ReduceLogSumExp")]
    + [reduce("ReduceSum", True)],
    "matmul": [matmul],
    "gather": [lambda net, x: net.node("Gather", [x, ints(net, 3, 0, 5)], [1, 3, 8, 10], axis=1)],
    "cast": [lambda net, x: net.same("Cast", net.same("Cast", net.same("Mul", x, c(net, 9)), to=TensorProto.INT32), to=TensorProto.FLOAT)],
}  # fmt: skip
# Packed as integers these are everywhere (tests/cli/export_test.py computes such a network by ONNX's definitions).
BETWEEN_INTEGERS = {"quantize", "dequantize"}
# The zoo, which stays f32 and whole numbers: no row yet. Each is named with its operation.
WITHOUT_A_FORM = {
    "compare": boolean,
    "where": lambda net, x: net.node("Where", [boolean(net, x), x, net.same("Neg", x)], DIMS),
    "math": unary("Sin"),
    "top_k": lambda net, x: net.node("TopK", [x, ints(net, 2)], [1, 6, 8, 2], outputs=2, axis=3)[0],
    "cumulative_sum": lambda net, x: net.node("CumSum", [x, net.constant(np.int64(1))], DIMS),
    "index": lambda net, x: net.node("GatherND", [x, ints(net, 0, 1)], [8, 10]),
    "non_max_suppression": None,
    "recurrent": None,
}


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

    def test_every_operation_has_a_case_or_a_reason(self):
        self.assertEqual(op_list(), set(CASES) | BETWEEN_INTEGERS | set(WITHOUT_A_FORM))

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

    def test_what_has_no_form_is_refused_by_name(self):
        packed = self.folder / "net.octet"
        for op, case in WITHOUT_A_FORM.items():
            if case is None:
                continue
            with self.subTest(op):
                self.assertIn(op, self.pack(self.build(case), packed))
                self.fail_with(UNSUPPORTED, support.OCTET, "export", packed, "--onnx", self.folder / "y.onnx", mentions=["is not written as ONNX yet"])


if __name__ == "__main__":
    unittest.main()
