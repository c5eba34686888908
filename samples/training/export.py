"""Writes a trained network in octet's own format, batch norm unfolded."""

import argparse
import json
import math
import os

import numpy as np
import torch

from network import CLASS_NAMES, IMAGE_SIZE, MEAN, STD, Network

NAME = "cifar10_resnet"
ALIGNMENT = 64


def preprocess_specification():
    mean = ":".join(str(value) for value in MEAN)
    std = ":".join(str(value) for value in STD)
    size = f"{IMAGE_SIZE}x{IMAGE_SIZE}"
    return f"size={size},color=rgb,scale=1/255,mean={mean},std={std},fit=crop"


class Writer:
    """Collects nodes and tensors in the order in which they are added."""

    def __init__(self):
        self.nodes = []
        self.tensors = []
        self.data = bytearray()

    def tensor(self, name, values):
        values = values.detach().numpy().astype("<f4")
        self.data.extend(bytes(-len(self.data) % ALIGNMENT))
        self.tensors.append(
            {
                "name": name,
                "dtype": "f32",
                "shape": list(values.shape),
                "offset": len(self.data),
            }
        )
        self.data.extend(np.ascontiguousarray(values).tobytes())
        return name

    def node(self, name, op, inputs, **attributes):
        output = f"{name}_out"
        node = {"name": name, "op": op, "inputs": inputs, "outputs": [output]}
        if attributes:
            node["attributes"] = attributes
        self.nodes.append(node)
        return output

    def conv(self, name, x, module):
        attributes = {}
        if module.stride != (1, 1):
            attributes["strides"] = list(module.stride)
        if module.padding != (0, 0):
            attributes["pads"] = list(module.padding * 2)
        weight = self.tensor(f"{name}.weight", module.weight)
        return self.node(name, "conv2d", [x, weight], **attributes)

    def batch_norm(self, name, x, module):
        inputs = [
            x,
            self.tensor(f"{name}.scale", module.weight),
            self.tensor(f"{name}.bias", module.bias),
            self.tensor(f"{name}.mean", module.running_mean),
            self.tensor(f"{name}.variance", module.running_var),
        ]
        return self.node(name, "batch_norm", inputs, epsilon=module.eps)

    def block(self, name, x, block):
        y = self.conv(f"{name}.conv1", x, block.conv1)
        y = self.batch_norm(f"{name}.bn1", y, block.bn1)
        y = self.node(f"{name}.relu1", "relu", [y])
        y = self.conv(f"{name}.conv2", y, block.conv2)
        y = self.batch_norm(f"{name}.bn2", y, block.bn2)
        if block.projects:
            x = self.conv(f"{name}.shortcut_conv", x, block.shortcut_conv)
            x = self.batch_norm(f"{name}.shortcut_bn", x, block.shortcut_bn)
        y = self.node(f"{name}.add", "add", [y, x])
        return self.node(f"{name}.relu2", "relu", [y])

    def network(self, network):
        x = self.conv("stem", "image", network.stem)
        x = self.batch_norm("stem_bn", x, network.stem_bn)
        x = self.node("stem_relu", "relu", [x])
        for i, block in enumerate(network.blocks):
            x = self.block(f"block{i + 1}", x, block)
        x = self.node("pool", "global_average_pool", [x])
        x = self.node("flatten", "flatten", [x], axis=1)
        weight = self.tensor("classifier.weight", network.classifier.weight)
        bias = self.tensor("classifier.bias", network.classifier.bias)
        x = self.node("classifier", "fully_connected", [x, weight, bias])
        self.node("softmax", "softmax", [x], axis=1)
        self.nodes[-1]["outputs"] = ["probabilities"]


def rows(items):
    """JSON with one line per item: readable, and small in a diff."""
    return "[\n    " + ",\n    ".join(json.dumps(item) for item in items) + "\n  ]"


def export(network, folder):
    """Writes NAME.json and NAME.bin into the folder."""
    writer = Writer()
    writer.network(network)
    shape = ["N", 3, IMAGE_SIZE, IMAGE_SIZE]
    fields = {
        "format": json.dumps("octet"),
        "version": json.dumps(1),
        "name": json.dumps(NAME),
        "inputs": json.dumps([{"name": "image", "dtype": "f32", "shape": shape}]),
        "outputs": json.dumps(["probabilities"]),
        "weights": json.dumps(f"{NAME}.bin"),
        "tensors": rows(writer.tensors),
        "nodes": rows(writer.nodes),
        "preprocess": json.dumps(preprocess_specification()),
        "class_names": json.dumps(list(CLASS_NAMES)),
    }
    text = ",\n  ".join(f'"{key}": {value}' for key, value in fields.items())
    os.makedirs(folder, exist_ok=True)
    base = os.path.join(folder, NAME)
    with open(base + ".bin.new", "wb") as file:
        file.write(writer.data)
    with open(base + ".json.new", "w") as file:
        file.write("{\n  " + text + "\n}\n")
    for suffix in (".bin", ".json"):
        os.replace(base + suffix + ".new", base + suffix)


def load_checkpoint(path):
    network = Network()
    network.load_state_dict(torch.load(path)["average"])
    return network.eval()


def load_bundled(folder):
    """The network that export() wrote into the folder."""
    with open(os.path.join(folder, NAME + ".json")) as file:
        tensors = json.load(file)["tensors"]
    with open(os.path.join(folder, NAME + ".bin"), "rb") as file:
        data = file.read()
    own = {"scale": "weight", "mean": "running_mean", "variance": "running_var"}
    state = {}
    for tensor in tensors:
        place, _, kind = tensor["name"].rpartition(".")
        if place.startswith("block"):
            number, _, rest = place.removeprefix("block").partition(".")
            place = f"blocks.{int(number) - 1}.{rest}"
        count = math.prod(tensor["shape"])
        values = np.frombuffer(data, "<f4", count, tensor["offset"])
        values = torch.from_numpy(values.reshape(tensor["shape"]).copy())
        state[f"{place}.{own.get(kind, kind)}"] = values
    network = Network()
    missing = network.load_state_dict(state, strict=False).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing), missing
    return network.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="checkpoint.pt that train.py wrote")
    parser.add_argument("--models", default="samples/models", help="export folder")
    options = parser.parse_args()
    export(load_checkpoint(options.checkpoint), options.models)


if __name__ == "__main__":
    main()
