#!/usr/bin/env python3
"""The table of methods in converter/README.md: what each costs in accuracy, and how long converting takes.

usage: method_table.py [--octet PROGRAM] [--data DIR] [--networks NAME,...] [--samples N] [--corrections | --options "OPTIONS"...]

Converts every network once per --options (default: each calibration method without correction; with --corrections: each
correction behind --calibration mse, and auto), on N samples of its calibration images (default: 1000), evaluates it against the
float network on images that were not calibrated on, and prints a Markdown row a network: top-1 drop in points, agreement
in percent, seconds of converting. Networks whose files are absent are left out.
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
CORRECTIONS = "none equalize balance revive absorb_bias bias affine reestimate adaround adaquant auto".split()


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def measure(octet, data, network, options, folder):
    """Drop in points, agreement in percent, seconds of converting."""
    model, preprocessing, calibration, evaluation, first_label = NETWORKS[network]
    packed, labels = folder / "net.octet", folder / "labels.txt"
    lines = (line.split() for line in (data / evaluation / "labels.txt").read_text().splitlines())
    labels.write_text("".join(f"{name} {int(label) + first_label}\n" for name, label in lines))
    start = time.monotonic()
    run(octet, "convert", data / model, "-o", packed, "--data", data / calibration, "--preprocess", preprocessing, *options)
    seconds = time.monotonic() - start
    found = json.loads(run(octet, "evaluate", packed, "--against", data / model, "--data", data / evaluation, "--labels", labels, "--json"))
    return found["drop"], found["agreement"], seconds


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--octet", type=pathlib.Path, default=ROOT / "build/converter/octet")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--corrections", action="store_true")
    parser.add_argument("--options", action="append")
    given = parser.parse_args()
    columns = given.options or [f"--calibration {method} --correct none" for method in METHODS]
    if given.corrections:
        columns = [f"--calibration mse --correct {method}" for method in CORRECTIONS]
    print("| network | " + " | ".join(f"`{column}`" for column in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for network in given.networks.split(","):
            if not (given.data / NETWORKS[network][0]).exists():
                print(f"{network}: no such file, left out", file=sys.stderr)
                continue
            cells = []
            for column in columns:
                options = [*shlex.split(column), "--samples", given.samples]
                drop, agreement, seconds = measure(given.octet, given.data, network, options, pathlib.Path(folder))
                cells.append(f"{drop:.2f}, {agreement:.1f} ({seconds:.0f} s)")
                print(f"{network} {column}: {cells[-1]}", file=sys.stderr)
            print(f"| {network} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
