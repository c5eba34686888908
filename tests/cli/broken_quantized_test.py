"""Quantized ONNX files as bad exporters make them: refused in one clear line, or converted with a warning that says what is off."""

import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import broken_models_test as broken
import support
from broken_models_test import FILE, UNSUPPORTED, model, value

MICROSOFT = "com.microsoft"
U8, S8, S32, F32 = np.uint8, np.int8, np.int32, np.float32
X_SCALE, W_SCALE, BIAS_SCALE = F32(0.02), np.full(4, 0.01, F32), np.full(4, 0.02 * 0.01, F32)
# Of one quantized convolution, in either form.
PARAMETERS = {
    "x_scale": X_SCALE, "x_zero": U8(128), "w": (np.arange(108) % 100).reshape(4, 3, 3, 3).astype(S8), "w_scale": W_SCALE,
    "w_zero": np.zeros(4, S8), "bias": np.arange(4, dtype=S32) * 100, "bias_scale": BIAS_SCALE, "y_scale": F32(0.05), "y_zero": U8(100),
}  # fmt: skip


def constants(parameters):
    return [numpy_helper.from_array(np.asarray(array), name) for name, array in parameters.items()]


def changed(array, index, number):
    array = np.array(array)
    array[index] = number
    return array


def qdq(axis=0, first=(), inputs=(), **changes):
    """The convolution between Quantize- and DequantizeLinear. Parameters that are None come from `first`, or are `inputs`."""
    parameters = {name: array for name, array in {**PARAMETERS, **changes}.items() if array is not None}

    def linear(op, x, by, out, zero=True, **attributes):
        names = [x, f"{by}_scale", *([f"{by}_zero"] if zero else [])]
        return helper.make_node(f"{op}Linear", names, [out], name=f"{op}_{x}", **attributes)

    nodes = [
        *first, linear("Quantize", "x", "x", "xq"), linear("Dequantize", "xq", "x", "xr"),
        linear("Dequantize", "w", "w", "wr", axis=axis), linear("Dequantize", "bias", "bias", "br", "bias_zero" in parameters, axis=0),
        helper.make_node("Conv", ["xr", "wr", "br"], ["c"], name="conv"), linear("Quantize", "c", "y", "yq"),
        linear("Dequantize", "yq", "y", "y"),
    ]  # fmt: skip
    return model(nodes, constants(parameters), inputs=[value("x", 1, 3, 8, 8), *inputs])


def qlinear(x=TensorProto.UINT8, count=9, inputs=(), without=None, **changes):
    """The same as QLinearConv."""
    parameters = {name: array for name, array in {**PARAMETERS, **changes}.items() if array is not None}
    names = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"][:count]
    node = helper.make_node("QLinearConv", ["" if name == without else name for name in names], ["y"], name="conv")
    outputs = [value("y", 1, dtype=TensorProto.UINT8)]
    return model([node], constants(parameters), [value("x", 1, 3, 8, 8, dtype=x), *inputs], outputs)


def integers(op, names, *, dims=(1, 3, 8, 8), domain=MICROSOFT, out=TensorProto.UINT8, given=(), **attributes):
    """x (u8) and constants, s of scale 0.1 and z of zero point 3, through one node."""
    all_constants = constants({"s": F32(0.1), "z": U8(3), **dict(given)})
    node = helper.make_node(op, names, ["y"], name="the_op", domain=domain, **attributes)
    inputs = [value("x", *dims, dtype=TensorProto.UINT8)]
    return model([node], all_constants, inputs, [value("y", 1, dtype=out)], domains=[domain] if domain else [])


def one_more(name, kind, *dims):
    """A parameter that whoever runs the network feeds."""
    return {"inputs": [value(name, *dims, dtype=kind)], name: None}


def four_bits():
    """Weights of ONNX's type 22, two in a byte."""
    made = qdq()
    w = next(c for c in made.graph.initializer if c.name == "w")
    w.data_type, w.raw_data = 22, b"\0" * 54
    return made


POSITIVE = "scales are positive and finite"
ADD = ["x", "s", "z", "x", "s", "z", "s", "z"]
SOME_INTEGERS = ("w", np.ones((8, 4), S8))
# What is broken -> (the file, exit code, what the message must name).
CASES = {
    **{f"a scale of {bad}": (qdq(x_scale=F32(bad)), FILE, ["'Quantize_x'", f"scale 'x_scale' is {bad:g},", POSITIVE])
       for bad in (0.0, -1.5, np.nan, np.inf)},
    **{f"a channel with a scale of {bad}": (
        qdq(w_scale=changed(W_SCALE, 2, bad)), FILE, ["'Dequantize_w'", f"scale 'w_scale'[2] is {bad:g},", POSITIVE])
       for bad in (0.0, -1.5, np.nan, np.inf)},
    "a bias scale of 0": (qdq(bias_scale=changed(BIAS_SCALE, 3, 0)), FILE, ["'Dequantize_bias'", "'bias_scale'[3] is 0,"]),
    "a QLinearConv's scale of 0": (qlinear(w_scale=changed(W_SCALE, 1, 0)), FILE, ["'conv:input_3'", "'w_scale'[1] is 0,"]),
    "a QLinearConv's output scale of nan": (qlinear(y_scale=F32(np.nan)), FILE, ["'conv:output'", "'y_scale' is nan,"]),
    "scales whose product is too small for a bias": (
        qlinear(x_scale=F32(1e-30), w_scale=np.full(4, 1e-30, F32)), FILE, ["'conv:input_8'", "'y:bias_scale'[0] is 0,"]),
    "a scale that is an integer": (qdq(x_scale=S32(2)), FILE, ["'Quantize_x'", "scale is s32, not f32"]),
    "a scale without elements": (qdq(x_scale=np.zeros(0, F32), x_zero=np.zeros(0, U8)), FILE, ["'Quantize_x'", "0 scales", "3 entries"]),
    "no scale": (qlinear(without="w_scale"), FILE, ["'conv'", "its input 4 is missing"]),
    "weights' zero point of the other type": (qdq(w_zero=np.zeros(4, U8)), FILE, ["'Dequantize_w'", "input is s8, its zero point u8"]),
    "a QLinearConv's zero point of the other type": (qlinear(x_zero=S8(0)), FILE, ["'conv:input_0'", "input is u8, its zero point s8"]),
    "a QLinearConv of f32": (qlinear(x=TensorProto.FLOAT), FILE, ["'conv:input_0'", "f32, not an integer"]),
    "a zero point of s64": (qdq(x_zero=np.int64(7)), FILE, ["'Quantize_x'", "zero point is s64, not u8, s8 or s32"]),
    "a zero point of f32": (qdq(x_zero=F32(7)), FILE, ["'Quantize_x'", "zero point is f32"]),
    "a zero point of 16 bits": (qdq(x_zero=np.uint16(7)), UNSUPPORTED, ["'Quantize_x'", "uint16"]),
    "a bias with a zero point": (
        qdq(bias_zero=changed(np.zeros(4, S32), 1, 5)), UNSUPPORTED, ["'Dequantize_bias'", "zero point of s32 integers is 5"]),
    "two zero points for a scale": (qdq(x_zero=np.zeros(2, U8)), FILE, ["'Quantize_x'", "2 zero points for 1 scales"]),
    "a zero point for four scales": (qdq(w_zero=S8(0)), FILE, ["'Dequantize_w'", "1 zero points for 4 scales"]),
    "a QLinearConv's three zero points": (qlinear(w_zero=np.zeros(3, S8)), FILE, ["'conv:input_3'", "3 zero points for 4 scales"]),
    "three scales for four channels": (
        qdq(w_scale=W_SCALE[:3], w_zero=np.zeros(3, S8)), FILE, ["'Dequantize_w'", "3 scales", "4 entries along axis 0"]),
    "scales along another axis": (qdq(axis=1), FILE, ["'Dequantize_w'", "4 scales", "3 entries along axis 1"]),
    "scales along no axis": (qdq(axis=4), FILE, ["'Dequantize_w'", "axis 4", "rank 4"]),
    "scales along an axis before the first": (qdq(axis=-5), FILE, ["'Dequantize_w'", "axis -5", "rank 4"]),
    "a matrix of scales": (
        qdq(w_scale=W_SCALE.reshape(2, 2), w_zero=np.zeros((2, 2), S8)), UNSUPPORTED, ["'Dequantize_w'", "shape 2x2"]),
    "a QLinearConv with an output scale per channel": (
        qlinear(y_scale=np.full(4, 0.05, F32), y_zero=np.zeros(4, U8)), FILE, ["'conv'", "'y_scale', has 4 elements, not 1"]),
    "a QLinearConv with an input scale per channel": (
        qlinear(x_scale=np.full(3, 0.02, F32), x_zero=np.zeros(3, U8)), FILE, ["'conv'", "'x_scale', has 3 elements, not 1"]),
    "a QLinearConv that ends early": (qlinear(count=5), FILE, ["'conv'", "its input 6 is missing"]),
    "a bias of s8": (qlinear(bias=np.zeros(4, S8)), FILE, ["'conv'", "the bias, is s8, not s32"]),
    "a bias of f32": (qdq(bias=np.zeros(4, F32)), FILE, ["'Dequantize_bias'", "f32, not an integer"]),
    "a bias for three channels": (qlinear(bias=np.zeros(3, S32)), FILE, ["'conv:input_8'", "4 scales", "3 entries"]),
    "a bias for three channels, QDQ": (
        qdq(bias=np.zeros(3, S32), bias_scale=BIAS_SCALE[:3]), FILE, ["'conv'", "shape 3", "4 output channels"]),
    "weights' zero points that are computed": (
        qdq(**one_more("w_zero", TensorProto.INT8, 4)), UNSUPPORTED, ["'conv'", "weights are computed"]),
    "three zero points that are computed": (
        qdq(**one_more("w_zero", TensorProto.INT8, 3)), FILE, ["'Dequantize_w'", "3 scales or zero points", "4x3x3x3"]),
    "a QLinearConv's scales that are computed": (
        qlinear(**one_more("w_scale", TensorProto.FLOAT, 4)), UNSUPPORTED, ["'conv'", "weights are computed"]),
    "a bias that is computed": (qdq(**one_more("bias", TensorProto.INT32, 4)), UNSUPPORTED, ["'conv'", "bias is computed"]),
    "weights that are f32 already": (qdq(w=PARAMETERS["w"].astype(F32)), FILE, ["'Dequantize_w'", "f32, not an integer"]),
    "weights of 4 bits": (four_bits(), UNSUPPORTED, ["'w'", "type 22"]),
    "a convolution of integers": (
        model([helper.make_node("QuantizeLinear", ["x", "s"], ["q"]), helper.make_node("Conv", ["q", "w"], ["y"], name="conv")],
              constants({"s": F32(1), "w": np.ones((4, 3, 3, 3), F32)})), FILE, ["'conv'", "input is u8, its weights f32"]),
    "integers of one type as those of another": (
        model([helper.make_node("QuantizeLinear", ["x", "s", "u"], ["q"]),
               helper.make_node("DequantizeLinear", ["q", "s", "v"], ["y"], name="back")],
              constants({"s": F32(1), "u": U8(1), "v": S8(1)})), FILE, ["'back'", "input is u8, its zero point s8"]),
    "a QLinearAdd that ends early": (integers("QLinearAdd", ADD[:5]), FILE, ["'the_op'", "its input 6 is missing"]),
    "a QLinearAdd with three scales": (
        integers("QLinearAdd", ["x", "t", *ADD[2:]], given=[("t", np.ones(3, F32))]), FILE, ["'the_op'", "'t', has 3 elements, not 1"]),
    "a QLinearConcat of half a tensor": (
        integers("QLinearConcat", ["s", "z", "x", "s", "z", "x", "s"], axis=1), FILE, ["'the_op'", "7 inputs"]),
    "a QLinearSigmoid that ends early": (integers("QLinearSigmoid", ["x", "s"]), FILE, ["'the_op'", "its input 3 is missing"]),
    "a QLinearSoftmax of no operator set": (
        integers("QLinearSoftmax", ["x", "s", "z", "s", "z"], opset="newest"), FILE, ["'the_op'", "'opset'"]),
    "channels that are the last axis": (
        integers("QLinearGlobalAveragePool", ["x", "s", "z", "s", "z"], channels_last=1), UNSUPPORTED, ["'the_op'", "channels_last"]),
    "a QLinearMatMul with three scales of four columns": (
        integers("QLinearMatMul", ["x", "s", "z", "w", "t", "u", "s", "z"], dims=(2, 8), domain="",
                 given=[SOME_INTEGERS, ("t", np.ones(3, F32)), ("u", np.zeros(3, S8))]), FILE,
        ["'the_op:input_3'", "3 scales", "4 entries along axis 1"]),
    # Two matrices of two rows: the scales are those of the rows, not of the matrices.
    "a QLinearMatMul with two scales of three rows": (
        integers("QLinearMatMul", ["x", "t", "u", "w", "s", "v", "s", "z"], dims=(2, 3, 8), domain="",
                 given=[SOME_INTEGERS, ("t", np.ones(2, F32)), ("u", np.zeros(2, U8)), ("v", S8(0))]), FILE,
        ["'the_op:input_0'", "2 scales", "3 entries along axis 1"]),
    "a MatMulInteger with a zero point of the other type": (
        integers("MatMulInteger", ["x", "w", "v"], dims=(2, 8), domain="", out=TensorProto.INT32, given=[SOME_INTEGERS, ("v", S8(1))]),
        FILE, ["'the_op:input_0'", "input is u8, its zero point s8"]),
}  # fmt: skip


class BrokenQuantized(broken.Refused):
    def convert(self, made):
        """The packed file, and the warnings."""
        path, out = self.write("net.onnx", made.SerializeToString()), self.folder / "net.octet"
        done = self.run_program(support.OCTET, "convert", path, "-o", out)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out, done.stderr

    def test_each_is_refused_in_one_line(self):
        for name, (made, code, mentions) in CASES.items():
            with self.subTest(name):
                self.refuse(made, code, mentions)

    def test_what_they_break_is_whole(self):
        for made in (qdq(), qlinear(), integers("QLinearAdd", ADD)):
            self.assertEqual(self.convert(made)[1], "")

    def test_a_bias_at_another_scale_is_told(self):
        scales = changed(BIAS_SCALE, 2, 0.0005)
        said = self.convert(qdq(bias_scale=scales))[1]
        for text in ("warning", "node 'conv'", "5e-04 in channel 2", "make 2e-04"):
            self.assertIn(text, said)
        self.assertEqual(self.convert(qdq(bias_scale=BIAS_SCALE * F32(1 + 1e-6)))[1], "")  # rounded elsewhere

    def test_nodes_of_one_name_keep_their_own_biases(self):
        names = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"]
        nodes = [helper.make_node("QLinearConv", names, [out], name="conv") for out in ("y", "z")]
        outputs = [value(out, 1, dtype=TensorProto.UINT8) for out in ("y", "z")]
        made = model(nodes, constants(PARAMETERS), [value("x", 1, 3, 8, 8, dtype=TensorProto.UINT8)], outputs)
        self.assertEqual(self.convert(made)[1], "")

    def test_a_bias_along_another_axis_is_added_apart(self):
        x, w, bias = np.zeros((2, 8), U8), np.ones((4, 8), S8), np.arange(8, dtype=S32).reshape(2, 4)
        scales = np.full(4, 0.01, F32)
        given = {"s": F32(0.02), "z": U8(128), "w": w, "t": scales, "v": np.zeros(4, S8), "b": bias, "r": F32(0.0002) * np.ones(2, F32)}
        nodes = [
            helper.make_node("DequantizeLinear", ["x", "s", "z"], ["xr"], name="xr"),
            helper.make_node("DequantizeLinear", ["w", "t", "v"], ["wr"], name="wr", axis=0),
            helper.make_node("DequantizeLinear", ["b", "r"], ["br"], name="br", axis=0),
            helper.make_node("Gemm", ["xr", "wr", "br"], ["y"], name="gemm", transB=1),
        ]  # fmt: skip
        made = model(nodes, constants(given), [value("x", 2, 8, dtype=TensorProto.UINT8)], [value("y", 2, 4)])
        np.save(self.folder / "x.npy", x)
        packed = self.convert(made)[0]
        self.succeed(support.OCTET, "run", packed, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", self.folder / "out")
        wanted = -128 * 0.02 * 8 * 0.01 + bias * 0.0002
        self.assertLess(float(np.max(np.abs(np.load(self.folder / "out" / "y.npy") - wanted))), 1e-5)

    def test_a_layer_whose_scales_are_out_of_proportion_stays_f32(self):
        said = self.convert(qdq(y_scale=F32(1e-45)))[1]
        for text in ("node 'conv' stays f32", "source 0.02", "destination 1e-45", "not finite"):
            self.assertIn(text, said)

    def test_a_zero_point_that_is_computed_is_the_same_as_a_constant(self):
        x = np.random.default_rng(1).standard_normal((1, 3, 8, 8)).astype(F32)
        np.save(self.folder / "x.npy", x)
        feed = np.array(PARAMETERS["x_zero"])
        np.save(self.folder / "zero.npy", feed)
        outputs = []
        for changes in ({}, one_more("x_zero", TensorProto.UINT8)):
            packed = self.convert(qdq(**changes))[0]
            more = ["--input", f"x_zero={self.folder / 'zero.npy'}"] if changes else []
            self.succeed(support.OCTET, "run", packed, "--input", f"x={self.folder / 'x.npy'}", *more, "--output-dir", self.folder / "out")
            outputs.append(np.load(self.folder / "out" / "y.npy"))
        self.assertLessEqual(float(np.max(np.abs(outputs[0] - outputs[1]))), 0.0501)  # a step: one is added up in f32


if __name__ == "__main__":
    unittest.main()
