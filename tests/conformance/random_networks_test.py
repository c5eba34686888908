"""Random networks: what convert writes, the runtime loads and runs; f32 equals the definition, and a batch its samples.

random_networks_test.py [--kind images|sequences|quantized] [--first SEED] [--count N]
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import random_images
    import random_quantized
    import random_sequences
    import reference
    from quality import sqnr
except ImportError as missing:
    print(f"skipped={missing}: the networks are built with python3-onnx")
    sys.exit(0)

ROOT = pathlib.Path(os.environ.get("OCTET_ROOT", pathlib.Path(__file__).resolve().parents[2]))
OCTET = pathlib.Path(os.environ.get("OCTET_BUILD", ROOT / "build")) / "converter" / "octet"
# Signal over noise that int8 keeps, in dB, whatever the layers are.
LEAST_SQNR = 15
# Of a network that is quantized already, next to the definition of its integers.
LEAST_SQNR_OF_QUANTIZED = 35
KINDS = {"images": random_images, "sequences": random_sequences, "quantized": random_quantized}


def octet(*arguments):
    done = subprocess.run([str(OCTET), *map(str, arguments)], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise AssertionError(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")


def run(model, folder, source, x):
    np.save(folder / "x.npy", x)
    octet("run", model, "--input", f"{source}={folder / 'x.npy'}", "--output-dir", folder / "out", "--threads", 1)
    (path,) = (folder / "out").iterdir()
    made = np.load(path).astype(np.float64)
    path.unlink()
    return made


def defined(model, source, x):
    """What ONNX says, sample by sample."""
    return np.concatenate([reference.run(model, {source: one[None]})[0] for one in x])


def check_float(path, folder, source, x, want, decides):
    got = run(path, folder, source, x)
    assert got.shape == want.shape, f"f32: {got.shape}, not {want.shape}"
    apart = np.abs(got - want) > 1e-4 * max(1, float(np.max(np.abs(want))))
    assert np.mean(apart) < (0.01 if decides else 1e-9), f"f32: off by {np.max(np.abs(got - want)):.1e}"


def check_integers(packed, folder, source, x, want):
    """The outputs for all of x."""
    both = run(packed, folder, source, x)
    assert both.shape == want.shape and np.all(np.isfinite(both)), "int8: another shape, or no numbers"
    single = np.concatenate([run(packed, folder, source, one[None]) for one in x])
    # Integers are the same bytes in any batch; f32 nodes may differ in the last places, and with them a rounding.
    apart = float(np.mean(np.abs(both - single) > 1e-4 * max(1, float(np.max(np.abs(want))))))
    assert apart < 0.01, f"int8: {100 * apart:.1f} % of a batch's values are not those of its samples"
    return both


def quality(what, want, got, least, decides):
    if decides or np.max(np.abs(want)) < 1e-6:  # nothing but rounding
        return None
    kept = sqnr(want, got)
    assert kept > least, f"{what}: {kept:.1f} dB"
    return kept


def check_network(net, decides, folder, x):
    source, path, packed = net.inputs[0].name, net.save(folder / "net.onnx"), folder / "net.octet"
    want = defined(net.model(), source, x[:2])
    check_float(path, folder, source, x[:2], want, decides)
    np.save(folder / "data.npy", x)
    octet("convert", path, "-o", packed, "--data", folder / "data.npy", "--calibration", "minmax", "--correct", "none")
    return quality("int8", want, check_integers(packed, folder, source, x[:2], want), LEAST_SQNR, decides)


def check_quantized(net, model, decides, folder, x):
    """Converted as it is, and as f32 (where a rounding falls to the other side now and then)."""
    source, path, packed = net.inputs[0].name, folder / "net.onnx", folder / "net.octet"
    onnx.save(model, str(path))
    with np.errstate(all="ignore"):
        want = defined(model, source, x[:2])
    if not np.all(np.isfinite(want)):  # a divisor has been rounded to 0
        return None
    octet("convert", path, "-o", packed, "--precision", "f32")
    quality("f32", want, run(packed, folder, source, x[:2]), LEAST_SQNR_OF_QUANTIZED, decides)
    octet("convert", path, "-o", packed)
    return quality("int8", want, check_integers(packed, folder, source, x[:2], want), LEAST_SQNR_OF_QUANTIZED, decides)


def check(kind, seed, folder):
    net, *rest = KINDS[kind].build(seed)
    shape = net.shape[net.inputs[0].name][1:]
    x = np.random.default_rng(seed).standard_normal((6, *shape)).astype(np.float32)
    return (check_quantized if kind == "quantized" else check_network)(net, *rest, folder, x)


def run_all(kind, seeds):
    """How many fail."""
    failed, kept = 0, []
    for seed in seeds:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="octet-random-"))
        try:
            decibels = check(kind, seed, folder)
            kept += [] if decibels is None else [decibels]
        except Exception as problem:
            failed += 1
            print(f"FAILED: {problem}\n  random_networks_test.py --kind {kind} --first {seed} --count 1")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    figures = f"{min(kept):.1f} dB or more, in the middle {np.median(kept):.1f}" if kept else "nothing to measure"
    print(f"{len(seeds) - failed} of {len(seeds)} {kind} pass; int8 keeps {figures}")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, help="by default 40 of images, 30 of the others")
    options = parser.parse_args()
    failed = 0
    for kind in [options.kind] if options.kind else KINDS:
        count = options.count or (40 if kind == "images" else 30)
        failed += run_all(kind, range(options.first, options.first + count))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
