#!/usr/bin/env python3
"""Whether octet still reaches the accuracy that converter/README.md tells of: exit status 1 where a figure falls short.

usage: accuracy_targets.py [--octet PROGRAM] [--data DIR]

Agreement and drop with the defaults and with mixed precision, the drop with one scale for all weights of a layer and with
weights of 4 bits, and the noise of an autoencoder.

Corrected on 1000 calibration images (where there are as many), evaluated on others. A line for each figure, as soon as it is
measured. Targets are what must hold, not what was reached: agreement of a few hundred images is a draw. Without the shared data
it measures nothing, and says so.
"""

import argparse
import json
import pathlib
import shlex
import sys
import tempfile

import numpy

from method_table import NETWORKS, ROOT, measure, run

SQUEEZENET, MOBILENET_V1, MOBILENET_V2, RESNET20, BUNDLED = NETWORKS
# Percent of the images on which the integers answer as floats do.
AGREEMENT = {
    "": {SQUEEZENET: 97, MOBILENET_V1: 95.5, MOBILENET_V2: 98.5, RESNET20: 98.7, BUNDLED: 98.7},
    "--precision mixed": {SQUEEZENET: 98, MOBILENET_V1: 97.5, MOBILENET_V2: 99, RESNET20: 99.3, BUNDLED: 99.3},
}
# Points of top-1 that the defaults may lose on one network, and on all of them on average.
DROP, MEAN_DROP = 0.5, 0.2
# Points that a hard scheme may lose: with a correction, and must lose without one, lest the case is none.
PER_TENSOR = "--weights per_tensor --calibration mse"
PER_TENSOR_DROP, PER_TENSOR_WITHOUT = 2, 20
FOUR_BITS = "--weight-bits 4 --calibration mse"
RECOVERED = 0.8  # of the drop that rounding to the nearest costs
AUTOENCODER = "models/mlperf_tiny_ad/ad01_fp32.onnx"
AUTOENCODER_GAIN = 3  # dB by correcting


class Targets:
    def __init__(self, given):
        self.given, self.failed = given, 0

    def figures(self, network, options):
        with tempfile.TemporaryDirectory() as folder:
            all_options = shlex.split(f"{options} --samples 1000")
            found = measure(self.given.octet, self.given.data, network, all_options, pathlib.Path(folder))
        low, high = found["drop_interval"]
        latency = f'{found["latency_ms"]:.2f} of {found["against_latency_ms"]:.2f} ms'
        print(f"{network} {options or 'by default'}: drop {found['drop']:.2f} ({low:.2f} to {high:.2f}), agreement {found['agreement']:.1f} %, "
              f"{found['sqnr_db']:.1f} dB, {latency}, converted in {found['seconds']:.0f} s", flush=True)
        return found

    def check(self, what, value, target, holds):
        self.failed += not holds
        print(f"{'  ok  ' if holds else '  MISS'} {what} {value:.2f}, target {target}", flush=True)

    def check_agreement(self):
        for options, targets in AGREEMENT.items():
            drops = []
            for network, target in targets.items():
                found = self.figures(network, options)
                self.check("agreement", found["agreement"], target, found["agreement"] >= target)
                drops.append(found["drop"])
                self.check("drop", drops[-1], DROP, drops[-1] <= DROP)
            mean = sum(drops) / len(drops)
            self.check("mean drop", mean, MEAN_DROP, mean <= MEAN_DROP)

    def check_hard_schemes(self):
        without = self.figures(MOBILENET_V1, f"{PER_TENSOR} --correct none")["drop"]
        self.check("drop", without, f"at least {PER_TENSOR_WITHOUT}", without >= PER_TENSOR_WITHOUT)
        for correct in ("equalize+bias", "auto"):
            drop = self.figures(MOBILENET_V1, f"{PER_TENSOR} --correct {correct}")["drop"]
            self.check("drop", drop, PER_TENSOR_DROP, drop <= PER_TENSOR_DROP)
        for network in (SQUEEZENET, MOBILENET_V2):
            nearest = self.figures(network, f"{FOUR_BITS} --correct none")["drop"]
            drop = self.figures(network, f"{FOUR_BITS} --correct auto")["drop"]
            target = (1 - RECOVERED) * nearest
            self.check("drop", drop, f"{target:.2f} of {nearest:.2f}", drop <= target)

    def autoencoder_sqnr(self, folder, correct):
        packed, model = folder / "net.octet", self.given.data / AUTOENCODER
        run(self.given.octet, "convert", model, "-o", packed, "--data", folder / "0.npy", "--correct", correct)
        text = run(self.given.octet, "evaluate", packed, "--against", model, "--data", folder / "1.npy", "--json")
        found = json.loads(text)["sqnr_db"]
        print(f"{AUTOENCODER} --correct {correct}: {found:.1f} dB on noise", flush=True)
        return found

    def check_autoencoder(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for i in range(2):
                numpy.save(folder / f"{i}.npy", numpy.random.RandomState(i + 1).randn(300, 640).astype(numpy.float32))
            nearest, corrected = (self.autoencoder_sqnr(folder, correct) for correct in ("none", "auto"))
        target = nearest + AUTOENCODER_GAIN
        self.check("dB", corrected, f"{target:.2f}", corrected >= target)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--octet", type=pathlib.Path, default=ROOT / "build/converter/octet")
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"skipped: there are no networks and images in {given.data}")
        return
    targets = Targets(given)
    targets.check_agreement()
    targets.check_hard_schemes()
    targets.check_autoencoder()
    if targets.failed:
        sys.exit(f"{targets.failed} figures fall short")


if __name__ == "__main__":
    main()
