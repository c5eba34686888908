#!/usr/bin/env python3
"""How much better other weights could make an int8 network: the same u8 values behind float weights, trained end to end.

usage: weight_limit.py [--data FOLDER] [--build FOLDER] [--images N] [--steps N] [NAME ...]

Converts a shared network by default options on four fifths of N calibration images, exports it, and runs it in PyTorch on
the other fifth, which nothing saw. Prints the logits' signal over noise in dB: of the integer network; of its u8 values
with the float network's weights; and the best seen while those weights learn the float network's logits by Adam with
straight-through gradients, on the images converted with: an estimate of what corrections of weights and biases can reach
at these ranges. Without FOLDER there is nothing to do (exit 77). Needs NumPy, Pillow, onnx and PyTorch.
"""

import pathlib
import sys
import tempfile

from programs import parse, parser_of, run
from shared_networks import NETWORKS, samples

# model: images a step
TRAINED = {
    "squeezenet1.1/squeezenet1.1.onnx": 16,
    "mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx": 16,
    "mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float_hybridfc.onnx": 16,
    "cifar10_resnet20/resnet20_cifar10.onnx": 64,
}
RATE = 0.003  # integer steps of a weight


def network(path):
    """The operations of an exported model, as (name, inputs, output, attributes), and its constants."""
    import onnx
    import torch
    from onnx import numpy_helper

    graph = onnx.load(path).graph
    constants = {i.name: torch.tensor(numpy_helper.to_array(i).copy()) for i in graph.initializer}
    operations = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            integers, scale = (constants[i].float() for i in node.input[:2])
            constants[node.output[0]] = integers * scale.reshape(-1, *[1] * (integers.ndim - 1))
            if integers.ndim > 1:
                constants[node.output[0] + ":scale"] = scale.expand(len(integers))
        else:
            operations.append((node.op_type, list(node.input), node.output[0], attributes))
    return graph.input[0].name, operations, constants


def spatial(x, pads, value=0.0):
    import torch.nn.functional as F

    return F.pad(x, (pads[1], pads[3], pads[0], pads[2]), value=value) if any(pads) else x


def quantize(x, scale, zero_point):
    import torch

    q = torch.clamp(x / scale + zero_point.float(), 0, 255)
    return (q + (torch.round(q) - q).detach() - zero_point.float()) * scale


def pad_all(x, pads):
    import torch.nn.functional as F

    pads = pads.tolist()
    rank = len(pads) // 2
    return F.pad(x, [p for axis in reversed(range(rank)) for p in (pads[axis], pads[axis + rank])])


def slice_all(x, starts, ends, axes, steps=None):
    index = [slice(None)] * x.ndim
    for k, axis in enumerate(axes.tolist()):
        index[axis] = slice(int(starts[k]), min(int(ends[k]), x.shape[axis]), 1 if steps is None else int(steps[k]))
    return x[tuple(index)]


def operations_table():
    import torch
    import torch.nn.functional as F

    zero_pads = [0, 0, 0, 0]
    return {
        "QuantizeLinear": lambda a, x, scale, zero_point: quantize(x, scale, zero_point),
        "DequantizeLinear": lambda a, x, *_: x,
        "Conv": lambda a, x, w, b: F.conv2d(spatial(x, a.get("pads", zero_pads)), w, b, a["strides"], groups=a.get("group", 1)),
        "Gemm": lambda a, x, w, b: F.linear(x, w if a.get("transB", 0) else w.t(), b),
        "Add": lambda a, x, y: x + y,
        "Clip": lambda a, x, low, high: torch.clamp(x, low, high),
        "Relu": lambda a, x: F.relu(x),
        "GlobalAveragePool": lambda a, x: x.mean((2, 3), keepdim=True),
        "MaxPool": lambda a, x: F.max_pool2d(spatial(x, a.get("pads", zero_pads), -1e30), a["kernel_shape"], a["strides"],
                                             ceil_mode=bool(a.get("ceil_mode", 0))),  # fmt: skip
        "Concat": lambda a, *xs: torch.cat(xs, a["axis"]),
        "Reshape": lambda a, x, *_: x.flatten(1),
        "Flatten": lambda a, x: x.flatten(1),
        "Slice": lambda a, x, *bounds: slice_all(x, *bounds),
        "Pad": lambda a, x, pads, *_: pad_all(x, pads),
        "Softmax": lambda a, x: x,
    }


def forward(net, x):
    name, operations, constants = net
    table, values = operations_table(), {name: x}
    for operation, inputs, output, attributes in operations:
        arguments = [values[i] if i in values else constants[i] for i in inputs if i]
        x = values[output] = table[operation](attributes, *arguments)
    return x.flatten(1)


def logits(net, x):
    import torch

    with torch.no_grad():
        return torch.cat([forward(net, part) for part in x.split(32)])


def decibels(y, wanted):
    return float(10 * ((y - wanted) ** 2).mean().div(wanted.var()).log10().neg())


def layers(net):
    return [inputs for operation, inputs, _, _ in net[1] if operation in ("Conv", "Gemm")]


def limits(name, options, scratch):
    """dB of the integer network, with float weights, with those trained"""
    import numpy as np
    import torch

    torch.manual_seed(0)
    normalization, folder = NETWORKS[name]
    source = (normalization, folder.replace("evaluation", "calibration" if "imagenet" in folder else "train_lossless"))
    small = "cifar10" in folder
    x = samples(options.data / "images", source, (1, 3, 32, 32) if small else (1, 3, 224, 224), options.images)
    x = x[np.random.default_rng(0).permutation(len(x))]
    fit, held_out = np.split(x, [len(x) * 4 // 5])
    octet, model = options.octet, options.data / "models" / name
    np.save(scratch / "fit.npy", fit)
    nets = []
    for precision in ("int8", "f32"):
        packed = scratch / f"{precision}.octet"
        run(octet, "convert", model, "-o", packed, "--data", scratch / "fit.npy", "--precision", precision)
        run(octet, "export", packed, "--onnx", scratch / f"{precision}.onnx")
        nets.append(network(scratch / f"{precision}.onnx"))
    integer, teacher = nets
    fit, held_out = torch.tensor(fit), torch.tensor(held_out)
    wanted, targets = logits(teacher, held_out), logits(teacher, fit)
    yield decibels(logits(integer, held_out), wanted)

    # The float network's weights, in steps of the integers', behind the integer network's u8 values.
    constants, groups = integer[2], []
    for ours, theirs in zip(layers(integer), layers(teacher)):
        scale = constants[ours[1] + ":scale"].reshape(-1, *[1] * (constants[ours[1]].ndim - 1))
        weights = torch.nn.Parameter(teacher[2][theirs[1]] / scale)
        unit = scale.flatten() * weights[0].numel() ** 0.5
        bias = torch.nn.Parameter(teacher[2][theirs[2]] / unit)
        groups.append((ours, weights, scale, bias, unit))

    def bind():
        for ours, weights, scale, bias, unit in groups:
            constants[ours[1]], constants[ours[2]] = weights * scale, bias * unit

    bind()
    yield decibels(logits(integer, held_out), wanted)
    adam = torch.optim.Adam([p for g in groups for p in (g[1], g[3])], lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, options.steps)
    batch, best = TRAINED[name], -np.inf
    for step in range(options.steps):
        index = torch.randint(len(fit), (batch,))
        loss = ((forward(integer, fit[index]) - targets[index]) ** 2).mean() / targets.var()
        adam.zero_grad()
        loss.backward()
        adam.step()
        schedule.step()
        bind()
        if step % 25 == 24:
            best = max(best, decibels(logits(integer, held_out), wanted))
    yield best


def main():
    parser = parser_of(__doc__, ort_bench=False)
    parser.add_argument("--images", type=int, default=263)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("names", nargs="*", help="parts of the models' paths; default: all")
    options = parse(parser)
    print("dB of the logits: integers, float weights behind the same u8 values, those trained")
    for name in TRAINED:
        if options.names and not any(part in name for part in options.names):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            print(f"{pathlib.Path(name).stem:40}", end="", flush=True)
            for figure in limits(name, options, pathlib.Path(scratch)):
                print(f" {figure:7.2f}", end="", flush=True)
            print(flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
