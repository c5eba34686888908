#!/usr/bin/env python3
"""The tables of methods in converter/README.md: what each costs in accuracy, and how long converting takes.

usage: method_table.py [--octet PROGRAM] [--data DIR] [--networks NAME,...] [--samples N] [--results FILE] [--corrections | --options "OPTIONS" ...]

Converts every network once per --options (default: each calibration method without correction; with --corrections: each
correction behind --calibration mse, auto, and what octet does by default), on N samples of its calibration images (default:
1000; with --corrections 256), and evaluates it against the float network on images that were not calibrated on. Prints a
Markdown row as soon as it is measured: top-1 drop in points, agreement in percent, signal over noise of the scores in dB,
seconds of converting. With --corrections a row is a method, otherwise a network. Networks whose files are absent are left out.

--results keeps every figure in a JSON file once it is measured, with its 95 % interval. Started again with the same file,
only what it lacks is measured; it belongs to one build of octet.
"""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
CIFAR = "size=32x32,color=rgb,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225"
IMAGENET_IMAGES = ("images/imagenet_val/calibration", "images/imagenet_val/evaluation")
CIFAR_IMAGES = ("images/cifar10/train_lossless", "images/cifar10/evaluation")
# name: model (below --data, or the project), preprocessing, images to calibrate and to evaluate on, label of class 0
NETWORKS = {
    "squeezenet1.1": ("models/squeezenet1.1/squeezenet1.1.onnx", "imagenet,resize=227", *IMAGENET_IMAGES, 0),
    "mobilenet_v1_0.25_224": ("models/mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx", "tf,resize=227", *IMAGENET_IMAGES, 0),
    "mobilenet_v2_1.0_224": ("models/mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float_hybridfc.onnx", "tf,resize=227", *IMAGENET_IMAGES, 1),
    "cifar10_resnet20": ("models/cifar10_resnet20/resnet20_cifar10.onnx", CIFAR, *CIFAR_IMAGES, 0),
    "the bundled network": (ROOT / "samples/models/cifar10_resnet.json", CIFAR, *CIFAR_IMAGES, 0),
}
METHODS = "auto minmax moving_average percentile mse kl entropy omse".split()
CORRECTIONS = "none equalize balance revive absorb_bias bias affine reestimate gptq gptaq adaround adaquant auto".split()
DEFAULTS = "--calibration auto --correct auto"


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def measure(octet, data, network, options, folder):
    """What `octet evaluate --json` tells, and the seconds of converting."""
    model, preprocessing, calibration, evaluation, first_label = NETWORKS[network]
    packed, labels = folder / "net.octet", folder / "labels.txt"
    lines = (line.split() for line in (data / evaluation / "labels.txt").read_text().splitlines())
    labels.write_text("".join(f"{name} {int(label) + first_label}\n" for name, label in lines))
    start = time.monotonic()
    run(octet, "convert", data / model, "-o", packed, "--data", data / calibration, "--preprocess", preprocessing, *options)
    seconds = time.monotonic() - start
    found = json.loads(run(octet, "evaluate", packed, "--against", data / model, "--data", data / evaluation, "--labels", labels, "--json"))
    return found | {"seconds": seconds}


class Results:
    """Figures by network and options, measured once."""

    def __init__(self, given):
        self.given, self.path = given, given.results
        self.figures = json.loads(self.path.read_text()) if self.path and self.path.exists() else {}

    def cell(self, network, column):
        options = f"{column} --samples {self.given.samples}"
        known = self.figures.setdefault(network, {})
        if options not in known:
            with tempfile.TemporaryDirectory() as folder:
                known[options] = measure(self.given.octet, self.given.data, network, shlex.split(options), pathlib.Path(folder))
            self.save()
        found = known[options]
        text = f"{found['drop']:.2f}, {found['agreement']:.1f}, {found['sqnr_db']:.1f} dB ({found['seconds']:.0f} s)"
        print(f"{network} {column}: {text}", file=sys.stderr, flush=True)
        return text

    def save(self):
        if self.path:
            unfinished = self.path.with_name(self.path.name + ".new")
            unfinished.write_text(json.dumps(self.figures, indent=1))
            unfinished.replace(self.path)


def print_table(corner, rows, columns, cell):
    """rows, columns: (title, what `cell` takes)."""
    print("| " + " | ".join([corner] + [title for title, _ in columns]) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for title, row in rows:
        print(f"| {title} | " + " | ".join(cell(row, column) for _, column in columns) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.replace("%", "%%"))
    parser.add_argument("--octet", type=pathlib.Path, default=ROOT / "build/converter/octet")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--samples", type=int)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--corrections", action="store_true")
    parser.add_argument("--options", action="append")
    given = parser.parse_args()
    given.samples = given.samples or (256 if given.corrections else 1000)
    networks = [(name, name) for name in given.networks.split(",") if (given.data / NETWORKS[name][0]).exists()]
    for name in set(given.networks.split(",")) - {name for name, _ in networks}:
        print(f"{name}: no such file, left out", file=sys.stderr)
    results = Results(given)
    if given.corrections:
        methods = [(f"`{method}`", f"--calibration mse --correct {method}") for method in CORRECTIONS]
        methods.append((f"`{DEFAULTS}`", DEFAULTS))
        print_table("`--correct`", methods, networks, lambda method, network: results.cell(network, method))
    else:
        columns = given.options or [f"--calibration {method} --correct none" for method in METHODS]
        print_table("network", networks, [(f"`{c}`", c) for c in columns], results.cell)


if __name__ == "__main__":
    main()
