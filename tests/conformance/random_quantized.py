"""Random networks as quantizers write them: integers between QuantizeLinear and DequantizeLinear, of ranges from a few samples."""

import numpy as np
import onnx
import reference
from onnx import helper, numpy_helper

import random_images
import random_sequences

WEIGHTED = ("Conv", "ConvTranspose", "Gemm", "MatMul")
# What only moves elements: most quantizers give their outputs the parameters of their inputs.
MOVEMENTS = ("MaxPool", "Reshape", "Flatten", "Transpose", "Slice", "Split", "Squeeze", "DepthToSpace", "Gather", "Pad", "Identity")
# Outputs that are no real numbers.
WHOLE = ("ArgMax", "Greater", "Less", "OneHot")


class Quantizer:
    def __init__(self, net, random, samples):
        self.random, self.model = random, net.model()
        self.constants = {c.name: numpy_helper.to_array(c) for c in net.constants}
        self.kept = {c.name: c for c in net.constants}
        self.nodes, self.added, self.parameters, self.real = [], [], {}, {}
        self.type = np.uint8 if random.random() < 0.6 else np.int8
        self.per_channel = random.random() < 0.6
        self.ranges = self.observe(net, samples)

    def observe(self, net, samples):
        """{value: (least, greatest)}"""
        model = net.model()
        source = net.inputs[0].name
        values = [source, *(out for node in net.nodes for out in node.output)]
        del model.graph.output[:]
        model.graph.output.extend(helper.make_tensor_value_info(v, onnx.TensorProto.FLOAT, None) for v in values)
        ranges = {}
        for x in samples:
            for name, y in zip(values, reference.run(model, {source: x[None]})):
                least, most = ranges.get(name, (0.0, 0.0))
                ranges[name] = min(least, float(y.min())), max(most, float(y.max()))
        return ranges

    def constant(self, name, array):
        self.added.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def node(self, op, inputs, output, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=f"{output}:{op}", **attributes))
        return output

    def dequantized(self, name, integers, scale, zero, axis=0):
        """A constant of integers, as a real one."""
        self.constant(f"{name}:q", integers)
        names = [f"{name}:q", self.constant(f"{name}:scale", scale), *([self.constant(f"{name}:zero", zero)] if zero is not None else [])]
        return self.node("DequantizeLinear", names, f"{name}:real", axis=axis)

    def activation(self, name, like=None):
        """Rounds the value to integers, with the parameters of another one or with its own."""
        least, most = self.ranges[name]
        scale = np.float32((most - least) / 255 or 1)
        zero = np.clip(np.rint(-least / scale), 0, 255) + np.iinfo(self.type).min
        given = self.parameters[like] if like else (scale, self.type(zero))
        self.parameters[name] = given
        names = [self.constant(f"{name}:scale", given[0]), self.constant(f"{name}:zero", given[1])]
        self.node("QuantizeLinear", [name, *names], f"{name}:q")
        self.real[name] = self.node("DequantizeLinear", [f"{name}:q", *names], f"{name}:real")

    def weights(self, node):
        """Input 1 as integers; the scales."""
        w, name = self.constants[node.input[1]], f"{node.output[0]}:weights"
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        axis = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0 if transposed else 1, "MatMul": 1}[node.op_type]
        if self.per_channel and (node.op_type != "MatMul" or w.ndim == 2):
            others = tuple(i for i in range(w.ndim) if i != axis)
            scale = (np.abs(w).max(others) / 127 + 1e-9).astype(np.float32)
            spread = reference.along(scale, axis, w.ndim)
            return self.dequantized(name, np.rint(w / spread).astype(np.int8), scale, np.zeros(scale.size, np.int8), axis), scale
        if self.random.random() < 0.3:
            scale = np.float32((w.max() - min(w.min(), 0)) / 255 + 1e-9)
            zero = np.uint8(np.clip(np.rint(-min(w.min(), 0) / scale), 0, 255))
            return self.dequantized(name, np.clip(np.rint(w / scale) + zero, 0, 255).astype(np.uint8), scale, zero), scale
        scale = np.float32(np.abs(w).max() / 127 + 1e-9)
        return self.dequantized(name, np.rint(w / scale).astype(np.int8), scale, np.int8(0)), scale

    def layer(self, node, inputs):
        """Weights, and a bias at the product of the scales."""
        inputs[1], scale = self.weights(node)
        source = node.input[0]
        if len(inputs) < 3 or inputs[2] not in self.constants or source not in self.parameters:
            return
        scale = np.float32(self.parameters[source][0] * scale)
        bias = np.clip(np.rint(self.constants[inputs[2]] / scale.astype(np.float64)), -(2**31), 2**31 - 1).astype(np.int32)
        inputs[2] = self.dequantized(f"{node.output[0]}:bias", bias, scale, None)

    def run(self):
        self.activation(self.model.graph.input[0].name)
        for node in self.model.graph.node:
            inputs = [self.real.get(name, name) for name in node.input]
            if node.op_type in WEIGHTED and node.input[1] in self.constants:
                self.layer(node, inputs)
            made = onnx.NodeProto()
            made.CopyFrom(node)
            made.input[:] = inputs
            self.nodes.append(made)
            moved = node.op_type in MOVEMENTS and node.input[0] in self.parameters and self.random.random() < 0.7
            if node.op_type in WHOLE:
                continue
            for output in node.output[: 1 if node.op_type == "TopK" else None]:
                self.round_some(output, node.input[0] if moved else None)
        graph = self.model.graph
        for output in graph.output:
            output.name = self.real.get(output.name, output.name)
        del graph.node[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(self.added)
        return self.model

    def round_some(self, name, like=None):
        if self.random.random() < 0.9:
            self.activation(name, like)


def build(seed):
    """The quantized network, and whether its output depends on which number is the larger."""
    random = np.random.default_rng(seed)
    net, decides = (random_images if random.random() < 0.6 else random_sequences).build(seed)
    source = net.inputs[0].name
    samples = np.random.default_rng(seed + 1).standard_normal((8, *net.shape[source][1:])).astype(np.float32)
    return net, Quantizer(net, random, samples).run(), decides
