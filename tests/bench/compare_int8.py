#!/usr/bin/env python3
"""What integers cost the outputs of every shared float network: signal over noise, on inputs that it was not calibrated on.

usage: compare_int8.py [--data FOLDER] [--build FOLDER] [--samples N] [NAME ...]

Inputs are those of compare_export.py: images where the network takes them, else random numbers. Ranges by least squared
error on 32 inputs, no correction. Without FOLDER there is nothing to do (exit 77). Needs NumPy and Pillow.
"""

import json
import pathlib
import sys
import tempfile

from programs import ROOT, need, octet_outputs, parse, parser_of, run
from shared_networks import NETWORKS, samples

sys.path.insert(0, str(ROOT / "tests" / "conformance"))


def outputs_of(octet, model, data, scratch):
    """name: values, of each sample by itself."""
    import numpy as np

    found = {}
    for i in range(len(next(iter(data.values())))):
        for name, y in octet_outputs(octet, model, {name: x[i : i + 1] for name, x in data.items()}, scratch).items():
            found.setdefault(name, []).append(y.astype(np.float64).ravel())
    return {name: np.stack(rows) for name, rows in found.items()}


def compare(name, source, options, scratch):
    """(output, values, decibels)"""
    import numpy as np
    from quality import sqnr

    octet = options.octet
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
        yield output, expected.size, sqnr(expected, got[output])


def main():
    parser = parser_of(__doc__, ort_bench=False)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("names", nargs="*", help="parts of the models' paths; default: all that are float")
    options = parse(parser)
    need("numpy", "PIL")
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
