"""Builds ONNX networks with random weights, layer by layer, as exporters write them."""

import numpy as np

import node_tests  # noqa: F401: its aliases must be there before onnx is imported
import onnx
from onnx import TensorProto, helper, numpy_helper


class Network:
    """Every method that adds a layer takes and returns names of values; `shape` tells their dimensions (batch 1)."""

    def __init__(self, seed, opset=13):
        self.random = np.random.default_rng(seed)
        self.opset = opset
        self.nodes, self.constants, self.inputs, self.outputs, self.shape = [], [], [], [], {}

    def input(self, name, *dims):
        """A first dimension of "N" is open."""
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, dims))
        self.shape[name] = [1 if isinstance(d, str) else d for d in dims]
        return name

    def output(self, name):
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
        return name

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        self.shape[name] = list(np.shape(array))
        return name

    def node(self, op, inputs, shape=None, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}" + (f"_{i}" if outputs > 1 else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, name=f"{op}_{len(self.nodes)}", **attributes))
        if shape is not None:
            self.shape[names[0]] = list(shape)
        return names if outputs > 1 else names[0]

    def same(self, op, *inputs, **attributes):
        """A node whose output has the shape of its first input."""
        return self.node(op, list(inputs), self.shape[inputs[0]], **attributes)

    def normal(self, *dims, scale=1.0):
        return self.constant((self.random.standard_normal(dims) * scale).astype(np.float32))

    # --- layers ---

    def conv(self, x, channels, kernel=1, stride=1, group=1, dilation=1, act=None, norm=False):
        n, c, h, w = self.shape[x]
        pad = dilation * (kernel - 1) // 2
        fan = c // group * kernel * kernel
        inputs = [x, self.normal(channels, c // group, kernel, kernel, scale=(2 / fan) ** 0.5)]
        if not norm:
            inputs.append(self.normal(channels, scale=0.1))
        size = [(d + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1 for d in (h, w)]
        y = self.node("Conv", inputs, [n, channels, *size], kernel_shape=[kernel] * 2, strides=[stride] * 2, group=group,
                      dilations=[dilation] * 2, pads=[pad] * 4)  # fmt: skip
        if norm:
            mean, variance = self.normal(channels, scale=0.1), self.constant(self.random.uniform(0.5, 2, channels).astype(np.float32))
            gamma = self.constant(self.random.uniform(0.5, 1.5, channels).astype(np.float32))
            y = self.same("BatchNormalization", y, gamma, self.normal(channels, scale=0.1), mean, variance, epsilon=1e-3)
        return self.act(y, act)

    def act(self, x, kind):
        if kind is None:
            return x
        if kind == "silu":
            return self.same("Mul", x, self.same("Sigmoid", x))
        if kind == "relu6":
            return self.same("Clip", x, self.constant(np.float32(0)), self.constant(np.float32(6)))
        if kind == "hswish":  # as exporters wrote it before opset 14
            gate = self.same("Clip", self.same("Add", x, self.constant(np.float32(3))), self.constant(np.float32(0)),
                             self.constant(np.float32(6)))  # fmt: skip
            return self.same("Div", self.same("Mul", x, gate), self.constant(np.float32(6)))
        return self.same(kind, x)

    def pool(self, x, kernel, stride=1, op="MaxPool"):
        n, c, h, w = self.shape[x]
        pad = kernel // 2
        size = [(d + 2 * pad - kernel) // stride + 1 for d in (h, w)]
        return self.node(op, [x], [n, c, *size], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def global_pool(self, x):
        return self.node("GlobalAveragePool", [x], [*self.shape[x][:2], 1, 1])

    def concat(self, values, axis=1):
        dims = list(self.shape[values[0]])
        dims[axis] = sum(self.shape[v][axis] for v in values)
        return self.node("Concat", values, dims, axis=axis)

    def resize(self, x, factor=2, mode="nearest"):
        n, c, h, w = self.shape[x]
        coordinates = "asymmetric" if mode == "nearest" else "half_pixel"
        rounding = {"nearest_mode": "floor"} if mode == "nearest" else {}
        return self.node("Resize", [x, "", self.constant(np.float32([1, 1, factor, factor]))], [n, c, h * factor, w * factor],
                         mode=mode, coordinate_transformation_mode=coordinates, **rounding)  # fmt: skip

    def upconv(self, x, channels, kernel=2, stride=2):
        n, c, h, w = self.shape[x]
        weights = self.normal(c, channels, kernel, kernel, scale=(2 / c) ** 0.5)
        return self.node("ConvTranspose", [x, weights, self.normal(channels, scale=0.1)], [n, channels, h * stride, w * stride],
                         kernel_shape=[kernel] * 2, strides=[stride] * 2)  # fmt: skip

    def reshape(self, x, *dims):
        return self.node("Reshape", [x, self.constant(np.int64(dims))], dims)

    def transpose(self, x, *perm):
        return self.node("Transpose", [x], [self.shape[x][p] for p in perm], perm=perm)

    def split(self, x, parts, axis=1):
        dims = list(self.shape[x])
        dims[axis] //= parts
        names = self.node("Split", [x, self.constant(np.int64([dims[axis]] * parts))], outputs=parts, axis=axis)
        for name in names:
            self.shape[name] = list(dims)
        return names

    def linear(self, x, channels):
        """MatMul on the last axis, and a bias."""
        weights = self.normal(self.shape[x][-1], channels, scale=self.shape[x][-1] ** -0.5)
        y = self.node("MatMul", [x, weights], [*self.shape[x][:-1], channels])
        return self.same("Add", y, self.normal(channels, scale=0.1))

    def classify(self, x, classes):
        flat = self.node("Flatten", [self.global_pool(x)], [self.shape[x][0], self.shape[x][1]])
        weights = self.normal(classes, self.shape[flat][1], scale=self.shape[flat][1] ** -0.5)
        return self.node("Gemm", [flat, weights, self.normal(classes, scale=0.1)], [1, classes], transB=1)

    def layer_norm(self, x):
        """As exporters spell it out before opset 17."""
        pooled = [*self.shape[x][:-1], 1]
        centered = self.same("Sub", x, self.node("ReduceMean", [x], pooled, axes=[-1]))
        square = self.same("Pow", centered, self.constant(np.float32(2)))
        variance = self.node("ReduceMean", [square], pooled, axes=[-1])
        deviation = self.same("Sqrt", self.same("Add", variance, self.constant(np.float32(1e-5))))
        scaled = self.same("Mul", self.same("Div", centered, deviation), self.normal(self.shape[x][-1], scale=0.3))
        return self.same("Add", scaled, self.normal(self.shape[x][-1], scale=0.3))

    # --- files ---

    def model(self):
        graph = helper.make_graph(self.nodes, "network", self.inputs, self.outputs, self.constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        made.ir_version = 8
        return made

    def save(self, path):
        onnx.save(self.model(), str(path))
        return path
