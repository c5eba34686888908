"""Writes a network trained with fake quantization as QDQ ONNX: integers, scales
and zero points as they were in training."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from export import preprocess_specification
from network import CLASS_NAMES, IMAGE_SIZE
from quantize import WEIGHT_LIMIT, FoldedConv, weight_scales

OPSET = 13


class QdqWriter:
    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def round(self, x, observer, name=None):
        """The u8 value and what it stands for; returns the latter and its scale."""
        name = name or x
        scale, zero_point = observer.parameters_u8()
        params = [
            self.constant(f"{name}.scale", np.float32(scale)),
            self.constant(f"{name}.zero_point", np.uint8(zero_point)),
        ]
        q = self.node("QuantizeLinear", [x, *params], f"{name}.u8")
        return self.node("DequantizeLinear", [q, *params], f"{name}.real"), scale

    def weights(self, name, weight, bias, src_scale):
        """s8 weights and s32 bias, dequantized."""
        scales = weight_scales(weight).numpy()
        along = scales.reshape([-1] + [1] * (weight.dim() - 1))
        # torch multiplies by the inverse, and so must this: the same ties.
        q = np.rint(weight.detach().numpy() * (np.float32(1) / along))
        q = np.clip(q, -WEIGHT_LIMIT, WEIGHT_LIMIT).astype(np.int8)
        bias_scales = np.float32(src_scale) * scales
        bias = np.rint(bias.detach().numpy().astype(np.float64) / bias_scales)
        parts = ("weight", q, scales), ("bias", bias.astype(np.int32), bias_scales)
        return [
            self.node(
                "DequantizeLinear",
                [
                    self.constant(f"{name}.{part}", integers),
                    self.constant(f"{name}.{part}_scale", part_scales),
                ],
                f"{name}.{part}.real",
                axis=0,
            )
            for part, integers, part_scales in parts
        ]

    def conv(self, name, x, conv, norm):
        """x: a value and its scale."""
        inputs = self.weights(name, *FoldedConv(conv, norm).folded(), x[1])
        return self.node(
            "Conv",
            [x[0], *inputs],
            name,
            kernel_shape=conv.kernel_size,
            strides=conv.stride,
            pads=conv.padding * 2,
        )

    def block(self, name, x, block, observers):
        middle, shortcut, output = observers
        y = self.conv(f"{name}.conv1", x, block.conv1, block.bn1)
        y = self.round(self.node("Relu", [y], f"{name}.relu1"), middle)
        y = self.conv(f"{name}.conv2", y, block.conv2, block.bn2)
        if block.projects:
            parts = block.shortcut_conv, block.shortcut_bn
            x = self.round(self.conv(f"{name}.shortcut", x, *parts), shortcut)
        y = self.node("Add", [y, x[0]], f"{name}.add")
        return self.round(self.node("Relu", [y], f"{name}.relu2"), output)

    def network(self, quantized):
        network = quantized.network
        x = self.round("image", quantized.image)
        x = self.conv("stem", x, network.stem, network.stem_bn)
        x = self.round(self.node("Relu", [x], "stem_relu"), quantized.stem)
        observers = zip(quantized.middles, quantized.shortcuts, quantized.outputs)
        for i, (block, own) in enumerate(zip(network.blocks, observers)):
            x = self.block(f"block{i + 1}", x, block, own)
        pooled = self.node("GlobalAveragePool", [x[0]], "pool")
        x = self.round(pooled, quantized.outputs[-1])
        flat = self.node("Flatten", [x[0]], "flatten")
        classifier = network.classifier
        inputs = self.weights("classifier", classifier.weight, classifier.bias, x[1])
        logits = self.node("Gemm", [flat, *inputs], "classifier", transB=1)
        self.node("Softmax", [logits], "probabilities", axis=1)


@torch.no_grad()
def export(quantized, path):
    writer = QdqWriter()
    writer.network(quantized)
    shape = ["N", 3, IMAGE_SIZE, IMAGE_SIZE]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        writer.nodes,
        "cifar10_resnet_qat",
        [value("image", TensorProto.FLOAT, shape)],
        [value("probabilities", TensorProto.FLOAT, ["N", len(CLASS_NAMES)])],
        writer.constants,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    helper.set_model_props(
        model,
        {
            "octet.preprocess": preprocess_specification(),
            "octet.class_names": "\n".join(CLASS_NAMES),
        },
    )
    onnx.checker.check_model(model)
    onnx.save(model, path)
