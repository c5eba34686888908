#!/usr/bin/env python3
"""Exports the shared networks as QDQ ONNX and compares ONNX Runtime's outputs with octet's, value by value.

usage: compare_export.py [--data FOLDER] [--ort-bench PROGRAM] [--build FOLDER] [--samples N] [--exact-residuals]
                         [NAME ...]

FOLDER (default ../shared/data beside the project) holds models/ and images/; PROGRAM ($ORT_BENCH) runs a model on ONNX
Runtime and writes every output of a batch, in order, as f32, and FILE.names, a line "name count" each:
    PROGRAM MODEL.onnx --input raw.f32 --dims 8,3,224,224 --out FILE --runs 0 --warmup 0 --opt 0|99
Without one of them there is nothing to do (exit 77). Needs NumPy and Pillow, and for models of several inputs onnx: they are put
behind each other in one.

A step is 1/255 of the range of octet's output. --opt 99 fuses the pattern into integer operations; --opt 0 computes all
of it in f32, where sums are rounded and now and then fall to the other side of a tie.
"""

import json
import pathlib
import sys
import tempfile

from programs import need, octet_outputs, onnx_runtime_outputs, parse, parser_of, run
from shared_networks import NETWORKS, samples


def one_input(path, inputs, out):
    """The model with all its inputs behind each other in one, [batch, numbers], for a program that feeds one."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(path)
    graph, nodes, at = model.graph, [], 0
    for name, shape in inputs.items():
        size = int(np.prod(shape[1:]))
        for what, numbers in (("start", [at]), ("end", [at + size]), ("axis", [1]), ("shape", [-1, *shape[1:]])):
            graph.initializer.append(numpy_helper.from_array(np.int64(numbers), f"{name}:{what}"))
        nodes.append(helper.make_node("Slice", ["all", *(f"{name}:{what}" for what in ("start", "end", "axis"))], [f"{name}:flat"]))
        nodes.append(helper.make_node("Reshape", [f"{name}:flat", f"{name}:shape"], [name]))
        at += size
    nodes += graph.node
    del graph.node[:], graph.input[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info("all", TensorProto.FLOAT, ["N", at]))
    onnx.save(model, out)


def compare(name, source, options, scratch):
    """(level, output, values, largest difference in steps, percent within one step) for both levels."""
    import numpy as np

    model = options.data / "models" / name
    inputs = json.loads(run(options.octet, "inspect", model, "--json"))["inputs"]
    shapes = {i["name"]: [1 if d == "N" else d for d in i["shape"]] for i in inputs}
    is_open = all(i["shape"][0] == "N" for i in inputs)
    data, calibration = {}, []
    for input_name, shape in shapes.items():
        x = samples(options.data / "images", source, shape, options.samples + 32)
        data[input_name] = x[: options.samples]
        np.save(scratch / f"calibration_{input_name}.npy", x[options.samples :])
        calibration += ["--data", f"{input_name}={scratch}/calibration_{input_name}.npy"]
    packed, onnx = scratch / "net.octet", scratch / "net.onnx"
    run(options.octet, "convert", model, "-o", packed, *calibration, "--calibration", "mse", "--correct", "none")
    run(options.octet, "export", packed, "--onnx", onnx, *(["--exact-residuals"] if options.exact_residuals else []))
    if len(inputs) > 1:
        one_input(onnx, shapes, onnx)
    count = len(next(iter(data.values())))
    batches = [slice(None)] if is_open else [slice(i, i + 1) for i in range(count)]
    want, got = {}, {0: {}, 99: {}}
    for batch in batches:
        feed = {input_name: x[batch] for input_name, x in data.items()}
        for output, y in octet_outputs(options.octet, packed, feed, scratch).items():
            want.setdefault(output, []).append(y.astype(np.float32).ravel())
        joined = np.concatenate([x.reshape(len(x), -1) for x in feed.values()], axis=1)
        dims = joined.shape if len(inputs) > 1 else (len(joined), *next(iter(shapes.values()))[1:])
        for level, outputs in got.items():
            for output, y in onnx_runtime_outputs(options.ort_bench, onnx, joined, dims, level, scratch).items():
                outputs.setdefault(output, []).append(y.ravel())
    for level, outputs in got.items():
        for output, parts in outputs.items():
            expected, found = np.concatenate(want[output.replace("/", "_")]), np.concatenate(parts)
            steps = np.abs(expected - found) / max(float(np.ptp(expected)) / 255, 1e-30)
            yield level, output, expected.size, float(steps.max()), 100 * float(np.mean(steps <= 1))


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--exact-residuals", action="store_true", help="export so")
    parser.add_argument("names", nargs="*", help="parts of the models' paths; default: all")
    options = parse(parser)
    need("numpy", "PIL")
    missed = 0
    print(f"{'network, output':64} level   values  largest  within 1 step")
    for name, source in NETWORKS.items():
        if options.names and not any(part in name for part in options.names):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                for level, output, count, largest, within in compare(name, source, options, pathlib.Path(scratch)):
                    missed += level == 99 and within < 99.9
                    print(f"{pathlib.Path(name).stem + ', ' + output:64} {level:5} {count:8} {largest:8.3f} {within:10.3f} %", flush=True)
            except RuntimeError as why:
                print(f"{name:64} {why}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
