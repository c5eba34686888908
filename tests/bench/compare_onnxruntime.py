#!/usr/bin/env python3
"""Six networks on octet and on ONNX Runtime, in turns on the same machine: times, their ratios, memory, load.

usage: compare_onnxruntime.py --models FOLDER [--ort-bench PROGRAM] [--build FOLDER] [--markdown] ...

FOLDER ($OCTET_PEER_MODELS) holds, for each network, NAME_fp32.onnx, which octet converts, and NAME_int8.onnx, the same
network as QDQ, which ONNX Runtime runs; and calib_224.f32 and calib_32.f32, raw f32 images [N, 3, S, S] to calibrate on.
PROGRAM ($ORT_BENCH) runs a model on ONNX Runtime and prints one line with min=, load=, first= (ms) and peak_rss= (MB):
    PROGRAM MODEL.onnx --threads N --runs R --warmup W
Without it the columns of ONNX Runtime stay empty; without the models there is nothing to do (exit 77).

A time is the minimum over all runs of all processes; processes of the two programs take turns, so that a slow minute of
the machine meets both.
"""

import json
import math
import os
import pathlib
import re
import struct
import sys
import tempfile

from programs import parser_of, run, skip

# Name, image side.
NETWORKS = {"mobilenet_v1": 224, "mobilenet_v2": 224, "squeezenet1_1": 224, "resnet18": 224, "resnet50": 224, "resnet8": 32}


def npy_of(raw, side):
    """The bytes of an .npy file [N, 3, side, side] around raw f32 values."""
    shape = (len(raw) // (4 * 3 * side * side), 3, side, side)
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + raw


class Octet:
    def __init__(self, build, models, scratch):
        self.convert_program = build / "converter" / "octet"
        self.benchmark = build / "samples" / "benchmark"
        self.models, self.scratch = models, scratch

    def packed(self, name, precision):
        out = self.scratch / f"{name}_{precision}.octet"
        if out.exists():
            return out
        source = [self.convert_program, "convert", self.models / f"{name}_fp32.onnx", "-o", out, "--preprocess", "raw"]
        if precision == "f32":
            run(*source, "--precision", "f32")
            return out
        side = NETWORKS[name]
        images = self.scratch / f"calib_{side}.npy"
        if not images.exists():
            images.write_bytes(npy_of((self.models / f"calib_{side}.f32").read_bytes(), side))
        run(*source, "--data", images, "--calibration", "minmax", "--correct", "none")
        return out

    def measure(self, name, options, threads, precision="int8", batch=1):
        found = json.loads(run(self.benchmark, self.packed(name, precision), "--threads", threads, "--runs", options.runs,
                               "--warmup", options.warmup, "--batch", batch, "--json"))
        return {"ms": found["latency_ms"]["min"] / batch, "load": found["load_ms"] + found["first_run_ms"], "rss": found["peak_rss_mb"]}


class OnnxRuntime:
    def __init__(self, program, models):
        self.program, self.models = program, models

    def measure(self, name, options, threads):
        said = run(self.program, self.models / f"{name}_int8.onnx", "--threads", threads, "--runs", options.runs,
                   "--warmup", options.warmup)

        def figure(key):
            return float(re.search(rf"\b{key}=([0-9.]+)", said).group(1))

        return {"ms": figure("min"), "load": figure("load") + figure("first"), "rss": figure("peak_rss")}


def least(figures):
    """The least of each figure over several processes."""
    return {key: min(f[key] for f in figures) for key in figures[0]}


def in_turns(count, *measures):
    taken = [[] for _ in measures]
    for _ in range(count):
        for figures, measure in zip(taken, measures):
            figures.append(measure())
    return [least(figures) for figures in taken]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")


def number(value, digits):
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def print_table(title, header, rows, markdown):
    if markdown:
        print(f"\n**{title}**\n\n| {' | '.join(header)} |\n|{' --- |' * len(header)}")
        for row in rows:
            print(f"| {' | '.join(row)} |")
        return
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    print(f"\n{title}")
    for row in [header, *rows]:
        print("  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))))


def compare_speed(names, threads, octet, peer, options):
    """Rows of {octet ms, peer ms, ratio}, and each network's figures of both."""
    rows, ratios, figures = [], [], {}
    for name in names:
        measures = [lambda: octet.measure(name, options, threads)]
        if peer:
            measures.append(lambda: peer.measure(name, options, threads))
        ours, *theirs = in_turns(options.processes, *measures)
        theirs = theirs[0] if theirs else {"ms": math.nan, "load": math.nan, "rss": math.nan}
        ratios.append(ours["ms"] / theirs["ms"])
        figures[name] = (ours, theirs)
        rows.append([name, number(ours["ms"], 3), number(theirs["ms"], 3), number(ratios[-1], 3)])
        print(f"{name}, {threads} threads: {rows[-1][1]} ms", file=sys.stderr, flush=True)
    rows.append(["geometric mean", "", "", number(geometric_mean(ratios), 3)])
    return rows, figures


def compare_with_itself(names, octet, options):
    """int8 at batch 1 against batch 8, per image, and against f32."""
    rows, speedups = [], []
    for name in names:
        one, eight, f32 = in_turns(max(options.processes // 2, 1), lambda: octet.measure(name, options, 1),
                                   lambda: octet.measure(name, options, 1, batch=8),
                                   lambda: octet.measure(name, options, 1, precision="f32"))
        speedups.append(f32["ms"] / one["ms"])
        rows.append([name, number(one["ms"], 3), number(eight["ms"], 3), number(eight["ms"] / one["ms"], 3), number(f32["ms"], 3),
                     number(speedups[-1], 2)])
        print(f"{name}, batch 8 and f32: done", file=sys.stderr, flush=True)
    rows.append(["geometric mean", "", "", "", "", number(geometric_mean(speedups), 2)])
    return rows


def main():
    parser = parser_of(__doc__, data=False)
    parser.add_argument("--models", type=pathlib.Path, default=os.environ.get("OCTET_PEER_MODELS"))
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="NAME")
    parser.add_argument("--processes", type=int, default=5, help="of each program, for each figure")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--markdown", action="store_true", help="tables for a README")
    options = parser.parse_args()
    if options.models is None or not any(options.models.joinpath(f"{n}_fp32.onnx").exists() for n in options.networks):
        skip(f"no models; --models or $OCTET_PEER_MODELS must name a folder with NAME_fp32.onnx (it is {options.models})")
    names = [n for n in options.networks if options.models.joinpath(f"{n}_fp32.onnx").exists()]
    peer = None
    if options.ort_bench is not None and options.ort_bench.exists():
        peer = OnnxRuntime(options.ort_bench, options.models)
    else:
        print(f"without ONNX Runtime: --ort-bench or $ORT_BENCH must name its program (it is {options.ort_bench})", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="octet-compare-") as scratch:
        octet = Octet(options.build, options.models, pathlib.Path(scratch))
        figures = {}
        for threads in options.threads:
            rows, found = compare_speed(names, threads, octet, peer, options)
            figures = figures or found
            print_table(f"int8, batch 1, {threads} thread{'s' if threads > 1 else ''}", ["network", "octet, ms", "ONNX Runtime, ms", "ratio"], rows,
                        options.markdown)
        rows = [[name, *(number(side[key], 1) for key in ("rss", "load") for side in found)] for name, found in figures.items()]
        print_table(f"Memory and load, {options.threads[0]} thread", ["network", "octet, peak MB", "ONNX Runtime, peak MB", "octet, ms to first answer",
                                                                      "ONNX Runtime, ms to first answer"], rows, options.markdown)
        print_table("octet against itself, 1 thread", ["network", "int8, ms", "batch 8, ms per image", "batch 8 / batch 1", "f32, ms", "f32 / int8"],
                    compare_with_itself(names, octet, options), options.markdown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
