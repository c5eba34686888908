#!/usr/bin/env python3
"""The networks of tests/conformance/architectures.py in octet and in ONNX Runtime, and what integers keep of them.

usage: compare_architectures.py [--ort-bench PROGRAM] [--build FOLDER] [--inputs N] [--calibration-inputs N] [NAME ...]

PROGRAM is that of compare_export.py; without it there is nothing to do (exit 77). Needs NumPy and onnx.

Float: convert --precision f32, for one image, for four at once where octet leaves the batch open, and for one of other
proportions where the network takes it. Given is the largest difference from ONNX Runtime's outputs (which takes images one by
one), relative to the largest of these; more than 1e-4 fails (exit 1).
int8: signal over noise, and how many decisions are those of the float network (the class of an image, of a pixel, of a box;
whether a pixel belongs to a mask), on N inputs that it was not calibrated on: with min-max ranges and no correction, and as
octet does it by default. Random weights give nearly every image to one class: there the decision is which class is
farthest above its own mean.
"""

import json
import pathlib
import sys
import tempfile

from programs import ROOT, octet_outputs, onnx_runtime_outputs, parse, parser_of, run, skip

sys.path.insert(0, str(ROOT / "tests" / "conformance"))
try:
    import architectures
    import numpy as np
    import onnx
    from quality import smooth, sqnr
except ImportError as missing:
    skip(missing)

MOST_DIFFERENCE = 1e-4
# What compute alike at any size: the others hold reshapes, or resizes to, what one size comes to.
OPEN_SIZES = ("unet", "efficientnet", "mobilenet_v3", "densenet")
INT8 = (("--calibration", "minmax", "--correct", "none"), ())


def shapes_of(name, batch, shape):
    """What to feed the network, whose input is [batch, channels, height, width]."""
    _, channels, height, width = shape
    shapes = [(1, channels, height, width)]
    if batch == "N":
        shapes.append((4, channels, height, width))
    if name in OPEN_SIZES:
        shapes.append((1, channels, height * 3 // 2, width * 2))
    return shapes


def save_open(net, path):
    """The model with a height and width of any size."""
    model = net.model()
    for i, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[i].dim_param = name
    onnx.save(model, path)


def difference(net, path, shape, options, scratch):
    """Of octet's output from ONNX Runtime's, over the largest value of that."""
    source = net.inputs[0].name
    x = smooth(np.random.default_rng(7), shape[0], shape[1:])
    one = (1, *shape[1:])
    packed = scratch / "float.octet"
    size = [] if list(one) == net.shape[source] else ["--input-shape", f"{source}={'x'.join(map(str, one))}"]
    run(options.octet, "convert", path, "-o", packed, "--precision", "f32", *size)
    (got,) = octet_outputs(options.octet, packed, {source: x}, scratch).values()
    (want,) = onnx_runtime_outputs(options.ort_bench, path, x, one, 99, scratch).values()
    if got.size != want.size:
        raise RuntimeError(f"octet makes {got.size} values, ONNX Runtime {want.size}")
    return float(np.max(np.abs(got.ravel() - want.ravel())) / np.max(np.abs(want)))


def float_cells(net, name, options, scratch):
    """(the shapes, differences), as text, and the largest difference."""
    path, packed = net.save(scratch / "net.onnx"), scratch / "net.octet"
    run(options.octet, "convert", path, "-o", packed, "--precision", "f32")
    (source,) = json.loads(run(options.octet, "inspect", packed, "--json"))["inputs"]
    shapes, found = shapes_of(name, source["shape"][0], net.shape[source["name"]]), []
    for shape in shapes:
        if shape[2:] != shapes[0][2:]:
            save_open(net, path)
        found.append(difference(net, path, shape, options, scratch))
    described = ", ".join("x".join(map(str, (shape[0], *shape[2:]))) for shape in shapes)
    return [described, ", ".join(f"{one:.0e}" for one in found)], max(found)


def decisions(name, y, mean):
    """What an output [samples, ...] decides; `mean` is that of the float network's outputs."""
    if name == "unet":
        return y > 0.5
    if name == "yolo":
        return y[:, 4:].argmax(1)
    return (y - mean if y.ndim == 2 else y).argmax(1)


def int8_cells(net, name, options, scratch):
    """For each way of converting: signal over noise, decisions kept."""
    source = net.inputs[0].name
    x = smooth(np.random.default_rng(99), options.calibration_inputs + options.inputs, net.shape[source][1:])
    np.save(scratch / "calibration.npy", x[: options.calibration_inputs])
    path, packed = net.save(scratch / "net.onnx"), scratch / "int8.octet"

    def outputs(model):
        (y,) = octet_outputs(options.octet, model, {source: x[options.calibration_inputs :]}, scratch).values()
        return y.astype(np.float64)

    want, cells = outputs(path), []
    mean = want.mean(0)
    for how in INT8:
        run(options.octet, "convert", path, "-o", packed, "--data", scratch / "calibration.npy", *how)
        got = outputs(packed)
        cells += [f"{sqnr(want, got):.1f}", f"{100 * np.mean(decisions(name, want, mean) == decisions(name, got, mean)):.1f}"]
    return cells


def main():
    parser = parser_of(__doc__, data=False)
    parser.add_argument("--inputs", type=int, default=256, help="to judge int8 by")
    parser.add_argument("--calibration-inputs", type=int, default=32)
    parser.add_argument("names", nargs="*", help="of networks; default: all")
    options = parse(parser)
    print("| network | images | float differs by | int8 min-max, dB | decisions kept, % | int8 by default, dB | decisions kept, % |")
    print("|---|---|---|---|---|---|---|")
    worst = 0
    for build in architectures.ALL:
        name = build.__name__
        if options.names and name not in options.names:
            continue
        net = build()
        with tempfile.TemporaryDirectory(prefix="octet-architectures-") as folder:
            described, most = float_cells(net, name, options, pathlib.Path(folder))
            cells = int8_cells(net, name, options, pathlib.Path(folder))
            worst = max(worst, most)
            print(f"| {' | '.join([name, *described, *cells])} |", flush=True)
    return 1 if worst > MOST_DIFFERENCE else 0


if __name__ == "__main__":
    sys.exit(main())
