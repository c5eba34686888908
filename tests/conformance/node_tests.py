"""ONNX's own backend node tests, as the files that `octet run` reads."""

import collections

import numpy as np

# numpy 1.24 dropped these names, which the generator of ONNX 1.12 still uses.
for alias in (float, int, bool, object):
    if alias.__name__ not in np.__dict__:
        setattr(np, alias.__name__, alias)

import onnx  # noqa: E402: after the aliases
from onnx import numpy_helper  # noqa: E402
from onnx.backend.test.case.model import collect_testcases as collect_models  # noqa: E402
from onnx.backend.test.case.node import collect_testcases as collect_nodes  # noqa: E402

# Inputs that exporters write as constants, and that decide shapes or parameters: they become initializers of the model
# under test. All other inputs stay inputs. "-": every input but the first.
CONSTANT_INPUTS = {
    "BatchNormalization": "-", "Clip": "-", "ConstantOfShape": [0], "Conv": "-", "ConvInteger": "-", "ConvTranspose": "-",
    "CumSum": [1], "DequantizeLinear": "-", "Dropout": "-", "Expand": [1], "GRU": [1, 2, 3], "If": [0],
    "InstanceNormalization": "-", "LSTM": [1, 2, 3, 7], "LayerNormalization": "-", "Loop": [0, 1],
    "NonMaxSuppression": [2, 3, 4], "OneHot": [1, 2], "Pad": "-", "QLinearConv": [1, 2, 3, 4, 5, 6, 7, 8],
    "QLinearMatMul": [1, 2, 3, 4, 5, 6, 7], "QuantizeLinear": "-", "RNN": [1, 2, 3], "ReduceSum": [1],
    "Reshape": [1], "Resize": "-", "Slice": "-", "Split": [1], "Squeeze": [1], "Tile": [1], "TopK": [1], "Trilu": [1],
    "Unsqueeze": [1], "Upsample": [1],
}  # fmt: skip

# The same for all inputs of cases that spell out a function of its arguments.
CONSTANT_CASES = {"BlackmanWindow", "HammingWindow", "HannWindow", "Range"}

# What octet computes with, for element types that it has no type of its own for.
WIDER = {"int16": "int32", "uint16": "int32", "uint32": "int64", "uint64": "int64"}

Case = collections.namedtuple("Case", "name op ops model inputs outputs rtol atol")


def collect():
    """All cases. `op` is what a case is about (that of the function, where a case spells out a function's body)."""
    found = {}
    for test in collect_nodes(None) + collect_models():
        if test.model is not None:
            found[test.name] = test
    cases = []
    for name, test in sorted(found.items()):
        about = found.get(name.removesuffix("_expanded"), test).model.graph.node
        ops = sorted({node.op_type for node in all_nodes(test.model.graph)})
        inputs, outputs = test.data_sets[0]
        cases.append(Case(name, about[0].op_type, ops, test.model, inputs, outputs, test.rtol, test.atol))
    return cases


def all_nodes(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from all_nodes(attribute.g)


def kinds_of_value(case):
    """What else than tensors of numbers goes in or out: {"sequence", "optional", "string", "bfloat16"}."""
    kinds = set()
    for value in [*case.model.graph.input, *case.model.graph.output]:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            kinds.add(kind.removesuffix("_type"))
        elif value.type.tensor_type.elem_type == onnx.TensorProto.STRING:
            kinds.add("string")
        elif value.type.tensor_type.elem_type == onnx.TensorProto.BFLOAT16:
            kinds.add("bfloat16")
    return kinds


def constant_names(case):
    graph = case.model.graph
    names = set()
    if case.op in CONSTANT_CASES:
        names = {value.name for value in graph.input}
    for node in all_nodes(graph):
        places = CONSTANT_INPUTS.get(node.op_type, [])
        for i, name in enumerate(node.input):
            if name and (i > 0 if places == "-" else i in places):
                names.add(name)
    return names


def write(case, folder):
    """Writes the model and its inputs to `folder`. Returns the arguments of `octet run` that name them."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    constants = constant_names(case)
    arguments = []
    kept = []
    for value, array in zip(case.model.graph.input, case.inputs):
        array = np.asarray(array)
        if value.name in constants:
            model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), value.name))
            continue
        kept.append(value)
        path = folder / f"input{len(kept)}.npy"
        np.save(path, array.astype(WIDER.get(array.dtype.name, array.dtype.name)))
        arguments += ["--input", f"{value.name}={path}"]
    if not kept:  # All of it is folded; but a network has an input.
        kept.append(onnx.helper.make_tensor_value_info("unused", onnx.TensorProto.FLOAT, [1]))
        np.save(folder / "unused.npy", np.zeros(1, np.float32))
        arguments += ["--input", f"unused={folder / 'unused.npy'}"]
    del model.graph.input[:]
    model.graph.input.extend(kept)
    onnx.save(model, str(folder / "model.onnx"))
    return [folder / "model.onnx", *arguments]
