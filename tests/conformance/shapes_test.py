"""The shape arithmetic of exporters leaves no trace, batches and image sizes may be open, and constant control flow is folded."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
try:
    import numpy as np
    from network import Network
    from onnx import TensorProto, helper
except ImportError as missing:
    print(f"skipped={missing}: the networks are built with python3-onnx")
    sys.exit(0)
import support

UNSUPPORTED = 3
FILE = 4
MOVES_OR_COMPUTES = {"conv2d", "fully_connected", "transpose", "reshape", "resize", "binary", "unary", "pool2d", "quantize"}


def ints(net, *values):
    return net.constant(np.int64(values))


def size_of(net, x, axis):
    """One dimension as a tensor of one element: Shape, Gather, Unsqueeze."""
    one = net.node("Gather", [net.node("Shape", [x]), net.constant(np.int64(axis))], axis=0)
    return net.node("Unsqueeze", [one, ints(net, 0)])


def flatten(net, x):
    """x.view(x.size(0), -1)"""
    shape = net.node("Concat", [size_of(net, x, 0), ints(net, -1)], axis=0)
    n, c, h, w = net.shape[x]
    return net.node("Reshape", [x, shape], [n, c * h * w])


def shuffle(net, x):
    """x.view(b, 2, c // 2, h, w).transpose(1, 2).view(b, c, h, w), every dimension computed."""
    b, c, h, w = (size_of(net, x, axis) for axis in range(4))
    half = net.node("Div", [c, ints(net, 2)])
    n, channels, rows, columns = net.shape[x]
    y = net.node("Reshape", [x, net.node("Concat", [b, ints(net, 2), half, h, w], axis=0)], [n, 2, channels // 2, rows, columns])
    y = net.transpose(y, 0, 2, 1, 3, 4)
    return net.node("Reshape", [y, net.node("Concat", [b, c, h, w], axis=0)], net.shape[x])


def enlarge(net, x):
    """F.interpolate(x, size=(2 h, 2 w)): Shape, Slice, Mul, Cast, Concat, Resize."""
    shape = net.node("Shape", [x])
    doubled = net.node("Mul", [net.node("Cast", [net.node("Slice", [shape, ints(net, 2), ints(net, 4)])], to=TensorProto.FLOAT),
                               net.constant(np.float32([2, 2]))])  # fmt: skip
    sizes = net.node("Cast", [net.node("Floor", [doubled])], to=TensorProto.INT64)
    sizes = net.node("Concat", [net.node("Slice", [shape, ints(net, 0), ints(net, 2)]), sizes], axis=0)
    n, c, h, w = net.shape[x]
    return net.node("Resize", [x, "", "", sizes], [n, c, 2 * h, 2 * w], mode="nearest", nearest_mode="floor",
                    coordinate_transformation_mode="asymmetric")  # fmt: skip


def spread(net, x):
    """x + F.interpolate(F.adaptive_avg_pool2d(x, 1), size=x.shape[2:])"""
    n, c, _, _ = net.shape[x]
    pooled = net.node("GlobalAveragePool", [x], [n, c, 1, 1])
    sizes = net.node("Concat", [net.node("Slice", [net.node("Shape", [pooled]), ints(net, 0), ints(net, 2)]),
                                net.node("Slice", [net.node("Shape", [x]), ints(net, 2), ints(net, 4)])], axis=0)  # fmt: skip
    return net.same("Add", x, net.node("Resize", [pooled, "", "", sizes], net.shape[x], mode="linear",
                                       coordinate_transformation_mode="pytorch_half_pixel"))  # fmt: skip


def group_norm(net, x):
    """F.group_norm(x, 3) as torch exports it: Reshape, InstanceNormalization, Reshape to Shape(x)."""
    n, c, h, w = net.shape[x]
    y = net.node("Reshape", [x, ints(net, 0, 3, -1)], [n, 3, c * h * w // 3 if isinstance(h, int) else "pixels"])
    ones, zeros = net.constant(np.ones(3, np.float32)), net.constant(np.zeros(3, np.float32))
    y = net.same("InstanceNormalization", y, ones, zeros, epsilon=1e-5)
    return net.node("Reshape", [y, net.node("Shape", [x])], net.shape[x])


def positions(net, x):
    """x + arange(w), and a mask of ones made by ConstantOfShape and Expand."""
    w = net.node("Gather", [net.node("Shape", [x]), net.constant(np.int64(3))], axis=0)
    numbers = net.node("Range", [net.constant(np.int64(0)), w, net.constant(np.int64(1))])
    y = net.same("Add", x, net.node("Cast", [numbers], to=TensorProto.FLOAT))
    ones = net.node("ConstantOfShape", [net.node("Slice", [net.node("Shape", [x]), ints(net, 1), ints(net, 4)])],
                    value=helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0]))  # fmt: skip
    return net.same("Mul", y, ones)


def squeeze(net, x):
    """torch's squeeze of an axis: If its size is 1, Squeeze, else Identity."""
    pooled = net.node("ReduceMean", [x], [*net.shape[x][:3], 1], axes=[3], keepdims=1)
    is_one = net.node("Equal", [net.node("Gather", [net.node("Shape", [pooled]), net.constant(np.int64(3))], axis=0),
                                net.constant(np.int64(1))])  # fmt: skip
    axes = ints(net, 3)
    branches = {}
    for name, node in (("then_branch", helper.make_node("Squeeze", [pooled, axes], ["squeezed"])),
                       ("else_branch", helper.make_node("Identity", [pooled], ["kept"]))):  # fmt: skip
        out = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
        branches[name] = helper.make_graph([node], name, [], [out])
    y = net.node("If", [is_one], net.shape[pooled][:3], **branches)
    return net.node("Unsqueeze", [y, axes], net.shape[pooled])


def repeat(net, x):
    """Three times x = relu(x) - 0.1, and what it was each time."""
    body = [
        helper.make_node("Relu", ["value"], ["positive"]),
        helper.make_node("Sub", ["positive", net.constant(np.float32(0.1))], ["next"]),
        helper.make_node("Identity", ["on"], ["still_on"]),
    ]
    float_out = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("next", "positive")]
    graph = helper.make_graph(
        body, "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("on", TensorProto.BOOL, []),
         helper.make_tensor_value_info("value", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("still_on", TensorProto.BOOL, []), *float_out])  # fmt: skip
    last, every = net.node("Loop", [net.constant(np.int64(3)), "", x], outputs=2, body=graph)
    net.shape[last] = net.shape[x]
    sums = net.node("ReduceSum", [every, ints(net, 0)], net.shape[x], keepdims=0)
    return net.same("Add", last, sums)


def attend(net, x):
    """nn.MultiheadAttention of the pixels, two heads of 3: the batch is joined with the heads, then with the pixels."""
    n, c, _, _ = net.shape[x]
    pixels = net.transpose(net.node("Reshape", [x, ints(net, 0, 0, -1)], [n, c, "pixels"]), 2, 0, 1)
    count, batch = size_of(net, pixels, 0), size_of(net, pixels, 1)
    joined = net.node("Concat", [count, net.node("Mul", [batch, ints(net, 2)]), ints(net, 3)], axis=0)
    values = net.transpose(net.node("Reshape", [pixels, joined], ["pixels", "heads", 3]), 1, 0, 2)
    weights = net.same("Softmax", net.node("MatMul", [values, net.transpose(values, 0, 2, 1)], ["heads", "pixels", "pixels"]), axis=-1)
    y = net.transpose(net.node("MatMul", [weights, values], ["heads", "pixels", 3]), 1, 0, 2)
    rows = net.node("Concat", [net.node("Mul", [count, batch]), ints(net, 6)], axis=0)
    mixed = net.same("Gemm", net.node("Reshape", [y, rows], ["rows", 6]), net.constant(HEADS_MIXED))
    y = net.node("Reshape", [mixed, net.node("Concat", [count, batch, ints(net, 6)], axis=0)], ["pixels", n, 6])
    return net.node("Reshape", [net.transpose(y, 1, 2, 0), net.node("Shape", [x])], net.shape[x])


HEADS_MIXED = np.tri(6, dtype=np.float32) / 3


def attended(x):
    values = x.reshape(len(x), 2, 3, -1).transpose(0, 1, 3, 2)  # batch, heads, pixels, 3
    weights = np.exp(values @ values.transpose(0, 1, 3, 2))
    y = weights / weights.sum(-1, keepdims=True) @ values
    return (HEADS_MIXED.T @ y.transpose(0, 1, 3, 2).reshape(len(x), 6, -1)).reshape(x.shape)


def normalized(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


# What each computes of x, in NumPy.
PATTERNS = {
    flatten: lambda x: x.reshape(len(x), -1),
    shuffle: lambda x: x.reshape(len(x), 2, 3, *x.shape[2:]).transpose(0, 2, 1, 3, 4).reshape(x.shape),
    enlarge: lambda x: x.repeat(2, 2).repeat(2, 3),
    spread: lambda x: x + x.mean((2, 3), keepdims=True),
    group_norm: lambda x: normalized(x.reshape(len(x), 3, -1)).reshape(x.shape),
    positions: lambda x: x + np.arange(x.shape[3]),
    squeeze: lambda x: x.mean(3, keepdims=True),
    attend: attended,
}


def repeated(x):
    total = np.zeros_like(x)
    for _ in range(3):
        positive = np.maximum(x, 0)
        total, x = total + positive, positive - np.float32(0.1)
    return x + total


PATTERNS[repeat] = repeated
# One of them puts what it collects before the batch; another joins the batch with heads, which tells only where a file
# leaves its batch open.
FIXED_BATCH = {repeat}
ONE_STAYS_ONE = {repeat, attend}


class Shapes(support.Case):
    def octet(self, model, x):
        np.save(self.folder / "x.npy", x)
        self.succeed(support.OCTET, "run", model, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", self.folder / "out")
        (path,) = (self.folder / "out").iterdir()
        made = np.load(path)
        path.unlink()
        return made

    def build(self, pattern, *dims):
        net = Network(1)
        x = net.input("x", *dims)
        net.output(pattern(net, x))
        return net.save(self.folder / "net.onnx")

    def packed(self, path, *arguments):
        out = self.folder / "net.octet"
        self.succeed(support.OCTET, "convert", path, "-o", out, "--precision", "f32", *arguments)
        return out

    def test_patterns_are_folded_and_serve_every_batch(self):
        random = np.random.default_rng(4)
        for pattern, expected in PATTERNS.items():
            for batch in ([1] if pattern in FIXED_BATCH else ["N", 1]):
                with self.subTest(f"{pattern.__name__}, batch {batch}"):
                    packed = self.packed(self.build(pattern, batch, 6, 4, 5))
                    found = {node["op"] for node in self.json_of(support.OCTET, "inspect", packed, "--json")["nodes"]}
                    self.assertLessEqual(found - {"reduce", "concat", "matmul", "softmax"}, MOVES_OR_COMPUTES)
                    for count in (1,) if batch == 1 and pattern in ONE_STAYS_ONE else (1, 3, 2):
                        x = random.standard_normal((count, 6, 4, 5)).astype(np.float32)
                        got = self.octet(packed, x)
                        self.assertEqual(got.shape, expected(x).shape)
                        self.assertLess(float(np.max(np.abs(got - expected(x)))), 1e-5)

    def test_an_open_image_size_is_given_on_the_command_line(self):
        random = np.random.default_rng(5)
        for pattern, expected in PATTERNS.items():
            with self.subTest(pattern.__name__):
                path = self.build(pattern, "N", 6, "height", "width")
                net = self.folder / "net.octet"
                self.fail_with(UNSUPPORTED, support.OCTET, "convert", path, "-o", net, "--precision", "f32", mentions=["--input-shape"])
                for size in ((4, 5), (7, 6)):
                    x = random.standard_normal((1, 6, *size)).astype(np.float32)
                    packed = self.packed(path, "--input-shape", f"x=1x6x{size[0]}x{size[1]}")
                    got = self.octet(packed, x)
                    self.assertEqual(got.shape, expected(x).shape)
                    self.assertLess(float(np.max(np.abs(got - expected(x)))), 1e-5)

    def test_one_file_serves_every_image_size_on_request(self):
        random = np.random.default_rng(6)
        for pattern in (flatten, enlarge, squeeze, shuffle, spread, group_norm):
            with self.subTest(pattern.__name__):
                path = self.build(pattern, "N", 6, "height", "width")
                packed = self.packed(path, "--input-shape", "x=1x6x4x5", "--open-sizes")
                self.assertEqual(self.json_of(support.OCTET, "inspect", packed, "--json")["inputs"][0]["shape"], ["N", 6, "N", "N"])
                for batch, *size in ((1, 4, 5), (2, 7, 6), (1, 3, 9)):
                    x = random.standard_normal((batch, 6, *size)).astype(np.float32)
                    got, expected = self.octet(packed, x), PATTERNS[pattern](x)
                    self.assertEqual(got.shape, expected.shape)
                    self.assertLess(float(np.max(np.abs(got - expected))), 1e-5)
        # The programs that make sessions take the size; without it they name what is open.
        self.fail_with(2, support.BENCHMARK, packed, mentions=["'x'", "Nx6xNxN"])
        for width in 8, 16:
            shape = f"x=1x6x8x{width}"
            timed = self.json_of(support.BENCHMARK, packed, "--input-shape", shape, "--runs", 1, "--warmup", 0, "--json")
            self.assertGreater(timed["arena_bytes"], 6 * 8 * width * 4)
            inspected = self.json_of(support.OCTET, "inspect", packed, "--input-shape", shape, "--json")
            self.assertEqual(inspected["inputs"][0]["shape"], ["N", 6, 8, width])
        self.fail_with(2, support.BENCHMARK, packed, "--input-shape", "x=1x5x8x8", mentions=["1x5x8x8", "Nx6xNxN"])
        self.fail_with(2, support.BENCHMARK, packed, "--input-shape", "z=1x6x8x8", mentions=["'z'"])
        # Positions are a constant of the size.
        path = self.build(positions, "N", 6, "height", "width")
        self.fail_with(UNSUPPORTED, support.OCTET, "convert", path, "-o", packed, "--precision", "f32", "--input-shape", "x=1x6x4x5",
                       "--open-sizes", mentions=["stay open", "follows the size", "6x8x15"])  # fmt: skip

    def test_what_follows_another_tensor_is_exported_so(self):
        random = np.random.default_rng(7)
        for pattern in (spread, group_norm):
            packed = self.packed(self.build(pattern, "N", 6, "height", "width"), "--input-shape", "x=1x6x4x5", "--open-sizes")
            self.succeed(support.OCTET, "export", packed, "--onnx", self.folder / "back.onnx")
            again = self.packed(self.folder / "back.onnx", "--input-shape", "x=1x6x4x5", "--open-sizes")
            x = random.standard_normal((2, 6, 7, 9)).astype(np.float32)
            self.assertLess(float(np.max(np.abs(self.octet(again, x) - PATTERNS[pattern](x)))), 1e-5)

    def test_a_batch_that_is_computed_with_is_named_and_can_be_given(self):
        def scalar(net, x):
            return net.node("Gather", [net.node("Shape", [x]), net.constant(np.int64(0))], axis=0)

        def mean(net, x):
            return net.same("Div", x, net.node("Cast", [scalar(net, x)], to=TensorProto.FLOAT))

        def places(net, x):
            numbers = net.node("Range", [net.constant(np.int64(0)), scalar(net, x), net.constant(np.int64(1))])
            rows = net.node("Reshape", [numbers, ints(net, -1, 1, 1, 1)])
            return net.same("Add", x, net.node("Cast", [rows], to=TensorProto.FLOAT))

        def count(net, x):
            body = [helper.make_node("Add", ["v", "v"], ["w"]), helper.make_node("Identity", ["on"], ["o"])]
            graph = helper.make_graph(
                body, "body",
                [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("on", TensorProto.BOOL, []),
                 helper.make_tensor_value_info("v", TensorProto.FLOAT, None)],
                [helper.make_tensor_value_info("o", TensorProto.BOOL, []), helper.make_tensor_value_info("w", TensorProto.FLOAT, None)])  # fmt: skip
            return net.node("Loop", [scalar(net, x), "", x], net.shape[x], body=graph)

        def choose(net, x):
            is_three = net.node("Equal", [scalar(net, x), net.constant(np.int64(3))])
            branches = {
                name: helper.make_graph([helper.make_node(op, [x], [op])], name, [],
                                        [helper.make_tensor_value_info(op, TensorProto.FLOAT, None)])
                for name, op in (("then_branch", "Relu"), ("else_branch", "Neg"))
            }  # fmt: skip
            return net.node("If", [is_three], net.shape[x], **branches)

        def join(net, x):
            return net.node("Reshape", [x, ints(net, 1, -1, 5)], [1, "rows", 5])

        x = np.random.default_rng(7).standard_normal((3, 6, 4, 5)).astype(np.float32)
        expected = {
            mean: x / 3,
            places: x + np.arange(3).reshape(3, 1, 1, 1),
            count: x * 8,
            choose: np.maximum(x, 0),
            join: x.reshape(1, -1, 5),
        }
        for pattern, wanted in expected.items():
            with self.subTest(pattern.__name__):
                path, packed = self.build(pattern, "N", 6, 4, 5), self.folder / "net.octet"
                made = self.run_program(support.OCTET, "convert", path, "-o", packed, "--precision", "f32")
                self.assertRegex(made.stderr, r"stays at 1: .*node '[^']+'.*--input-shape x=3x6x4x5")
                self.assertEqual(self.json_of(support.OCTET, "inspect", packed, "--json")["inputs"][0]["shape"], [1, 6, 4, 5])
                np.save(self.folder / "x.npy", x)
                for model, way_out in ((packed, "convert the model with"), (path, "read it with")):
                    self.fail_with(
                        FILE, support.OCTET, "run", model, "--input", f"x={self.folder / 'x.npy'}", "--output-dir", self.folder,
                        mentions=["fixed at 1", "'x' is 1x6x4x5", "is 3x6x4x5;", f"{way_out} --input-shape x=3x6x4x5"])  # fmt: skip
                got = self.octet(self.packed(path, "--input-shape", "x=3x6x4x5"), x)
                self.assertEqual(got.shape, wanted.shape)
                self.assertLess(float(np.max(np.abs(got - wanted))), 1e-5)

    def test_what_the_data_decides_is_named(self):
        def if_of_data(net, x):
            total = net.node("ReduceSum", [x, ints(net, 0, 1, 2, 3)], keepdims=0)
            branches = {
                name: helper.make_graph([helper.make_node(op, [x], [op])], name, [],
                                        [helper.make_tensor_value_info(op, TensorProto.FLOAT, None)])
                for name, op in (("then_branch", "Relu"), ("else_branch", "Neg"))
            }  # fmt: skip
            return net.node("If", [net.node("Greater", [total, net.constant(np.float32(0))])], **branches)

        path = self.build(if_of_data, 1, 6, 4, 5)
        self.fail_with(UNSUPPORTED, support.OCTET, "convert", path, "-o", self.folder / "x.octet", "--precision", "f32",
                       mentions=["(If)", "condition depends on the data"])  # fmt: skip

    def test_a_later_onnx_is_not_judged_by_the_rules_of_an_older_one(self):
        for opset, warned in ((13, True), (20, False)):  # axes as an input came with 18
            net = Network(1, opset=opset)
            x = net.input("x", 1, 6, 4, 5)
            net.output(net.node("ReduceMax", [x, ints(net, 1)], [1, 1, 4, 5]))
            done = self.run_program(support.OCTET, "check", net.save(self.folder / "net.onnx"))
            self.assertEqual("ONNX's checker" in done.stderr, warned, done.stderr)

    def test_a_loop_without_end_ends(self):
        def endless(net, x):
            body = helper.make_graph(
                [helper.make_node("Identity", ["on"], ["o"]), helper.make_node("Identity", ["v"], ["w"])], "body",
                [helper.make_tensor_value_info("i", TensorProto.INT64, []), helper.make_tensor_value_info("on", TensorProto.BOOL, []),
                 helper.make_tensor_value_info("v", TensorProto.FLOAT, None)],
                [helper.make_tensor_value_info("o", TensorProto.BOOL, []), helper.make_tensor_value_info("w", TensorProto.FLOAT, None)])  # fmt: skip
            return net.node("Loop", [net.constant(np.int64(1 << 60)), "", x], body=body)

        path = self.build(endless, 1, 6, 4, 5)
        self.fail_with(UNSUPPORTED, support.OCTET, "convert", path, "-o", self.folder / "x.octet", "--precision", "f32",
                       mentions=["(Loop)", "at most 20000 are read"])  # fmt: skip


if __name__ == "__main__":
    unittest.main()
