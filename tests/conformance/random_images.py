"""Random networks on images."""

import numpy as np

from network import Network


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
    """The network, and whether its output depends on which number is the largest."""
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
    return net, head == "argmax"
