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

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
ROOT = pathlib.Path(__file__).resolve().parents[2]
IMAGENET = (((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "imagenet_val/evaluation")
TF = ((0.5, 0.5), "imagenet_val/evaluation")
# model: mean and deviation of pixels in 0..1, images. None: random numbers, smooth along the last axis.
NETWORKS = {
    "squeezenet1.1/squeezenet1.1.onnx": IMAGENET,
    "mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx": TF,
    "mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float_hybridfc.onnx": TF,
    "cifar10_resnet20/resnet20_cifar10.onnx": (IMAGENET[0], "cifar10/evaluation"),
    "ultraface_rfb_320/version-RFB-320.onnx": ((0.498, 0.502), "imagenet_val/evaluation"),
    "mlperf_tiny_vww96/vww_96_float.onnx": ((0, 1), "imagenet_val/evaluation"),
    "mlperf_tiny_resnet8/pretrainedResnet_float.onnx": ((0, 1 / 255), "cifar10/evaluation"),
    "mlperf_tiny_kws/kws_ref_model_float32.onnx": None,
    "mlperf_tiny_ad/ad01_fp32.onnx": None,
    "mnist/mnist.onnx": None,
    "mobilenet_v2_1.0_224_qat/mobilenet_v2_1.0_224_quant_qdq.onnx": TF,
    "mlperf_tiny_resnet8/pretrainedResnet_int8_qdq.onnx": ((0, 1 / 255), "cifar10/evaluation"),
    "mlperf_tiny_kws/kws_ref_model_int8_qdq.onnx": None,
    "dtln/model_1.onnx": None,
    "dtln/model_2.onnx": None,
}


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{pathlib.Path(command[0]).name}: {done.stderr.strip().splitlines()[-1][-200:]}")
    return done.stdout


def samples(images, source, shape, count):
    """`count` inputs of this shape (an image in either layout), as one array."""
    import numpy as np
    from PIL import Image

    if source is None:
        x = np.random.default_rng(3).standard_normal((count, *shape[1:])).astype(np.float32)
        return (x + np.roll(x, 1, -1)) / 2**0.5
    (mean, deviation), folder = source
    first = shape[1] <= shape[3]
    height, width = shape[2:] if first else shape[1:3]
    paths = sorted(p for p in (images / folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))[:count]
    pixels = [np.asarray(Image.open(p).convert("RGB").resize((width, height)), np.float32) / 255 for p in paths]
    x = (np.stack(pixels) - np.float32(mean)) / np.float32(deviation)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if first else x, np.float32)


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
    import json

    import numpy as np

    octet = options.build / "converter" / "octet"
    model = options.data / "models" / name
    inputs = json.loads(run(octet, "inspect", model, "--json"))["inputs"]
    shapes = {i["name"]: [1 if d == "N" else d for d in i["shape"]] for i in inputs}
    is_open = all(i["shape"][0] == "N" for i in inputs)
    data, calibration = {}, []
    for input_name, shape in shapes.items():
        x = samples(options.data / "images", source, shape, options.samples + 32)
        data[input_name] = x[: options.samples]
        np.save(scratch / f"calibration_{input_name}.npy", x[options.samples :])
        calibration += ["--data", f"{input_name}={scratch}/calibration_{input_name}.npy"]
    packed, onnx = scratch / "net.octet", scratch / "net.onnx"
    run(octet, "convert", model, "-o", packed, *calibration, "--calibration", "mse", "--correct", "none")
    run(octet, "export", packed, "--onnx", onnx, *(["--exact-residuals"] if options.exact_residuals else []))
    if len(inputs) > 1:
        one_input(onnx, shapes, onnx)
    count = len(next(iter(data.values())))
    batches = [slice(None)] if is_open else [slice(i, i + 1) for i in range(count)]
    want, got = {}, {0: {}, 99: {}}
    for batch in batches:
        feed, flat = [], []
        for input_name, x in data.items():
            np.save(scratch / f"x_{input_name}.npy", x[batch])
            feed += ["--input", f"{input_name}={scratch}/x_{input_name}.npy"]
            flat.append(x[batch].reshape(len(x[batch]), -1))
        joined = np.concatenate(flat, axis=1)
        joined.tofile(scratch / "x.f32")
        dims = joined.shape if len(inputs) > 1 else (len(joined), *next(iter(shapes.values()))[1:])
        run(octet, "run", packed, *feed, "--output-dir", scratch / "out")
        for level, outputs in got.items():
            run(options.ort_bench, onnx, "--input", scratch / "x.f32", "--dims", ",".join(map(str, dims)), "--out",
                scratch / "y.f32", "--runs", 0, "--warmup", 0, "--opt", level)  # fmt: skip
            y, at = np.fromfile(scratch / "y.f32", np.float32), 0
            for line in (scratch / "y.f32.names").read_text().splitlines():
                output, size = line.rsplit(" ", 1)
                outputs.setdefault(output, []).append(y[at : at + int(size)])
                at += int(size)
                if level == 0:
                    want.setdefault(output, []).append(np.load(scratch / "out" / f"{output.replace('/', '_')}.npy").astype(np.float32).ravel())
    for level, outputs in got.items():
        for output, parts in outputs.items():
            expected, found = np.concatenate(want[output]), np.concatenate(parts)
            steps = np.abs(expected - found) / max(float(np.ptp(expected)) / 255, 1e-30)
            yield level, output, expected.size, float(steps.max()), 100 * float(np.mean(steps <= 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--ort-bench", default=os.environ.get("ORT_BENCH"))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--exact-residuals", action="store_true", help="export so")
    parser.add_argument("names", nargs="*", help="parts of the models' paths; default: all")
    options = parser.parse_args()
    if not options.data.is_dir():
        skip(f"no shared models at {options.data}")
    if not options.ort_bench:
        skip("no --ort-bench: what runs a model on ONNX Runtime")
    try:
        import numpy  # noqa: F401
        import PIL  # noqa: F401
    except ImportError as missing:
        skip(str(missing))
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
