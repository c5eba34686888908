"""Random networks: what convert writes, the runtime loads and runs; f32 equals the definition, and a batch its samples.

random_networks_test.py [--first SEED] [--count N]
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import reference
    from network import Network
    from quality import sqnr
except ImportError as missing:
    print(f"skipped={missing}: the networks are built with python3-onnx")
    sys.exit(0)

ROOT = pathlib.Path(os.environ.get("OCTET_ROOT", pathlib.Path(__file__).resolve().parents[2]))
OCTET = pathlib.Path(os.environ.get("OCTET_BUILD", ROOT / "build")) / "converter" / "octet"
# Signal over noise that int8 keeps, in dB, whatever the layers are.
LEAST_SQNR = 15


def unary(net, x, random):
    kind = random.choice(["Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "silu", "relu6", "hswish", "PRelu"])
    if kind == "PRelu":
        return net.same("PRelu", x, net.normal(net.shape[x][1], 1, 1, scale=0.3))
    return net.act(x, kind)


def conv(net, x, random):
    channels = net.shape[x][1]
    kernel, stride = int(random.choice([1, 3, 5])), int(random.choice([1, 1, 2]))
    dilation = int(random.choice([1, 1, 2])) if kernel == 3 else 1
    group, out = (channels, channels) if random.random() < 0.3 else (1, int(random.integers(2, 40)))
    return net.conv(x, out, kernel, stride, group, dilation, norm=bool(random.random() < 0.5))


def pool(net, x, random):
    return net.pool(x, 3, int(random.choice([1, 2])), str(random.choice(["MaxPool", "AveragePool"])))


def residual(net, x, random):
    y = net.conv(x, net.shape[x][1], 3, act=str(random.choice(["Relu", "silu"])))
    return net.same(str(random.choice(["Add", "Sub", "Mul"])), x, y)


def gate(net, x, random):
    return net.same("Mul", x, net.same("Sigmoid", net.conv(net.global_pool(x), net.shape[x][1])))


def concat(net, x, random):
    return net.concat([net.conv(x, int(random.integers(1, 9))), x, net.pool(x, 3)])


def split(net, x, random):
    if net.shape[x][1] % 2:
        return net.same("Tanh", x)
    a, b = net.split(x, 2)
    return net.concat([b, net.act(a, "Relu")])


def shuffle(net, x, random):
    n, c, h, w = net.shape[x]
    if c % 3:
        return x
    return net.reshape(net.transpose(net.reshape(x, n, 3, c // 3, h, w), 0, 2, 1, 3, 4), n, c, h, w)


def crop(net, x, random):
    n, c, h, w = net.shape[x]
    bounds = [net.constant(np.int64(v)) for v in ([1, 0], [h, w - 1], [2, 3])]
    return net.node("Slice", [x, *bounds], [n, c, h - 1, w - 1]) if h > 2 and w > 2 else x


def pad(net, x, random):
    n, c, h, w = net.shape[x]
    mode = str(random.choice(["constant", "reflect", "edge"])) if min(h, w) > 2 else "constant"
    pads = net.constant(np.int64([0, 0, 1, 2, 0, 0, 2, 1]))
    return net.node("Pad", [x, pads], [n, c, h + 3, w + 3], mode=mode)


def resize(net, x, random):
    return net.resize(x, 2, str(random.choice(["nearest", "linear"]))) if net.shape[x][2] < 20 else x


def up(net, x, random):
    return net.upconv(x, int(random.integers(2, 12))) if net.shape[x][2] < 20 else x


def to_space(net, x, random):
    n, c, h, w = net.shape[x]
    return net.node("DepthToSpace", [x], [n, c // 4, 2 * h, 2 * w], blocksize=2) if c % 4 == 0 and h < 20 else x


def mean(net, x, random):
    pooled = net.node("ReduceMean", [x], [*net.shape[x][:2], 1, 1], axes=[2, 3], keepdims=1)
    return net.same("Add", x, pooled)


def reduce(net, x, random):
    """Over any axes, and back by broadcasting."""
    axes = sorted(int(axis) for axis in random.choice([1, 2, 3], int(random.integers(1, 4)), replace=False))
    dims = [1 if axis in axes else size for axis, size in enumerate(net.shape[x])]
    op = str(random.choice(["ReduceMean", "ReduceMax", "ReduceMin"]))
    return net.same("Sub", x, net.node(op, [x], dims, axes=axes, keepdims=1))


def choose(net, x, random):
    return net.same(str(random.choice(["Max", "Min"])), x, net.conv(x, net.shape[x][1]))


def matmul(net, x, random):
    """With a constant for each channel."""
    n, c, h, w = net.shape[x]
    out = int(random.integers(3, 12))
    return net.node("MatMul", [x, net.normal(c, w, out, scale=w**-0.5)], [n, c, h, out])


def transposed(net, x, random):
    return net.transpose(net.act(net.transpose(x, 0, 1, 3, 2), "Relu"), 0, 1, 3, 2)


LAYERS = (unary, conv, conv, pool, residual, gate, concat, split, shuffle, crop, pad, resize, up, to_space, mean, transposed, reduce, choose,
          matmul)  # fmt: skip
HEADS = ("none", "classify", "softmax", "argmax")


def build(seed):
    random = np.random.default_rng(seed)
    net = Network(seed)
    size = int(random.integers(5, 24))
    x = net.input("image", "N", int(random.integers(1, 7)), size, int(random.integers(5, 24)))
    first = x
    for _ in range(int(random.integers(2, 9))):
        x = LAYERS[random.integers(len(LAYERS))](net, x, random)
    head = HEADS[random.integers(len(HEADS))]
    if head in ("classify", "softmax"):
        x = net.classify(x, 7)
    if head == "softmax":
        x = net.same("Softmax", x, axis=1)
    if head == "argmax":
        x = net.node("ArgMax", [x], [1, 1, *net.shape[x][2:]], axis=1)
    if x == first:
        x = net.act(x, "Relu")
    net.output(x)
    return net, first, head


def octet(*arguments):
    done = subprocess.run([str(OCTET), *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")


def run(model, folder, x):
    np.save(folder / "x.npy", x)
    octet("run", model, "--input", f"image={folder / 'x.npy'}", "--output-dir", folder / "out", "--threads", 1)
    (path,) = (folder / "out").iterdir()
    made = np.load(path).astype(np.float64)
    path.unlink()
    return made


def check(seed, folder):
    net, source, head = build(seed)
    x = np.random.default_rng(seed).standard_normal((6, *net.shape[source][1:])).astype(np.float32)
    path = net.save(folder / "net.onnx")
    model = net.model()
    del model.graph.output[:]
    model.graph.output.extend(net.outputs)
    want = np.concatenate([reference.run(model, {source: x[i : i + 1]})[0] for i in range(2)])
    got = run(path, folder, x[:2])
    assert got.shape == want.shape, f"f32: {got.shape}, not {want.shape}"
    if head == "argmax":
        assert np.mean(got != want) < 0.01, "f32: other indices"
    else:
        error = float(np.max(np.abs(got - want)))
        assert error < 1e-4 * max(1, float(np.max(np.abs(want)))), f"f32: off by {error:.1e}"
    np.save(folder / "data.npy", x)
    packed = folder / "net.octet"
    octet("convert", path, "-o", packed, "--data", folder / "data.npy", "--calibration", "minmax", "--correct", "none")
    both = run(packed, folder, x[:2])
    assert both.shape == want.shape and np.all(np.isfinite(both)), "int8: another shape, or no numbers"
    single = np.concatenate([run(packed, folder, x[i : i + 1]) for i in range(2)])
    # Integers are the same bytes in any batch; f32 nodes may differ in the last places, and with them a rounding.
    apart = float(np.mean(np.abs(both - single) > 1e-4 * max(1, float(np.max(np.abs(want))))))
    assert apart < 0.01, f"int8: {100 * apart:.1f} % of a batch's values are not those of its samples"
    if head == "argmax" or not np.any(want):
        return None
    kept = sqnr(want, both)
    assert kept > LEAST_SQNR, f"int8: {kept:.1f} dB"
    return kept


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    failed, quality = 0, []
    for seed in range(options.first, options.first + options.count):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="octet-random-"))
        try:
            kept = check(seed, folder)
            quality += [] if kept is None else [kept]
        except Exception as problem:
            failed += 1
            print(f"FAILED: {problem}\n  random_networks_test.py --first {seed} --count 1")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{options.count - failed} of {options.count} networks pass; int8 keeps {min(quality):.1f} dB or more, in the middle "
          f"{np.median(quality):.1f}")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
