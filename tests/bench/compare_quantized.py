#!/usr/bin/env python3
"""Quantized ONNX models in octet, in ONNX Runtime without and with its optimizations, and as ONNX defines them, on the same images.

usage: compare_quantized.py [--data FOLDER] [--ort-bench PROGRAM] [--build FOLDER] [--images N] [--definition N] [--models NAME ...]

FOLDER holds models/ and images/. PROGRAM ($ORT_BENCH) runs a model on ONNX Runtime and writes its outputs as raw f32:
    PROGRAM MODEL.onnx --opt LEVEL --input RAW --dims 1,3,224,224 --out RAW --runs 0 --warmup 0
Without the models, or without PROGRAM, there is nothing to do (exit 77).

What is compared is the last quantized tensor, in steps of its scale (a softmax behind it has no steps). The definition is
evaluated in double precision, by tests/conformance/reference.py, on the first images of the lot.
"""

import json
import pathlib
import sys
import tempfile

from programs import ROOT, octet_outputs, onnx_runtime_outputs, parse, parser_of, run, skip

sys.path.insert(0, str(ROOT / "tests" / "conformance"))
try:
    import numpy as np
    import onnx
    import reference
    from onnx import numpy_helper
    from PIL import Image
except ImportError as missing:
    skip(missing)


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))


def evenly(items, count):
    """`count` of them, spread over all."""
    return [items[i * len(items) // count] for i in range(min(count, len(items)))]


def photographs(images, count):
    def one(path):
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
        top, left = (pixels.shape[0] - 224) // 2, (pixels.shape[1] - 224) // 2
        return pixels[top : top + 224, left : left + 224].transpose(2, 0, 1) / np.float32(127.5) - np.float32(1)

    return np.stack([one(p) for p in evenly(files(images / "imagenet_val" / "evaluation"), count)])


def thumbnails(images, count):
    some = evenly(files(images / "cifar10" / "evaluation"), count)
    return np.stack([np.asarray(Image.open(p).convert("RGB"), np.float32).transpose(2, 0, 1) for p in some])


def noise(_, count):
    """There is no speech among the data: numbers with the spread of the model's own input scale."""
    return np.random.default_rng(5).normal(0, 30, (count, 1, 49, 10)).astype(np.float32)


# Name: the model's file, its inputs, how many of them by default.
MODELS = {
    "mobilenet_v2 QDQ": ("mobilenet_v2_1.0_224_qat/mobilenet_v2_1.0_224_quant_qdq.onnx", photographs, 485),
    "mobilenet_v2 QOperator": ("mobilenet_v2_1.0_224_qat/mobilenet_v2_1.0_224_quant_qoperator.onnx", photographs, 485),
    "resnet8 QDQ": ("mlperf_tiny_resnet8/pretrainedResnet_int8_qdq.onnx", thumbnails, 5054),
    "kws QDQ": ("mlperf_tiny_kws/kws_ref_model_int8_qdq.onnx", noise, 1000),
}


def without_softmax(path):
    """The model up to its last quantized tensor, and that one's scale."""
    model = onnx.load(path)
    graph = model.graph
    made_by = {name: node for node in graph.node for name in node.output}
    softmax = made_by[graph.output[0].name]
    assert softmax.op_type == "Softmax", softmax.op_type
    graph.node.remove(softmax)
    del graph.output[:]
    graph.output.append(onnx.helper.make_tensor_value_info(softmax.input[0], onnx.TensorProto.FLOAT, None))
    kept = [v for v in graph.value_info if v.name != softmax.input[0]]
    del graph.value_info[:]
    graph.value_info.extend(kept)
    last = made_by[softmax.input[0]]
    while last.op_type != "DequantizeLinear":
        last = made_by[last.input[0]]
    scale = next(t for t in graph.initializer if t.name == last.input[1])
    return model, float(numpy_helper.to_array(scale))


def of_octet(octet, model, x, scratch):
    run(octet, "convert", model, "-o", scratch / "net.octet")
    source = json.loads(run(octet, "inspect", scratch / "net.octet", "--json"))["inputs"][0]
    (y,) = octet_outputs(octet, scratch / "net.octet", {source["name"]: x.reshape(len(x), *source["shape"][1:])}, scratch).values()
    return y.reshape(len(x), -1)


def of_onnx_runtime(program, model, x, level, scratch):
    (y,) = onnx_runtime_outputs(program, model, x, (1, *x.shape[1:]), level, scratch).values()
    return y


def of_definition(model, x):
    name = model.graph.input[0].name
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim][1:]
    return np.concatenate([reference.run(model, {name: one.reshape(1, *shape)})[0].reshape(1, -1) for one in x])


def row(what, a, b, scale):
    steps = np.rint(np.abs(a.astype(np.float64) - b) / scale)
    same = int(np.sum(a.argmax(1) == b.argmax(1)))
    return [f"{len(a)}", what, f"{100 * np.mean(steps > 1):.3f}", f"{100 * np.mean(steps > 0):.3f}", f"{steps.max():.0f}", f"{same} of {len(a)}"]


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--images", type=int, help="at most so many for each model")
    parser.add_argument("--definition", type=int, default=0, help="evaluate the definition on so many images")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="NAME")
    options = parse(parser)
    print("| model, images | compared | over 1 step, % | not the same, % | most steps | same top-1 |\n|---|---|---|---|---|---|")
    for name in options.models:
        file, inputs, count = MODELS[name]
        count = min(count, options.images or count)
        with tempfile.TemporaryDirectory(prefix="octet-quantized-") as folder:
            scratch = pathlib.Path(folder)
            model, scale = without_softmax(options.data / "models" / file)
            onnx.save(model, scratch / "net.onnx")
            x = np.ascontiguousarray(inputs(options.data / "images", count))
            made = {"octet": of_octet(options.octet, scratch / "net.onnx", x, scratch)}
            for level in (0, 99):
                made[f"opt {level}"] = of_onnx_runtime(options.ort_bench, scratch / "net.onnx", x, level, scratch)
            rows = [row(f"{a}, {b}", made[a], made[b], scale) for a, b in (("octet", "opt 99"), ("octet", "opt 0"), ("opt 0", "opt 99"))]
            few = options.definition
            if few and "QOperator" not in name:
                made["definition"] = of_definition(model, x[:few])
                rows += [row(f"{a}, definition", made[a][:few], made["definition"], scale) for a in ("octet", "opt 0", "opt 99")]
            for cells in rows:
                print(f"| {name}, {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
