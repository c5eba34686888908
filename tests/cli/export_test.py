"""octet export: the ONNX file is valid, and says what the packed file says, to a reader that shares no code with octet."""

import unittest

import numpy as np
import onnx
from onnx import checker, numpy_helper, shape_inference

import support


def window_sum(x, weights, attributes):
    """Conv on NCHW, grouped, without bias; exact for integers."""
    top, left, bottom, right = attributes["pads"]
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    groups, (kh, kw), (sh, sw) = attributes["group"], attributes["kernel_shape"], attributes["strides"]
    assert attributes["dilations"] == [1, 1]
    views = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]
    inputs, outputs = views.shape[1] // groups, weights.shape[0] // groups
    parts = [
        np.einsum("nchwij,ocij->nohw", views[:, g * inputs : (g + 1) * inputs], weights[g * outputs : (g + 1) * outputs])
        for g in range(groups)
    ]
    return np.concatenate(parts, axis=1)


def along(values, axis, rank):
    return values.reshape([-1 if i == axis and values.size > 1 else 1 for i in range(rank)])


def quantize_linear(a, x, scale, zero):
    return np.clip(np.rint(x / scale) + zero, 0, 255)


def dequantize_linear(a, x, scale, zero=np.float64(0)):
    axis = a.get("axis", 1)
    return (x - along(np.asarray(zero), axis, x.ndim)) * along(scale, axis, x.ndim)


def softmax(a, x):
    e = np.exp(x - x.max(axis=a["axis"], keepdims=True))
    return e / e.sum(axis=a["axis"], keepdims=True)


# In double precision: what ONNX says of each op that the bundled network needs.
OPS = {
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "Conv": lambda a, x, w, b: window_sum(x, w, a) + b.reshape(1, -1, 1, 1),
    "Add": lambda a, x, y: x + y,
    "Mul": lambda a, x, y: x * y,
    "Cast": lambda a, x: x,
    "Pad": lambda a, x, pads, value=0: np.pad(
        x, list(zip(*pads.astype(int).reshape(2, -1))), constant_values=float(value)),
    "Relu": lambda a, x: np.maximum(x, 0),
    "GlobalAveragePool": lambda a, x: x.mean(axis=(2, 3), keepdims=True),
    "Gemm": lambda a, x, w, b: x @ w.T + b,
    "Reshape": lambda a, x, shape: x.reshape([x.shape[i] if d == 0 else int(d) for i, d in enumerate(shape)]),
    "Transpose": lambda a, x: x.transpose(a["perm"]),
    "Softmax": softmax,
}


def run(model, x):
    values = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    values[model.graph.input[0].name] = x.astype(np.float64)
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        values[node.output[0]] = OPS[node.op_type](attributes, *(values[i] for i in node.input))
    return values[model.graph.output[0].name]


class Export(support.Case):
    def export(self, *options):
        path = self.folder / "net.onnx"
        self.succeed(support.OCTET, "export", support.PACKED, "--onnx", path, *options)
        return onnx.load(path)

    def test_the_file_is_valid(self):
        model = self.export()
        checker.check_model(model, full_check=True)
        packed = self.json_of(support.OCTET, "inspect", support.PACKED, "--json")
        for kind in "inputs", "outputs":
            names = [v.name for v in (model.graph.input if kind == "inputs" else model.graph.output)]
            self.assertEqual(names, [v["name"] for v in packed[kind]])
        inferred = shape_inference.infer_shapes(model)
        self.assertGreater(len(inferred.graph.value_info), len(model.graph.node) // 2)
        metadata = {p.key: p.value for p in model.metadata_props}
        self.assertEqual(metadata["octet.preprocess"], packed["preprocess"])
        self.assertEqual(metadata["octet.class_names"].splitlines(), packed["class_names"])

    def test_every_layer_stands_between_dequantize_and_quantize(self):
        graph = self.export().graph
        maker = {node.output[0]: node.op_type for node in graph.node}
        layers = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
        self.assertGreater(len(layers), 10)
        for node in layers:
            self.assertEqual({maker[i] for i in node.input}, {"DequantizeLinear"}, node.name)
        self.assertNotIn("Transpose", maker.values())  # images are channels first throughout

    def test_the_scales_are_those_of_the_packed_file(self):
        model = self.export()
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        exported = set()
        for node in model.graph.node:
            if node.op_type == "QuantizeLinear":
                exported.add((float(constants[node.input[1]]), int(constants[node.input[2]])))
        packed = {
            (np.float32(t["scale"]).item(), t["zero_point"])
            for t in self.json_of(support.OCTET, "inspect", support.PACKED, "--json")["tensors"]
            if t["dtype"] == "u8" and not t["constant"]
        }
        self.assertEqual(exported, packed)

    def test_another_reader_computes_the_same(self):
        for options in (), ("--exact-residuals",):
            with self.subTest(options):
                self.check_another_reader(*options)

    def check_another_reader(self, *options):
        model = self.export(*options)
        checker.check_model(model, full_check=True)
        count = 32
        x = np.random.default_rng(3).normal(0, 1, (count, 3, 32, 32)).astype(np.float32)
        np.save(self.folder / "x.npy", x)
        name = model.graph.input[0].name
        self.succeed(support.OCTET, "run", support.PACKED, "--input", f"{name}={self.folder}/x.npy", "--output-dir", self.folder)
        ours = np.load(self.folder / f"{model.graph.output[0].name}.npy")
        theirs = run(model, x)
        steps = np.abs(ours - theirs) / (np.ptp(ours) / 255)
        self.assertEqual(ours.shape, theirs.shape)
        self.assertGreaterEqual(np.mean(steps <= 1), 0.999, f"largest difference {steps.max():.2f} steps")
        self.assertTrue((ours.argmax(axis=1) == theirs.argmax(axis=1)).all())

    def test_what_was_exported_converts_back_to_the_same_integers(self):
        self.export()
        back = self.folder / "back.octet"
        self.succeed(support.OCTET, "convert", self.folder / "net.onnx", "-o", back)  # needs no data
        packed, again = (self.json_of(support.OCTET, "inspect", p, "--json") for p in (support.PACKED, back))
        for key in "preprocess", "class_names":
            self.assertEqual(again[key], packed[key])
        # The image may be rounded before or behind its transposition.
        self.assertEqual(sorted(n["op"] for n in again["nodes"]), sorted(n["op"] for n in packed["nodes"]))

        def types(model):
            quantized = [t for t in model["tensors"] if t["dtype"] != "f32" and t["name"] != model["inputs"][0]["name"]]
            return {(t["dtype"], str(t["scale"]), str(t["zero_point"])) for t in quantized}

        self.assertEqual(types(again), types(packed))
        x = np.random.default_rng(4).normal(0, 1, (16, 3, 32, 32)).astype(np.float32)
        np.save(self.folder / "x.npy", x)
        outputs = []
        for path in support.PACKED, back:
            folder = self.folder / path.stem
            name, output = packed["inputs"][0]["name"], packed["outputs"][0]["name"]
            self.succeed(support.OCTET, "run", path, "--input", f"{name}={self.folder}/x.npy", "--output-dir", folder)
            outputs.append((folder / f"{output}.npy").read_bytes())
        self.assertEqual(*outputs)

    def test_what_needs_a_float_model_is_refused_for_a_quantized_one(self):
        self.export()
        net, out = self.folder / "net.onnx", self.folder / "x.octet"
        data = ["--data", support.IMAGES, "--preprocess", "cifar10"]
        labels = self.write("labels.txt", "".join(f"{p.name} 0\n" for p in support.IMAGES.iterdir() if p.suffix == ".png"))
        for wrong in ["--precision", "mixed"], ["--max-drop", "1", "--labels", labels]:
            self.fail_with(2, support.OCTET, "convert", net, "-o", out, *data, *wrong, mentions=[wrong[0], "quantized already"])
            self.assertFalse(out.exists())
        self.fail_with(2, support.OCTET, "sensitivity", net, *data, mentions=["quantized already"])

    def test_wrong_use(self):
        self.fail_with(2, support.OCTET, "export", support.PACKED, mentions=["--onnx"])
        self.fail_with(4, support.OCTET, "export", support.MODEL, "--onnx", self.folder / "x.onnx", mentions=[support.MODEL])
        missing = self.folder / "none" / "x.onnx"
        self.fail_with(1, support.OCTET, "export", support.PACKED, "--onnx", missing, mentions=[missing])


if __name__ == "__main__":
    unittest.main()
