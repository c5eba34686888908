"""Which operations run as integers between two convolutions: each in a network of its own, and the list in the README.

integer_ops_test.py [--write-readme]
"""

import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

try:
    import numpy as np
    from network import Network
except ImportError as missing:
    print(f"skipped={missing}: the networks are built with python3-onnx")
    sys.exit(0)

ROOT = pathlib.Path(os.environ.get("OCTET_ROOT", pathlib.Path(__file__).resolve().parents[2]))
OCTET = pathlib.Path(os.environ.get("OCTET_BUILD", ROOT / "build")) / "converter" / "octet"
README = ROOT / "converter" / "README.md"


def ints(net, *values):
    return net.constant(np.int64(values))


def over_image(op):
    def add(net, x):
        return net.same("Add", x, net.node(op, [x], [*net.shape[x][:2], 1, 1], axes=[2, 3], keepdims=1))

    return add


def over_channels(op):
    return lambda net, x: net.node(op, [x], [1, 1, 8, 8], axes=[1], keepdims=1)


def sum_over_rows(net, x):
    return net.node("ReduceSum", [x, ints(net, 2)], [1, 8, 1, 8], keepdims=1)


def line(net, x):
    """A 1-D convolution, on the rows of the image."""
    y = net.node("Conv", [net.reshape(x, 1, 8, 64), net.normal(8, 8, 3, scale=0.2)], [1, 8, 64], pads=[1, 1])
    return net.reshape(y, 1, 8, 8, 8)


def dynamic(net, x):
    """Scales from the data: integers and back."""
    integers = net.node("DynamicQuantizeLinear", [x], outputs=3)
    return net.node("DequantizeLinear", integers, net.shape[x])


def by_constants(net, x):
    """Between functions that no convolution takes into its weights."""
    return net.same("Tanh", net.same("Mul", net.same("Abs", net.same("Add", net.same("Sigmoid", x), net.normal(8, 1, 1))), net.normal(8, 1, 1)))


# What stands between two convolutions, x is [1, 8, 8, 8], and the packed ops that it becomes at least. (A sum is part of the
# convolution that it follows.)
INTEGER = {
    "add": ("conv2d", lambda net, x: net.same("Add", x, net.conv(x, 8))),
    "sub": ("binary", lambda net, x: net.same("Sub", x, net.conv(x, 8))),
    "mul": ("binary", lambda net, x: net.same("Mul", x, net.conv(x, 8))),
    "add and mul by a constant": ("binary binary", by_constants),
    "div by a constant behind a layer": ("", lambda net, x: net.same("Div", x, net.normal(1))),
    "average pool": ("pool2d", lambda net, x: net.pool(x, 3, 1, "AveragePool")),
    "max pool": ("pool2d", lambda net, x: net.pool(x, 3, 1)),
    "global average pool": ("pool2d", lambda net, x: net.global_pool(x)),
    "reduce-mean over the image": ("pool2d", over_image("ReduceMean")),
    "reduce-max over the image": ("pool2d", over_image("ReduceMax")),
    "reduce-mean over channels": ("reduce", over_channels("ReduceMean")),
    "reduce-max and -min over channels": ("reduce reduce", lambda net, x: net.same("Add", over_channels("ReduceMax")(net, x), over_channels("ReduceMin")(net, x))),
    "reduce-sum over rows": ("reduce", sum_over_rows),
    "reduce-mean over three axes": ("reduce", lambda net, x: net.node("ReduceMean", [x], [1, 1, 1, 1], axes=[1, 2, 3], keepdims=1)),
    "max and min of two tensors": ("binary binary", lambda net, x: net.same("Max", x, net.same("Min", net.conv(x, 8), net.conv(x, 8)))),
    "max and min with a number": ("", lambda net, x: net.same("Min", net.same("Max", x, net.constant(np.float32(0))), net.constant(np.float32(6)))),
    "concat": ("concat", lambda net, x: net.concat([x, net.conv(x, 4)])),
    "pad, but for numbers other than 0": ("pad", lambda net, x: net.node("Pad", [x, ints(net, 0, 0, 1, 2, 0, 0, 2, 1)], [1, 8, 11, 11], mode="reflect")),
    "slice": ("slice", lambda net, x: net.node("Slice", [x, ints(net, 1), ints(net, 7), ints(net, 2)], [1, 8, 6, 8])),
    "split": ("slice slice", lambda net, x: net.same("Add", *net.split(x, 2))),
    "transpose": ("transpose transpose", lambda net, x: net.transpose(x, 0, 1, 3, 2)),
    "reshape": ("reshape", lambda net, x: net.reshape(x, 1, 8, 16, 4)),
    "gather": ("gather", lambda net, x: net.node("Gather", [x, ints(net, 3, 1, 2, 0)], [1, 4, 8, 8], axis=1)),
    "tile": ("concat", lambda net, x: net.node("Tile", [x, ints(net, 1, 2, 1, 1)], [1, 16, 8, 8])),
    "resize, nearest": ("resize", lambda net, x: net.resize(x)),
    "resize, linear": ("resize", lambda net, x: net.resize(x, mode="linear")),
    "depth-to-space": ("reshape transpose transpose transpose", lambda net, x: net.node("DepthToSpace", [x], [1, 2, 16, 16], blocksize=2)),
    "space-to-depth": ("reshape transpose transpose transpose", lambda net, x: net.node("SpaceToDepth", [x], [1, 32, 4, 4], blocksize=2)),
    "leaky ReLU": ("unary", lambda net, x: net.same("LeakyRelu", x, alpha=0.1)),
    "PReLU": ("unary unary binary binary", lambda net, x: net.same("PRelu", x, net.normal(8, 1, 1, scale=0.2))),
    "sigmoid": ("unary", lambda net, x: net.same("Sigmoid", x)),
    "tanh": ("unary", lambda net, x: net.same("Tanh", x)),
    "hard-swish": ("unary", lambda net, x: net.same("HardSwish", x)),
    "hard-swish spelled out": ("unary", lambda net, x: net.act(x, "hswish")),
    "SiLU": ("unary", lambda net, x: net.act(x, "silu")),
    "transposed convolution": ("conv2d", lambda net, x: net.upconv(x, 8)),
    "1-D convolution": ("conv2d", line),
    "matmul of two activations": ("matmul", lambda net, x: net.node("MatMul", [x, net.conv(x, 8)], [1, 8, 8, 8])),
    "matmul with a constant for each channel": ("matmul", lambda net, x: net.node("MatMul", [x, net.normal(8, 8, 8)], [1, 8, 8, 8])),
    "matmul of a constant and an activation": ("matmul", lambda net, x: net.node("MatMul", [net.normal(8, 8), x], [1, 8, 8, 8])),
}  # fmt: skip
FLOAT = {
    "pad with another number": lambda net, x: net.node("Pad", [x, ints(net, 0, 0, 1, 2, 0, 0, 2, 1), net.constant(np.float32(-3))], [1, 8, 11, 11]),
    "softmax": lambda net, x: net.same("Softmax", x, axis=1),
    "layer normalization": lambda net, x: net.layer_norm(x),
    "products and norms of reductions": over_channels("ReduceL2"),
    "dynamic quantization": dynamic,
    "exp, log, square root, power": lambda net, x: net.same("Exp", net.same("Sqrt", net.act(x, "Relu"))),
    "other div by a constant": lambda net, x: net.same("Tanh", net.same("Div", net.same("Sigmoid", x), net.normal(1))),
    "division of two tensors": lambda net, x: net.same("Div", x, net.act(net.conv(x, 8), "Exp")),
}  # fmt: skip


# What stands behind integers of a quantized model's own, in [1, 8, 4, 4], and the op that reads them. (Of a float model
# the last layer's sums become f32 at once, and the order of those is sharper.)
GIVEN = {
    "arg-max of a quantized model": (lambda net, x: net.node("ArgMax", [x], [1, 1, 4, 4], axis=1), "top_k"),
    "arg-min of a quantized model": (lambda net, x: net.node("ArgMin", [x], [1, 1, 4, 4], axis=1), "top_k"),
    "top-k of a quantized model": (lambda net, x: net.node("TopK", [x, ints(net, 3)], [1, 3, 4, 4], outputs=2, axis=1)[0], "top_k"),
}  # fmt: skip


def convert(net, folder, *arguments):
    """What `inspect` says of the packed network."""
    net.save(folder / "net.onnx")
    for command in (["convert", folder / "net.onnx", "-o", folder / "net.octet", *arguments],
                    ["inspect", folder / "net.octet", "--json"]):  # fmt: skip
        done = subprocess.run([str(OCTET), *map(str, command)], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{command[0]}: exit {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def reads_integers(build, op, folder):
    net = Network(3, opset=14)
    params = [net.constant(np.float32(0.05)), net.constant(np.uint8(7))]
    integers = net.node("QuantizeLinear", [net.input("x", "N", 8, 4, 4), *params], [1, 8, 4, 4])
    made = build(net, net.node("DequantizeLinear", [integers, *params], [1, 8, 4, 4]))
    net.output(net.same("Cast", made, to=1))
    packed = convert(net, folder)
    types = {tensor["name"]: tensor["dtype"] for tensor in packed["tensors"]}
    read = [types[n["inputs"][0]] for n in packed["nodes"] if n["op"] == op]
    return bool(read) and set(read) == {"u8"}


def between_convolutions(build, folder):
    """The packed ops that compute in f32, but for the borders of the network, and how many of each take and give integers."""
    net = Network(3, opset=14)
    x = net.conv(net.input("x", "N", 3, 8, 8), 8, 3)
    net.output(net.conv(build(net, x), 4))
    random = np.random.default_rng(0)
    np.save(folder / "x.npy", random.standard_normal((8, 3, 8, 8)).astype(np.float32))
    packed = convert(net, folder, "--data", folder / "x.npy", "--calibration", "minmax", "--correct", "none")
    types = {tensor["name"]: tensor["dtype"] for tensor in packed["tensors"]}
    # The last layer's sums, and the order of the axes that they are given out in, are f32 by design.
    ends = {output["name"] for output in packed["outputs"]}
    for node in packed["nodes"]:
        if ends & set(node["outputs"]):
            ends |= set(node["inputs"])
    floats = [n["op"] for n in packed["nodes"] if any(types[o] == "f32" and o not in ends for o in n["outputs"])]
    integers = collections.Counter(n["op"] for n in packed["nodes"] if runs_on_integers(n, types))
    return floats, integers


def runs_on_integers(node, types):
    read = [types[name] for name in node["inputs"] if name in types]
    return read[0] == "u8" and "f32" not in read and types[node["outputs"][0]] == "u8"


def main():
    problems = []
    with tempfile.TemporaryDirectory(prefix="octet-integers-") as name:
        for what, (ops, build) in INTEGER.items():
            found, integers = between_convolutions(build, pathlib.Path(name))
            print(f"{what}: {'integers' if not found else 'f32 in ' + ', '.join(found)}")
            if found:
                problems.append(f"{what} runs as f32: put it into the other list")
            # The first convolution is one of integers, too.
            missing = collections.Counter(["conv2d", *ops.split()]) - integers
            if missing:
                problems.append(f"{what} lacks {dict(missing)} of integers; it has {dict(integers)}")
        for what, build in FLOAT.items():
            found, _ = between_convolutions(build, pathlib.Path(name))
            print(f"{what}: f32 in {', '.join(found)}")
            if not found:
                problems.append(f"{what} runs as integers: put it into the other list")
        for what, (build, op) in GIVEN.items():
            if not reads_integers(build, op, pathlib.Path(name)):
                problems.append(f"{what} runs as f32")
    text = README.read_text()
    marked = re.compile(r"(<!-- integers -->\n).*?(<!-- end -->)", re.DOTALL)
    told = [f"As integers: {'; '.join([*INTEGER, *GIVEN])}.", f"As f32, with quantize and dequantize around: {'; '.join(FLOAT)}."]
    told = "\n\n".join(textwrap.fill(words, 124) for words in told) + "\n"
    new = marked.sub(lambda m: m[1] + told + m[2], text)
    if "--write-readme" in sys.argv:
        README.write_text(new)
    elif new != text or not marked.search(text):
        problems.append("the list in converter/README.md is not this one (integer_ops_test.py --write-readme)")
    for problem in problems:
        print(f"problem: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
