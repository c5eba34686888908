"""Random networks on sequences [N, channels, length]: convolutions of one dimension, recurrent layers, and the rest of the zoo."""

import numpy as np

from network import Network


def size_after(length, kernel, stride, dilation, pad):
    return (length + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def conv(net, x, random):
    n, c, length = net.shape[x]
    kernel, stride, dilation = int(random.choice([1, 3, 5])), int(random.choice([1, 1, 2])), int(random.choice([1, 2]))
    group, out = (c, c) if random.random() < 0.3 else (1, int(random.integers(2, 24)))
    pad = dilation * (kernel - 1) // 2
    weights = net.normal(out, c // group, kernel, scale=(2 / (c // group * kernel)) ** 0.5)
    y = net.node("Conv", [x, weights, net.normal(out, scale=0.1)], [n, out, size_after(length, kernel, stride, dilation, pad)],
                 kernel_shape=[kernel], strides=[stride], dilations=[dilation], pads=[pad] * 2, group=group)  # fmt: skip
    return net.act(y, random.choice([None, "Relu", "silu"]))


def upconv(net, x, random):
    n, c, length = net.shape[x]
    if length > 20:
        return net.same("Tanh", x)
    out, kernel = int(random.integers(2, 12)), int(random.choice([2, 3]))
    weights = net.normal(c, out, kernel, scale=(2 / c) ** 0.5)
    return net.node("ConvTranspose", [x, weights, net.normal(out, scale=0.1)], [n, out, (length - 1) * 2 + kernel],
                    kernel_shape=[kernel], strides=[2])  # fmt: skip


def pool(net, x, random):
    n, c, length = net.shape[x]
    stride = int(random.choice([1, 2]))
    return net.node(str(random.choice(["MaxPool", "AveragePool"])), [x], [n, c, size_after(length, 3, stride, 1, 1)],
                    kernel_shape=[3], strides=[stride], pads=[1, 1])  # fmt: skip


def unary(net, x, random):
    return net.act(x, random.choice(["Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "silu", "Sin", "Cos", "Erf", "Softplus"]))


def norm(net, x, random):
    c = net.shape[x][1]
    positive = [net.constant(random.uniform(0.5, 1.5, c).astype(np.float32)) for _ in range(2)]
    return net.same("BatchNormalization", x, positive[0], net.normal(c, scale=0.2), net.normal(c, scale=0.2), positive[1])


def residual(net, x, random):
    c = net.shape[x][1]
    weights = net.normal(c, c, 3, scale=(2 / (3 * c)) ** 0.5)
    y = net.same("Conv", x, weights, kernel_shape=[3], pads=[1, 1])
    return net.same(str(random.choice(["Add", "Sub", "Mul", "Max", "Min"])), x, y)


def concat(net, x, random):
    return net.concat([x, net.act(x, "Tanh")], axis=int(random.choice([1, 2])))


def tokens(net, x, random):
    """A linear layer, a LayerNorm, or a softmax over the channels, as transformers have them."""
    y = net.transpose(x, 0, 2, 1)
    kind = random.choice(["linear", "norm", "softmax"])
    if kind == "linear":
        y = net.linear(y, int(random.integers(2, 24)))
    else:
        y = net.layer_norm(y) if kind == "norm" else net.same("Softmax", y, axis=-1)
    return net.transpose(y, 0, 2, 1)


def recurrent(net, x, random):
    n, c, length = net.shape[x]
    op, hidden = str(random.choice(["LSTM", "GRU", "RNN"])), int(random.integers(2, 12))
    direction = str(random.choice(["forward", "reverse", "bidirectional"]))
    ways, gates = 2 if direction == "bidirectional" else 1, {"LSTM": 4, "GRU": 3, "RNN": 1}[op]
    weights = [net.normal(ways, gates * hidden, c, scale=c**-0.5), net.normal(ways, gates * hidden, hidden, scale=hidden**-0.5),
               net.normal(ways, 2 * gates * hidden, scale=0.2)]  # fmt: skip
    extra = {"linear_before_reset": int(random.integers(2))} if op == "GRU" else {}
    y = net.node(op, [net.transpose(x, 2, 0, 1), *weights], [length, ways, n, hidden], hidden_size=hidden, direction=direction, **extra)
    y = net.transpose(y, 2, 1, 3, 0)
    return net.node("Reshape", [y, net.constant(np.int64([0, ways * hidden, length]))], [n, ways * hidden, length])


def cumulative(net, x, random):
    """Sums grow with the length, so they are divided by it."""
    axis = int(random.choice([1, 2]))
    sums = net.same("CumSum", x, net.constant(np.int64(axis)), exclusive=int(random.integers(2)), reverse=int(random.integers(2)))
    return net.same("Div", sums, net.constant(np.float32(net.shape[x][axis])))


def top(net, x, random):
    axis = int(random.choice([1, 2]))
    dims = list(net.shape[x])
    dims[axis] = int(random.integers(1, dims[axis] + 1))
    values, _ = net.node("TopK", [x, net.constant(np.int64([dims[axis]]))], outputs=2, axis=axis, largest=int(random.integers(2)))
    net.shape[values] = dims
    return values


def gather(net, x, random):
    """Some steps of the sequence, one of them twice or from behind."""
    n, c, length = net.shape[x]
    picked = random.integers(0, length, int(random.integers(2, 8)))
    if random.random() < 0.5:
        return net.node("Gather", [x, net.constant(np.int64(picked - length))], [n, c, len(picked)], axis=2)
    y = net.node("GatherND", [net.transpose(x, 2, 0, 1), net.constant(np.int64(picked)[:, None])], [len(picked), n, c])
    return net.transpose(y, 1, 2, 0)


def reduce(net, x, random):
    op = str(random.choice(["ReduceMean", "ReduceMax", "ReduceL2", "ReduceLogSumExp"]))
    return net.same("Sub", x, net.node(op, [x], [*net.shape[x][:2], 1], axes=[2], keepdims=1))


def pad(net, x, random):
    n, c, length = net.shape[x]
    mode = str(random.choice(["constant", "edge", "reflect"])) if length > 2 else "constant"
    return net.node("Pad", [x, net.constant(np.int64([0, 0, 2, 0, 0, 1]))], [n, c, length + 3], mode=mode)


def one_hot(net, x, random):
    """Every step keeps its largest channel alone."""
    n, c, length = net.shape[x]
    which = net.node("ArgMax", [x], [n, length], axis=1, keepdims=0)
    hot = net.node("OneHot", [which, net.constant(np.int64(c)), net.constant(np.float32([0.1, 1]))], [n, c, length], axis=1)
    return net.same("Mul", x, hot)


def choose(net, x, random):
    """One of two numbers by a comparison."""
    c = net.shape[x][1]
    above = net.same(str(random.choice(["Greater", "Less"])), x, net.normal(c, 1))
    return net.same("Where", above, x, net.normal(c, 1, scale=0.3))


def sorted_by_another(net, x, random):
    k = net.constant(np.int64([net.shape[x][2]]))
    _, order = net.node("TopK", [net.act(x, "Sin"), k], outputs=2, axis=2)
    return net.same("GatherElements", x, order, axis=2)


LAYERS = (conv, conv, conv, upconv, pool, unary, unary, norm, residual, concat, tokens, recurrent, recurrent, cumulative, top, gather, reduce,
          pad)  # fmt: skip
# What a small change turns over: integers go another way now and then.
DECISIONS = (one_hot, choose, sorted_by_another)


def build(seed):
    """The network, and whether its output depends on which number is the larger."""
    random = np.random.default_rng(seed)
    net = Network(seed, opset=14)
    x = net.input("sequence", "N", int(random.integers(1, 7)), int(random.integers(1, 24)))
    for layer in [conv, *(LAYERS[i] for i in random.integers(len(LAYERS), size=random.integers(1, 7)))]:
        x = layer(net, x, random)
    decides = bool(random.random() < 0.3)
    if decides:
        x = DECISIONS[random.integers(len(DECISIONS))](net, x, random)
        x = LAYERS[random.integers(len(LAYERS))](net, x, random)
    net.output(net.same("Identity", x))
    return net, decides
