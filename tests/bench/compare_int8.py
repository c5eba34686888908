#!/usr/bin/env python3
"""What integers cost the outputs of every shared float network: signal over noise, on inputs that it was not calibrated on.

usage: compare_int8.py [--data FOLDER] [--build FOLDER] [--samples N] [NAME ...]

Inputs are those of compare_export.py: images where the network takes them, else random numbers. Ranges by least squared
error on 32 inputs, no correction. Without FOLDER there is nothing to do (exit 77). Needs NumPy and Pillow.
"""

import argparse
import json
import pathlib
import sys
import tempfile

from compare_export import NETWORKS, ROOT, run, samples, skip


def outputs_of(octet, model, data, scratch):
    """name: values, of each sample by itself."""
    import numpy as np

    found = {}
    for i in range(len(next(iter(data.values())))):
        feed = []
        for name, x in data.items():
            np.save(scratch / f"x_{name}.npy", x[i : i + 1])
            feed += ["--input", f"{name}={scratch}/x_{name}.npy"]
        run(octet, "run", model, *feed, "--output-dir", scratch / "out")
        for path in (scratch / "out").iterdir():
            found.setdefault(path.stem, []).append(np.load(path).astype(np.float64).ravel())
    return {name: np.stack(rows) for name, rows in found.items()}


def compare(name, source, options, scratch):
    """(output, values, decibels)"""
    import numpy as np

    octet = options.build / "converter" / "octet"
    model, packed = options.data / "models" / name, scratch / "net.octet"
    inputs = json.loads(run(octet, "inspect", model, "--json"))["inputs"]
    data, calibration = {}, []
    for i in inputs:
        x = samples(options.data / "images", source, [1 if d == "N" else d for d in i["shape"]], options.samples + 32)
        data[i["name"]] = x[: options.samples]
        np.save(scratch / f"calibration_{i['name']}.npy", x[options.samples :])
        calibration += ["--data", f"{i['name']}={scratch}/calibration_{i['name']}.npy"]
    run(octet, "convert", model, "-o", packed, *calibration, "--calibration", "mse", "--correct", "none")
    want, got = (outputs_of(octet, m, data, scratch) for m in (model, packed))
    for output, expected in want.items():
        noise = float(np.sum((expected - got[output]) ** 2))
        yield output, expected.size, 10 * np.log10(float(np.sum(expected**2)) / max(noise, 1e-30))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("names", nargs="*", help="parts of the models' paths; default: all that are float")
    options = parser.parse_args()
    if not options.data.is_dir():
        skip(f"no shared models at {options.data}")
    print(f"{'network, output':64}   values      dB")
    for name, source in NETWORKS.items():
        wanted = not options.names or any(part in name for part in options.names)
        if not wanted or "_q" in name or name.endswith("int8_qdq.onnx"):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            for output, count, decibels in compare(name, source, options, pathlib.Path(scratch)):
                print(f"{pathlib.Path(name).stem + ', ' + output:64} {count:8} {decibels:7.1f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
