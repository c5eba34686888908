"""What ONNX says of the operations that the networks of these tests use, in NumPy and double precision."""

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import helper, numpy_helper


def windows(a, x, fill):
    """[N, C, H, W, kernel, kernel] views of the padded image."""
    top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=fill)
    (kh, kw), (sh, sw), (dh, dw) = a["kernel_shape"], a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    views = sliding_window_view(x, ((kh - 1) * dh + 1, (kw - 1) * dw + 1), axis=(2, 3))
    return views[:, :, ::sh, ::sw, ::dh, ::dw]


def on_sequences(op):
    """The same op on [N, C, length]: images of one row."""

    def either(a, x, *others):
        if x.ndim != 3:
            return op(a, x, *others)
        fill = {"kernel_shape": [1], "strides": [1], "dilations": [1]}
        lifted = {key: fill[key] + a[key] for key in fill if key in a}
        before, after = a.get("pads", [0, 0])
        others = [w[:, :, None] if w.ndim == 3 else w for w in others]
        return op({**a, **lifted, "pads": [0, before, 0, after]}, x[:, :, None], *others)[:, :, 0]

    return either


@on_sequences
def conv(a, x, w, b=np.zeros(1)):
    groups = a.get("group", 1)
    views = np.split(windows(a, x, 0), groups, axis=1)
    sums = [np.einsum("nchwij,ocij->nohw", v, part, optimize=True) for v, part in zip(views, np.split(w, groups))]
    return np.concatenate(sums, axis=1) + b.reshape(1, -1, 1, 1)


@on_sequences
def conv_transpose(a, x, w, b=np.zeros(1)):
    (n, _, h, v), (_, o, kh, kw), (sh, sw) = x.shape, w.shape, a.get("strides", [1, 1])
    y = np.zeros((n, o, (h - 1) * sh + kh, (v - 1) * sw + kw))
    for i in range(kh):
        for j in range(kw):
            y[:, :, i : i + (h - 1) * sh + 1 : sh, j : j + (v - 1) * sw + 1 : sw] += np.einsum("nchw,co->nohw", x, w[:, :, i, j])
    return y + b.reshape(1, -1, 1, 1)


@on_sequences
def max_pool(a, x):
    return windows(a, x, -np.inf).max((4, 5))


@on_sequences
def average_pool(a, x):
    views, ones = windows(a, x, 0), windows(a, np.ones_like(x), a.get("count_include_pad", 0))
    return views.sum((4, 5)) / ones.sum((4, 5))


def batch_norm(a, x, *parameters):
    gamma, beta, mean, variance = (p.reshape(-1, *[1] * (x.ndim - 2)) for p in parameters)
    return (x - mean) / np.sqrt(variance + a.get("epsilon", 1e-5)) * gamma + beta


def resize_axis(a, x, axis, factor):
    size = x.shape[axis]
    at = np.arange(int(size * factor))
    if a["mode"] == "nearest":  # asymmetric, floor
        return np.take(x, np.minimum(np.floor(at / factor).astype(int), size - 1), axis)
    at = np.clip((at + 0.5) / factor - 0.5, 0, size - 1)  # half_pixel
    low = np.floor(at).astype(int)
    share = (at - low).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    return np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, size - 1), axis) * share


def resize(a, x, _, factors):
    for axis, factor in enumerate(factors):
        if factor != 1:
            x = resize_axis(a, x, axis, float(factor))
    return x


def softmax(a, x):
    e = np.exp(x - x.max(axis=a.get("axis", -1), keepdims=True))
    return e / e.sum(axis=a.get("axis", -1), keepdims=True)


def slices(a, x, starts, ends, axes, steps=None):
    at = [slice(None)] * x.ndim
    for i, axis in enumerate(axes):
        at[int(axis)] = slice(int(starts[i]), int(ends[i]), 1 if steps is None else int(steps[i]))
    return x[tuple(at)]


def pad(a, x, pads, value=0):
    widths = list(zip(pads[: x.ndim].astype(int), pads[x.ndim :].astype(int)))
    mode = a.get("mode", "constant")
    return np.pad(x, widths, mode, **({"constant_values": value} if mode == "constant" else {}))


def depth_to_space(a, x):
    (n, c, h, w), b = x.shape, a["blocksize"]
    return x.reshape(n, b, b, c // b**2, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n, c // b**2, h * b, w * b)


def along(parameter, axis, rank):
    """A scale or zero point per entry along the axis, or one for all."""
    return parameter.reshape([-1 if i == axis and parameter.size > 1 else 1 for i in range(rank)])


def quantize_linear(a, x, scale, zero):
    scale, points = (along(p, a.get("axis", 1), x.ndim) for p in (scale, zero))
    limits = (0, 255) if zero.dtype == np.uint8 else (-128, 127)
    return np.clip(np.rint(x / scale) + points.astype(np.float64), *limits)


def dequantize_linear(a, x, scale, zero=np.zeros(())):
    scale, zero = (along(p, a.get("axis", 1), x.ndim) for p in (scale, zero))
    return (x - zero.astype(np.float64)) * scale


def cast(a, x):
    if a["to"] != 16:  # ONNX's bfloat16: the upper half of an f32, rounded half to even
        return x
    bits = x.astype(np.float32).view(np.uint32).astype(np.uint64)
    upper = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    return upper.astype(np.uint32).view(np.float32).astype(np.float64)


def reshape(a, x, shape):
    return x.reshape([x.shape[i] if d == 0 else int(d) for i, d in enumerate(shape)])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(a, x, w, r, b, h, c):
    """The blocks of the weights are in the order i, o, f, c."""
    sums = x @ w.T + h @ r.T + sum(np.split(b, 2))
    opens, gives, forgets = np.split(sigmoid(sums[:, : 3 * a["hidden_size"]]), 3, axis=1)
    c = forgets * c + opens * np.tanh(sums[:, 3 * a["hidden_size"] :])
    return gives * np.tanh(c), c


def gru_step(a, x, w, r, b, h):
    """In the order z, r, h."""
    (xz, xr, xh), (hz, hr, _) = (np.split(one, 3, axis=1) for one in (x @ w.T + b[: b.size // 2], h @ r.T + b[b.size // 2 :]))
    update, reset = sigmoid(xz + hz), sigmoid(xr + hr)
    rows, bias = r[2 * a["hidden_size"] :].T, b[-a["hidden_size"] :]
    past = reset * (h @ rows + bias) if a.get("linear_before_reset") else (reset * h) @ rows + bias
    return (update * h + (1 - update) * np.tanh(xh + past),)


def rnn_step(a, x, w, r, b, h):
    return (np.tanh(x @ w.T + h @ r.T + sum(np.split(b, 2))),)


def recurrent(step, states):
    """With the activations that ONNX has by default, in any direction."""

    def run_steps(a, x, w, r, b, lengths=None, *given):
        given = [one for one in given if one is not None]
        assert lengths is None and len(given) <= states and not {"clip", "input_forget", "layout"} & set(a)
        assert a.get("activations", [b"Sigmoid", b"Tanh", b"Tanh"]) == [b"Sigmoid", b"Tanh", b"Tanh"]
        sequences, last = [], []
        for way in range(len(w)):
            backwards = way == 1 or a.get("direction") == "reverse"
            state = [np.zeros((x.shape[1], r.shape[-1])) for _ in range(states)]
            state[: len(given)] = [one[way] for one in given]
            steps = []
            for row in x[::-1] if backwards else x:
                state = step(a, row, w[way], r[way], b[way], *state)
                steps.append(state[0])
            sequences.append(np.stack(steps[::-1] if backwards else steps))
            last.append(state)
        return [np.stack(sequences, axis=1), *(np.stack(one) for one in zip(*last))]

    return run_steps


def cumulative_sum(a, x, axis):
    axis = int(axis)
    turned = np.flip(x, axis) if a.get("reverse") else x
    sums = np.cumsum(turned, axis) - (turned if a.get("exclusive") else 0)
    return np.flip(sums, axis) if a.get("reverse") else sums


def top_k(a, x, k):
    axis = a.get("axis", -1)
    order = np.argsort(-x if a.get("largest", 1) else x, axis, kind="stable")
    order = np.take(order, np.arange(int(k[0])), axis)
    return [np.take_along_axis(x, order, axis), order.astype(np.float64)]


def one_hot(a, indices, depth, values):
    hot = np.eye(int(depth))[indices.astype(int)]  # the new axis is the last
    return np.moveaxis(values[0] + hot * (values[1] - values[0]), -1, a.get("axis", -1))


def gather_nd(a, x, indices):
    return x[tuple(np.moveaxis(indices.astype(int), -1, 0))]


def arg_max(a, x):
    found = x.argmax(a["axis"]).astype(float)
    return np.expand_dims(found, a["axis"]) if a.get("keepdims", 1) else found


def reduction(f):
    return lambda a, x: f(x, axis=tuple(a["axes"]), keepdims=bool(a.get("keepdims", 1)))


def unsqueeze(a, x):
    for axis in sorted(axis % (x.ndim + len(a["axes"])) for axis in a["axes"]):
        x = np.expand_dims(x, axis)
    return x


def split(a, x, parts=None):
    sizes = a.get("split") if parts is None else parts.astype(int)
    return np.split(x, a["outputs"] if sizes is None else np.cumsum(sizes)[:-1], a.get("axis", 0))


OPS = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": lambda a, x, w, b: x @ (w.T if a.get("transB") else w) + b,
    "MatMul": lambda a, x, y: x @ y,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdims=True),
    "BatchNormalization": batch_norm,
    "Resize": resize,
    "Add": lambda a, x, y: x + y,
    "Sub": lambda a, x, y: x - y,
    "Mul": lambda a, x, y: x * y,
    "Div": lambda a, x, y: x / y,
    "Pow": lambda a, x, y: x**y,
    "Relu": lambda a, x: np.maximum(x, 0),
    "LeakyRelu": lambda a, x: np.where(x < 0, a.get("alpha", 0.01) * x, x),
    "PRelu": lambda a, x, slope: np.where(x < 0, slope * x, x),
    "Clip": lambda a, x, low, high: np.clip(x, low, high),
    "Sigmoid": lambda a, x: sigmoid(x),
    "Identity": lambda a, x: x,
    "Sin": lambda a, x: np.sin(x),
    "Cos": lambda a, x: np.cos(x),
    "Softplus": lambda a, x: np.logaddexp(0, x),
    "HardSigmoid": lambda a, x: np.clip(a["alpha"] * x + a["beta"], 0, 1),
    "HardSwish": lambda a, x: x * np.clip(x / 6 + 0.5, 0, 1),
    "Tanh": lambda a, x: np.tanh(x),
    "Erf": lambda a, x: np.vectorize(math.erf)(x),
    "Sqrt": lambda a, x: np.sqrt(x),
    "Softmax": softmax,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "Cast": cast,
    "Concat": lambda a, *x: np.concatenate(x, a["axis"]),
    "LSTM": recurrent(lstm_step, 2),
    "GRU": recurrent(gru_step, 1),
    "RNN": recurrent(rnn_step, 1),
    "CumSum": cumulative_sum,
    "TopK": top_k,
    "OneHot": one_hot,
    "GatherND": gather_nd,
    "GatherElements": lambda a, x, i: np.take_along_axis(x, i.astype(int), a.get("axis", 0)),
    "Where": lambda a, condition, x, y: np.where(condition, x, y),
    "Greater": lambda a, x, y: x > y,
    "Less": lambda a, x, y: x < y,
    "Split": split,
    "Squeeze": lambda a, x: x.squeeze(tuple(a["axes"])),
    "Unsqueeze": unsqueeze,
    "Slice": slices,
    "Pad": pad,
    "Reshape": reshape,
    "Flatten": lambda a, x: x.reshape(x.shape[0], -1),
    "Transpose": lambda a, x: x.transpose(a["perm"]),
    "DepthToSpace": depth_to_space,
    "Max": lambda a, x, y: np.maximum(x, y),
    "Min": lambda a, x, y: np.minimum(x, y),
    "ReduceMean": reduction(np.mean),
    "ReduceMax": reduction(np.max),
    "ReduceMin": reduction(np.min),
    "ReduceL2": reduction(lambda x, **where: np.sqrt(np.sum(x**2, **where))),
    "ReduceLogSumExp": reduction(lambda x, **where: np.log(np.sum(np.exp(x), **where))),
    "Gather": lambda a, x, i: np.take(x, i.astype(int), a.get("axis", 0)),
    "ArgMax": arg_max,
}


def run(model, inputs):
    """The outputs, in order."""
    values = {name: np.asarray(x, np.float64) for name, x in inputs.items()}
    for tensor in model.graph.initializer:
        constant = numpy_helper.to_array(tensor)
        # Only 8-bit constants keep their type: a zero point's says that of the integers.
        values[tensor.name] = constant if constant.dtype in (np.uint8, np.int8) else constant.astype(np.float64)
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
        attributes["outputs"] = len(node.output)
        made = OPS[node.op_type](attributes, *(values[name] if name else None for name in node.input))
        values.update(zip(node.output, made if isinstance(made, list) else [made]))
    return [values[output.name] for output in model.graph.output]
