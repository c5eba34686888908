"""What the comparisons share: their options, and octet and ONNX Runtime run on arrays."""

import argparse
import importlib
import math
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77


def skip(why):
    print(f"skipped: {why}", file=sys.stderr)
    sys.exit(SKIPPED)


def need(*modules):
    """There is nothing to do without them."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as missing:
            skip(missing)


def parser_of(doc, data=True, ort_bench=True):
    """A parser that knows where the programs and the shared models are."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    if data:
        parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    if ort_bench:
        parser.add_argument("--ort-bench", type=pathlib.Path, default=os.environ.get("ORT_BENCH"))
    return parser


def parse(parser):
    """The options, where the folder and the program that they name are there."""
    options = parser.parse_args()
    if "data" in options and not (options.data / "models").is_dir():
        skip(f"no shared models at {options.data}")
    if "ort_bench" in options and (options.ort_bench is None or not options.ort_bench.exists()):
        skip(f"--ort-bench or $ORT_BENCH must name the program of ONNX Runtime (it is {options.ort_bench})")
    options.octet = options.build / "converter" / "octet"
    return options


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip()[-300:]
        raise RuntimeError(f"{pathlib.Path(command[0]).name}: exit {done.returncode}: {said}")
    return done.stdout


def octet_outputs(octet, model, inputs, scratch, *options):
    """The outputs that octet makes of {input: array}, by the names of their files ('/' is '_' there)."""
    import numpy as np

    feed = []
    for name, x in inputs.items():
        file = scratch / f"x_{name.replace('/', '_')}.npy"
        np.save(file, x)
        feed += ["--input", f"{name}={file}"]
    run(octet, "run", model, *feed, "--output-dir", scratch / "out", *options)
    made = {path.stem: np.load(path) for path in (scratch / "out").iterdir()}
    for name in made:
        (scratch / "out" / f"{name}.npy").unlink()
    return made


def onnx_runtime_outputs(program, model, x, dims, level, scratch):
    """The outputs that ONNX Runtime makes of x, cut into inputs of shape dims: {output: [runs, values of one]}."""
    import numpy as np

    x.tofile(scratch / "x.f32")
    run(program, model, "--opt", level, "--input", scratch / "x.f32", "--dims", ",".join(map(str, dims)),
        "--out", scratch / "y.f32", "--runs", 0, "--warmup", 0, "--no-spin")  # fmt: skip
    runs = x.size // math.prod(dims)
    y, at, made = np.fromfile(scratch / "y.f32", np.float32).reshape(runs, -1), 0, {}
    for line in (scratch / "y.f32.names").read_text().splitlines():
        name, count = line.rsplit(" ", 1)
        made[name] = y[:, at : at + int(count)]
        at += int(count)
    return made
