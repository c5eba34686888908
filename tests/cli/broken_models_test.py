"""Broken ONNX files: each is refused in one clear line, with exit 3 where octet lacks something and 4 where the file is wrong."""

import os
import subprocess
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import support

UNSUPPORTED, FILE = 3, 4
F32 = TensorProto.FLOAT


def tensor(name, *shape, dtype=np.float32):
    return numpy_helper.from_array(np.ones(shape, dtype), name)


def value(name, *shape, dtype=F32):
    return helper.make_tensor_value_info(name, dtype, shape)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name=f"the_{op}", **attributes)


def model(nodes, constants=(), inputs=None, outputs=None, opset=13, ir=8, domains=()):
    graph = helper.make_graph(nodes, "broken", inputs or [value("x", 1, 3, 8, 8)], outputs or [value("y", 1)], constants)
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, 1) for d in domains]
    made = helper.make_model(graph, opset_imports=opsets)
    made.ir_version = ir
    return made


def one(op, *constants, inputs=None, opset=13, domain="", more=(), **attributes):
    """x and the constants through one node."""
    names = [c.name for c in constants] if not more else list(more)
    made = helper.make_node(op, ["x", *names], ["y"], name=f"the_{op}", domain=domain, **attributes)
    return model([made], constants, inputs=inputs, opset=opset, domains=[domain] if domain else [])


def weights(shape, dims, kind=F32, raw=b""):
    """A convolution whose weights claim to be more than they are."""
    made = one("Conv", tensor("w", 4, 3, 3, 3))
    w = made.graph.initializer[0]
    del w.dims[:]
    w.dims.extend(dims)
    w.data_type = kind
    if raw is not None:
        w.raw_data = raw
    return made


def external(entries):
    made = one("Conv", tensor("w", 4, 3, 3, 3))
    w = made.graph.initializer[0]
    w.ClearField("raw_data")
    w.data_location = TensorProto.EXTERNAL
    for key, text in entries.items():
        entry = w.external_data.add()
        entry.key, entry.value = key, text
    return made


def cut(whole, share):
    data = whole.SerializeToString()
    return data[: int(len(data) * share)]


BRANCH = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "branch", [], [value("r")])


def hostile_loop(times, carried="one"):
    """Each time a constant of 64 MB."""
    out = [value("o", dtype=TensorProto.BOOL), value("w")]
    body = helper.make_graph(
        [node("Identity", ["on"], ["o"]), helper.make_node("Expand", ["v", "big"], ["w"], name="the_Expand")], "body",
        [value("i", dtype=TensorProto.INT64), value("on", dtype=TensorProto.BOOL), value("v")], out,
        [numpy_helper.from_array(np.int64([1 << 24]), "big")])  # fmt: skip
    constants = [numpy_helper.from_array(np.int64(times), "times"), numpy_helper.from_array(np.float32(1), "one")]
    nodes = [node("Loop", ["times", "", carried], ["all"], body=body), node("ReduceSum", ["all"], ["s"]), node("Add", ["x", "s"], ["y"])]
    return model(nodes, constants)


def idle_loop(times, values):
    """Carries values on and computes nothing: names are all that it costs."""
    names = [f"v{i}" for i in range(values)]
    body = helper.make_graph(
        [], "body", [value("i", dtype=TensorProto.INT64), value("on", dtype=TensorProto.BOOL), *(value(n) for n in names)],
        [value("on", dtype=TensorProto.BOOL), *(value(n) for n in names)])  # fmt: skip
    constants = [numpy_helper.from_array(np.int64(times), "times"), numpy_helper.from_array(np.float32(1), "one")]
    loop = helper.make_node("Loop", ["times", "", *["one"] * values], [f"o{i}" for i in range(values)], name="the_Loop", body=body)
    return model([loop, node("Add", ["x", "o0"], ["y"])], constants)


def splits(count, parts):
    """Splits a channel, and joins it again, over and over."""
    nodes = []
    for i in range(count):
        names = [f"p{i}_{k}" for k in range(parts)]
        nodes.append(helper.make_node("Split", [f"j{i - 1}" if i else "r"], names, name=f"the_Split_{i}", axis=1))
        nodes.append(helper.make_node("Concat", names, ["y" if i == count - 1 else f"j{i}"], axis=1))
    shape = numpy_helper.from_array(np.int64([1, parts, -1, 1]), "s")
    return model([node("Expand", ["x", "e"], ["big"]), node("Reshape", ["big", "s"], ["r"]), *nodes],
                 [shape, numpy_helper.from_array(np.int64([parts, 3, 8, 8]), "e")])


GOOD = model([node("Conv", ["x", "w"], ["y"])], [tensor("w", 4, 3, 3, 3)])

def bomb(op, shapes, more=(), **attributes):
    """An operation on constants that a few bytes make large; x is added to what is left of it."""
    made = [helper.make_node("ConstantOfShape", [f"s{i}"], [f"c{i}"], value=tensor("one", 1)) for i in range(len(shapes))]
    inputs = [*(f"c{i}" for i in range(len(shapes))), *(c.name for c in more)]
    nodes = [*made, node(op, inputs, ["r"], **attributes), node("Cast", ["r"], ["f"], to=F32),
             node("ReduceMax", ["f"], ["q"], keepdims=0), node("Add", ["x", "q"], ["y"])]  # fmt: skip
    sizes = [numpy_helper.from_array(np.int64(shape), f"s{i}") for i, shape in enumerate(shapes)]
    return model(nodes, [*sizes, *more])


FOLDED = "operations, but only 4"

# What is broken -> (the file, exit code, what the message must name).
CASES = {
    "cut in the middle": (cut(GOOD, 0.5), FILE, ["broken.onnx"]),
    "text": (b"this is no model\n" * 9, FILE, ["broken.onnx"]),
    "no graph": (onnx.ModelProto(ir_version=8, opset_import=[helper.make_opsetid("", 13)]), FILE, ["no graph"]),
    "no operator set": (onnx.ModelProto(ir_version=8, graph=GOOD.graph), FILE, ["operator set"]),
    "no outputs": (model([node("Relu", ["x"], ["y"])], outputs=[value("y", 1)]), FILE, ["no outputs"]),
    "an output nobody writes": (model([node("Relu", ["x"], ["z"])]), FILE, ["'y'", "nothing writes"]),
    "an input nobody writes": (model([node("Relu", ["ghost"], ["y"])]), FILE, ["the_Relu", "'ghost'"]),
    "a cycle": (model([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Neg", ["b"], ["y"])]), FILE, ["the_"]),
    "a node that reads itself": (model([node("Add", ["x", "y"], ["y"])]), FILE, ["the_Add", "its own"]),
    "a name given twice": (model([node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])]), FILE, ["'y'", "twice"]),
    "an unknown operation": (one("Frobnicate"), UNSUPPORTED, ["the_Frobnicate", "Frobnicate"]),
    "an unknown domain": (one("Relu", domain="com.example"), UNSUPPORTED, ["com.example"]),
    "weights with too few bytes": (weights("w", [4, 3, 3, 3], raw=b"\0" * 12), FILE, ["'w'", "432", "12"]),
    "weights with negative dimensions": (weights("w", [4, 3, -3, 3]), FILE, ["'w'", "4x3x-3x3"]),
    "weights of 2^63 elements": (weights("w", [1 << 31, 1 << 31, 2, 1]), FILE, ["'w'"]),
    "weights of 2^40 elements": (weights("w", [1 << 20, 1 << 20, 1, 1]), FILE, ["'w'"]),
    "weights of strings": (weights("w", [4, 3, 3, 3], TensorProto.STRING), UNSUPPORTED, ["'w'", "type 8"]),
    "weights of another rank": (one("Conv", tensor("w", 4, 3)), FILE, ["the_Conv"]),
    "weights for other channels": (one("Conv", tensor("w", 4, 5, 3, 3)), FILE, ["the_Conv", "5"]),
    "more groups than channels": (one("Conv", tensor("w", 4, 1, 3, 3), group=7), FILE, ["the_Conv", "7"]),
    "a stride of 0": (one("Conv", tensor("w", 4, 3, 3, 3), strides=[0, 1]), FILE, ["the_Conv", "strides"]),
    "a kernel beyond the image": (one("Conv", tensor("w", 4, 3, 9, 9)), FILE, ["the_Conv"]),
    "an attribute of another type": (one("LeakyRelu", alpha="steep"), FILE, ["the_LeakyRelu", "alpha"]),
    "an axis that is not there": (one("Softmax", axis=9), FILE, ["the_Softmax", "9"]),
    "shapes that do not broadcast": (one("Add", tensor("b", 5)), FILE, ["the_Add", "5"]),
    "a reshape to another count": (
        one("Reshape", numpy_helper.from_array(np.int64([7, 9]), "s")), FILE, ["the_Reshape"]),
    "a reshape to two open dimensions": (
        one("Reshape", numpy_helper.from_array(np.int64([-1, -1]), "s")), FILE, ["the_Reshape"]),
    "a permutation with an axis twice": (one("Transpose", perm=[0, 1, 1, 2]), FILE, ["the_Transpose"]),
    "a concatenation of other shapes": (one("Concat", tensor("b", 1, 3, 8, 7), axis=1), FILE, ["the_Concat"]),
    "a split into other sizes": (
        model([helper.make_node("Split", ["x", "s"], ["y", "z"], name="the_Split", axis=1)],
              [numpy_helper.from_array(np.int64([2, 9]), "s")], outputs=[value("y", 1), value("z", 1)]), FILE, ["the_Split"]),
    "an expansion to 2^60 elements": (
        one("Expand", numpy_helper.from_array(np.int64([1 << 20, 1 << 20, 1 << 20]), "s")), UNSUPPORTED, ["the_Expand"]),
    "a range of 2^50 numbers": (
        model([node("Range", ["a", "b", "c"], ["r"]), node("ReduceSum", ["r"], ["s"]), node("Add", ["x", "s"], ["y"])],
              [numpy_helper.from_array(np.float32(v), n) for n, v in (("a", 0), ("b", 2.0**50), ("c", 1))]),
        UNSUPPORTED, ["the_Range"]),
    "a loop of 2^60 steps": (hostile_loop(1 << 60), UNSUPPORTED, ["the_Loop", "bytes, but at most"]),
    "a convolution of constants for days": (
        bomb("Conv", [[1, 1, 8000, 8000], [1, 1, 4000, 4000]]), UNSUPPORTED, ["the_Conv", "256128016000000 ", FOLDED]),
    "a pool of constants for days": (
        bomb("MaxPool", [[1, 1, 8000, 8000]], kernel_shape=[4000, 4000]), UNSUPPORTED, ["the_MaxPool", "256128016000000 ", FOLDED]),
    "a product of constants for minutes": (
        bomb("MatMul", [[8000, 8000], [8000, 8000]]), UNSUPPORTED, ["the_MatMul", "512000000000 ", FOLDED]),
    "a choice of constant boxes for days": (
        bomb("NonMaxSuppression", [[1, 100000, 4], [1, 80, 100000]],
             more=[numpy_helper.from_array(np.int64(100000), "m"), numpy_helper.from_array(np.float32(0.99), "i")]),
        UNSUPPORTED, ["the_NonMaxSuppression", "800000000000 ", FOLDED]),
    "an index beyond its axis": (
        one("Gather", numpy_helper.from_array(np.int64([0, 1 << 40]), "i"), axis=1), FILE,
        ["the_Gather", "1099511627776", "axis 1", "size 3"]),
    "an index before its axis": (
        one("Gather", numpy_helper.from_array(np.int64([-4]), "i"), axis=1), FILE, ["the_Gather", "-4", "axis 1", "size 3"]),
    "a loop that gives 2 million names": (idle_loop(2000, 1000), UNSUPPORTED, ["the_Loop", "but at most 20000"]),
    "a sum of 3000 values": (model([node("Sum", ["x"] * 3000, ["y"])]), UNSUPPORTED, ["the_Sum", "3000", "1024"]),
    "a split into 3000": (splits(1, 3000), UNSUPPORTED, ["the_Split_0", "3000", "1024"]),
    "splits into 9000": (splits(9, 1000), UNSUPPORTED, ["71", "20000"]),
    "a branch without a body": (
        model([helper.make_node("If", ["c"], ["y"], name="the_If")], [numpy_helper.from_array(np.array(True), "c")]),
        UNSUPPORTED, ["the_If"]),
    "a branch without a condition": (
        model([helper.make_node("If", [""], ["y"], name="the_If", then_branch=BRANCH, else_branch=BRANCH)]), FILE, ["the_If", "no condition"]),
    "a loop that carries nothing": (hostile_loop(2, carried=""), FILE, ["the_Loop", "input 2 is absent"]),
    "a pad of 2^40": (
        one("Pad", numpy_helper.from_array(np.int64([0, 0, 0, 0, 0, 0, 1 << 40, 1 << 40]), "p")), FILE, ["the_Pad"]),
    "an enlargement by 1e9": (
        one("Resize", numpy_helper.from_array(np.float32([1, 1, 1e9, 1e9]), "s"), more=["", "s"]), FILE, ["the_Resize"]),
    "more channels than a resize makes": (
        one("Resize", numpy_helper.from_array(np.float32([1, 1e7, 1, 1]), "s"), more=["", "s"]), UNSUPPORTED, ["the_Resize", "from 3 to 30000000"]),
    "an input of rank 99": (one("Relu", inputs=[value("x", *[1] * 99)]), UNSUPPORTED, ["'x'", "99"]),
    "an open input": (one("Relu", inputs=[value("x", 1, 3, "h", "w")]), UNSUPPORTED, ["'x'", "--input-shape"]),
    "an input that is a sequence": (
        one("Relu", inputs=[helper.make_tensor_sequence_value_info("x", F32, [1])]), UNSUPPORTED, ["'x'", "no tensor"]),
    "weights outside the folder": (external({"location": "../../etc/passwd"}), FILE, ["'w'", "passwd"]),
    "weights in a file that is not there": (external({"location": "gone.bin"}), FILE, ["'w'", "gone.bin"]),
    "an operator set from before ONNX": (one("Relu", opset=0), UNSUPPORTED, ["opset 0"]),
    "two problems at once": (
        model([node("Frobnicate", ["x"], ["z"]), node("Unique", ["x"], ["y"])], outputs=[value("y", 1), value("z", 1)]),
        UNSUPPORTED, ["1 more"]),
}  # fmt: skip


class Refused(support.Case):
    def refuse(self, broken, code, mentions):
        """convert says in one line what is wrong with a model, and writes nothing."""
        path = self.write("broken.onnx", broken if isinstance(broken, bytes) else broken.SerializeToString())
        out = self.folder / "out.octet"
        # 4 GB of address space and 20 s of a CPU: whoever believes the sizes in the file dies of them. (Sanitizers take
        # terabytes, and their time.)
        space, seconds = ("unlimited", "unlimited") if os.environ.get("OCTET_SANITIZED") else ("4000000", "20")
        done = subprocess.run(
            ["sh", "-c", f'ulimit -v {space}; ulimit -t {seconds}; exec "$@"', "sh", str(support.OCTET), "convert", str(path),
             "-o", str(out), "--precision", "f32"], capture_output=True, text=True, timeout=support.HANGS_S)  # fmt: skip
        said = [line for line in done.stderr.splitlines() if ": warning: " not in line]
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(said), 1, done.stderr)
        for text in mentions:
            self.assertIn(text, said[0])
        self.assertFalse(out.exists())


class BrokenModels(Refused):
    def test_there_are_thirty(self):
        self.assertGreaterEqual(len(CASES), 30)

    def test_what_they_break_is_whole(self):
        path = self.write("good.onnx", GOOD.SerializeToString())
        self.succeed(support.OCTET, "convert", path, "-o", self.folder / "good.octet", "--precision", "f32")

    def test_each_is_refused_in_one_line(self):
        for name, (broken, code, mentions) in CASES.items():
            if name == "no outputs":
                del broken.graph.output[:]
            with self.subTest(name):
                self.refuse(broken, code, mentions)

    def test_check_prints_names_as_visible_characters(self):
        broken = one("Frobnicate")
        broken.graph.node[0].name = "a\nb\x1b[2J \u00e4 \u009b"
        raw = broken.SerializeToString().replace(b"Frobnicate", b"Frobn\xffcate")
        path = self.write("broken.onnx", raw)
        done = subprocess.run([support.OCTET, "check", str(path)], capture_output=True, timeout=support.HANGS_S)
        self.assertEqual(done.returncode, UNSUPPORTED)
        self.assertEqual(
            done.stdout.decode().splitlines(),
            [f"{path}: 1 problem", "  a?b?[2J \u00e4 ?? (Frobn?cate): octet does not know this operation"])

    def test_outputs_need_no_shape(self):
        shapeless = one("Relu")
        shapeless.graph.output[0].type.tensor_type.ClearField("shape")
        path = self.write("shapeless.onnx", shapeless.SerializeToString())
        done = subprocess.run([support.OCTET, "check", str(path)], capture_output=True, text=True, timeout=support.HANGS_S)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_wrong_correction_is_said_once(self):
        path = self.write("good.onnx", GOOD.SerializeToString())
        done = subprocess.run([support.OCTET, "convert", str(path), "-o", str(self.folder / "o"), "--correct", "magic"],
                              capture_output=True, text=True, timeout=support.HANGS_S)  # fmt: skip
        self.assertEqual(done.returncode, 2)
        self.assertIn("octet convert: --correct: there is no correction method 'magic'", done.stderr)

    def test_open_sizes_say_all_that_fixes_them(self):
        shape = numpy_helper.from_array(np.int64([1, 192]), "s")
        fixed = [helper.make_node("Reshape", ["x", "s"], [out], name=f"fix_{out}") for out in ("y", "z")]
        made = model(fixed, [shape], outputs=[value("y", 1, 192), value("z", 1, 192)])
        path = self.write("fixed.onnx", made.SerializeToString())
        done = subprocess.run([support.OCTET, "convert", str(path), "-o", str(self.folder / "o"), "--precision", "f32",
                               "--open-sizes"], capture_output=True, text=True, timeout=support.HANGS_S)  # fmt: skip
        self.assertEqual(done.returncode, UNSUPPORTED)
        self.assertIn("'fix_y'", done.stderr)
        self.assertIn("'fix_z'", done.stderr)


if __name__ == "__main__":
    unittest.main()
