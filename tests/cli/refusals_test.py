"""Every reason for which an ONNX operation is refused is given to somebody: a model for each, exit 3, node and reason in one line.

The reasons are read from the sources, so a new one without a case here fails.
"""

import re
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import support
from broken_models_test import model, node, one, tensor, value

UNSUPPORTED = 3
SOURCES = [*sorted((support.ROOT / "converter" / "ops").glob("*.cpp")), support.ROOT / "converter" / "import" / "node_reader.cpp"]
# Said of TensorFlow.js and JSON alone (tests/converter), or of nothing that ONNX can say.
ELSEWHERE = {
    "its weights or bias are computed, not constants": "octet JSON",
    "": "the shape rule's own words",
}


def constant(name, array):
    return numpy_helper.from_array(np.asarray(array), name)


def ints(name, *values):
    return constant(name, np.int64(values))


def computed(op, place, *constants, opset=13, **attributes):
    """The op on x, the constants, and at `place` something that is computed."""
    names = ["x", *(c.name for c in constants)]
    names.insert(place, "made")
    return model([node("Relu", ["x"], ["made"]), helper.make_node(op, names, ["y"], name=f"the_{op}", **attributes)], constants, opset=opset)


def of(op, *constants, shape=(1, 3, 8, 8), dtype=TensorProto.FLOAT, **rest):
    return one(op, *constants, inputs=[value("x", *shape, dtype=dtype)], **rest)


def resized(*, shape=(1, 3, 8, 8), scales=(1, 1, 2, 2), opset=13, roi=None, **attributes):
    given = [constant("scales", np.float32(scales))] + ([constant("roi", np.float32(roi))] if roi else [])
    return of("Resize", *given, shape=shape, opset=opset, more=["roi" if roi else "", "scales"], **attributes)


def resized_to(*sizes, shape=(1, 3, 8, 8), **attributes):
    return of("Resize", ints("sizes", *sizes), shape=shape, more=["", "", "sizes"], **attributes)


def normalized(*, dtype=np.float32, **attributes):
    opset = attributes.pop("opset", 14)
    return one("BatchNormalization", *(tensor(n, 3, dtype=dtype) for n in "gbmv"), opset=opset, **attributes)


def recurrent(activation):
    weights = [tensor("w", 1, 5, 8), tensor("r", 1, 5, 5)]
    return of("RNN", *weights, shape=(1, 3, 8), hidden_size=5, activations=[activation])


def quantize(op, *, x=TensorProto.FLOAT, scale=(), zero=None, opset=13, **attributes):
    made = [tensor("s", *scale)] + ([constant("z", zero)] if zero is not None else [])
    return of(op, *made, dtype=x, opset=opset, **attributes)


# What the source says -> a model of which it is said.
CASES = {
    "it is in training mode": [
        normalized(training_mode=1),
        one("Dropout", constant("r", np.float32(0.5)), constant("t", np.array(True)), opset=13)],
    "it has statistics per position (spatial = 0)": [normalized(opset=7, spatial=0)],
    "its input |N| is computed, not a constant": [
        computed("BatchNormalization", 1, *(tensor(n, 3) for n in "bmv"), opset=14), computed("Reshape", 1), computed("Expand", 1)],
    "its input |N| is ": [normalized(dtype=np.int64)],
    "octet has no type for ONNX's type ": [one("Cast", to=TensorProto.COMPLEX64)],
    "it repeats axis ": [one("Tile", ints("r", 1, 1, 0, 1)), one("Tile", ints("r", 1, 1, 9999, 1))],
    "its attribute '|": [
        model([helper.make_node("Constant", [], ["c"], name="the_Constant", value_strings=["a"]), node("Identity", ["x"], ["y"])],
              outputs=[value("y", 1), value("c", 1)])],
    "its shape has rank ": [
        model([node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])], [ints("s", *[1] * 9)])],
    "the shape | of a constant is negative or has more than ": [
        model([node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"], ["y"])], [ints("s", 1 << 30, 1 << 20)])],
    "its input |N| is not a constant of one ": [computed("Range", 1, ints("d", 1))],
    "from |": [model([node("Range", ["a", "b", "c"], ["r"]), node("Add", ["x", "r"], ["y"])],
                     [constant(n, np.float32(v)) for n, v in (("a", 0), ("b", 1), ("c", 0))])],
    "the size of its output depends on the data; octet reads it of constants": [one("NonZero")],
    "its input has the shape ": [one("EyeLike")],
    "its weights are computed, not a constant": [computed("Conv", 1), computed("ConvTranspose", 1)],
    "its weights are ": [one("Conv", tensor("w", 4, 3, 3, 3, dtype=np.int64)), one("ConvTranspose", tensor("w", 3, 4, 3, 3, dtype=np.int64))],
    "octet reads 1-D and 2-D convolutions": [
        of("Conv", tensor("w", 4, 3, 3, 3, 3), shape=(1, 3, 8, 8, 8)), of("ConvTranspose", tensor("w", 3, 4, 3, 3, 3), shape=(1, 3, 8, 8, 8))],
    "its bias is computed, not a constant": [computed("Conv", 2, tensor("w", 4, 3, 3, 3))],
    "its bias is no f32 constant": [computed("ConvTranspose", 2, tensor("w", 3, 4, 3, 3))],
    "pixels along an axis": [of("ConvTranspose", tensor("w", 1, 1, 1), shape=(1, 1, (1 << 36) + 1), strides=[1 << 28])],
    "pixels between two of the input's": [one("ConvTranspose", tensor("w", 3, 4, 3, 3), strides=[30000, 30000])],
    "its axis '": [one("Einsum", tensor("b", 1, 1, 8, 8), equation="abcd,bacd->acd")],
    "it has |N| inputs; octet reads one or two": [one("Einsum", tensor("b", 8, 8), tensor("c", 8, 8), equation="abcd,de,ef->abcf")],
    "its input is ": [
        of("Gemm", tensor("w", 3, 4, dtype=np.int32), shape=(2, 3), dtype=TensorProto.INT32),
        quantize("QuantizeLinear", x=TensorProto.INT32, zero=np.uint8(0))],
    "its value is not a constant of one element": [
        model([node("Relu", ["x"], ["made"]), node("Pad", ["x", "p", "made"], ["y"])], [ints("p", *[0] * 6, 1, 1)])],
    "its mode is '": [one("Pad", ints("p", *[0] * 6, 1, 1), mode="odd"), one("Upsample", constant("s", np.float32([1, 1, 2, 2])), opset=9, mode="cubic")],
    "it wraps axis ": [one("Pad", ints("p", *[0] * 7, 1000), mode="wrap", opset=19)],
    "of axis |N| of |N| its pads |N| and |N| leave nothing to wrap": [of("Pad", ints("p", *[0] * 3, -8, *[0] * 3, 20), mode="wrap", opset=19)],
    "it has a scale for each block of ": [quantize("QuantizeLinear", opset=21, block_size=4)],
    "its precision is ": [quantize("QuantizeLinear", opset=23, precision=int(TensorProto.FLOAT16))],
    "its output_dtype is ": [quantize("QuantizeLinear", opset=21, output_dtype=number) for number in (TensorProto.UINT16, TensorProto.INT16, 22)],
    "its zero point is uint16, int16 or wider": [quantize("QuantizeLinear", opset=21, zero=zero) for zero in (np.uint16(7), np.int16(0))],
    "its zero point of s32 integers is ": [quantize("DequantizeLinear", x=TensorProto.INT32, zero=np.int32(7))],
    "its scale or zero point has the shape ": [
        model([node("Relu", ["s"], ["made"]), node("QuantizeLinear", ["x", "made"], ["y"])],
              inputs=[value("x", 1, 3, 8, 8), value("s", 2, 2)], outputs=[value("y", 1, dtype=TensorProto.UINT8)])],
    "its zero points are |": [
        model([node("MatMulInteger", ["x", "w", "z"], ["y"])],
              [constant("w", np.ones((8, 4), np.int8)), constant("z", np.ones((2, 8), np.uint8))],
              inputs=[value("x", 2, 8, dtype=TensorProto.UINT8)], outputs=[value("y", 2, 4, dtype=TensorProto.INT32)])],
    "its activation is '": [recurrent("Affine")],
    "it makes a tensor without elements (allowzero)": [one("Reshape", ints("s", 0, 3), opset=14, allowzero=1)],
    "its result has rank ": [one("Unsqueeze", ints("a", 0, 1, 2, 3, 4))],
    "its sums can reach ": [
        model([node("ConvInteger", ["x", "w"], ["y"])], [constant("w", np.full((1, 1, 30, 30), 127, np.int8))],
              inputs=[value("x", 1, 1, 40, 40, dtype=TensorProto.UINT8)], outputs=[value("y", 1, dtype=TensorProto.INT32)])],
    "its sums over |N| products take more than |N| parts that f32 counts": [
        model([node("MatMulInteger", ["x", "w"], ["y"])], inputs=[value(n, *shape, dtype=TensorProto.UINT8)
                                                                  for n, shape in (("x", (1, 1 << 30)), ("w", (1 << 30, 1)))],
              outputs=[value("y", 1, 1, dtype=TensorProto.INT32)])],
    "its coordinate_transformation_mode is '": [resized(coordinate_transformation_mode="odd"), resized(shape=(1, 3, 8), scales=(1, 1, 2), coordinate_transformation_mode="odd")],
    "it resizes axis |N| from ": [resized_to(1, 3, 1 << 29, 8, mode="cubic")],
    "octet reads images and sequences, ": [of("MaxPool", shape=(1, 3, 8, 8, 8), kernel_shape=[2, 2, 2])],
    "it takes several axes as one": [one("Hardmax", opset=11)],
    "its depth is not a constant of one element": [
        model([node("Cast", ["x"], ["made"], to=7), node("OneHot", ["made", "made", "v"], ["y"])], [tensor("v", 2)])],
    "its depth is ": [model([node("Cast", ["x"], ["made"], to=7), node("OneHot", ["made", "d", "v"], ["y"])], [ints("d", -3), tensor("v", 2)])],
}  # fmt: skip


def said(source):
    """The first words of each refusal: literals, with |N| for a number between two."""
    found = set()
    for call in re.findall(r"\bunsupported\(((?:[^;]|\n)*?)\);", source):
        text = re.sub(r'"\s*\+\s*std::to_string\(\w+\)\s*\+\s*"', "|N|", call)
        literals = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
        found.add(literals[0] if literals else "")
    return found


class Refusals(support.Case):
    def test_every_reason_has_a_case(self):
        reasons = set().union(*(said(path.read_text()) for path in SOURCES))
        told = [[part for part in case.split("|") if part] for case in CASES]
        first = {parts[0] for parts in told}
        missing = {r for r in reasons - set(ELSEWHERE) if r.split("|")[0] not in first and not any(parts[-1] in r for parts in told)}
        self.assertEqual(missing, set())

    def test_each_is_given_in_one_line_with_the_node(self):
        for reason, models in CASES.items():
            for i, refused in enumerate(models):
                with self.subTest(f"{reason} {i}"):
                    path = self.write("refused.onnx", refused.SerializeToString())
                    out = self.folder / "out.octet"
                    parts = [part for part in re.split(r"\|N?\|?", reason) if part]
                    out.unlink(missing_ok=True)
                    self.fail_with(UNSUPPORTED, support.OCTET, "convert", path, "-o", out, "--precision", "f32", mentions=["'the_", *parts])
                    self.assertFalse(out.exists())

    def test_a_dynamically_quantized_model_is_told_what_needs_no_data(self):
        nodes = [helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]), node("MatMulInteger", ["q", "w", "z"], ["y"])]
        made = model(nodes, [constant("w", np.ones((8, 4), np.int8))], [value("x", 2, 8)], [value("y", 2, 4, dtype=TensorProto.INT32)])
        path = self.write("dynamic.onnx", made.SerializeToString())
        convert = (support.OCTET, "convert", path, "-o", self.folder / "out.octet")
        self.fail_with(2, *convert, mentions=["--data", "--precision f32"])
        self.run_program(*convert, "--precision", "f32")


if __name__ == "__main__":
    unittest.main()
