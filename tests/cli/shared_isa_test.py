"""The same bytes on every CPU, of every network of ../shared/data: as int8 they give the same bytes at every level of
instruction sets, with any threads and any batch; as f32 the same numbers, but for the order of sums. Says so and is
skipped where the data is absent."""

import array
import itertools
import math
import os
import pathlib
import random
import tempfile
import unittest

from levels import LEVELS
from support import BUILD, OCTET, SHARED, Case, npy, read_npy

MODELS = sorted(path for pattern in ("*/*.onnx", "*/model.json") for path in (SHARED / "models").glob(pattern))
PLAIN_ONEDNN = BUILD / "tests/plain_onednn_test"
SAMPLES = 2
# Of the largest |output|: what orders of the same f32 sums may make of it.
F32_TOLERANCE = 1e-5


def sample(rng, shape, index):
    """Noise, or nothing but the ends of its range: sums of products go as far as they can."""
    size = math.prod(shape)
    return [rng.uniform(-2, 2) for _ in range(size)] if index == 0 else rng.choices((-2, 2), k=size)


class Network:
    """A float model, and samples for each of its inputs."""

    def __init__(self, case, path):
        self.case = case
        self.path = path
        inputs = case.json_of(OCTET, "inspect", path, "--json")["inputs"]
        has_batch = all(i["shape"][0] == "N" for i in inputs)
        rng = random.Random(path.name)
        # The samples by batch: for each run, the file of each input.
        self.runs = {batch: [{} for _ in range(SAMPLES // batch)] for batch in ((1, SAMPLES) if has_batch else (1,))}
        for k, given in enumerate(inputs):
            shape = given["shape"][1:]
            samples = [sample(rng, shape, i) for i in range(SAMPLES)]
            for batch, runs in self.runs.items():
                for i, files in enumerate(runs):
                    values = list(itertools.chain(*samples[i * batch : (i + 1) * batch]))
                    files[given["name"]] = case.write(f"{k}.{batch}.{i}.npy", npy((batch, *shape), values))

    def convert(self, *options):
        packed = self.case.folder / "net.octet"
        return packed, self.case.json_of(OCTET, "convert", self.path, "-o", packed, "--json", *options)

    def convert_to_int8(self):
        """Calibrated with the samples, so that they reach the ends of the integers of the input."""
        files = self.runs[max(self.runs)][0]
        return self.convert("--data", *(f"{name}={file}" for name, file in files.items()), "--calibration", "minmax",
                            "--correct", "none")

    def outputs(self, packed, threads, batch, level):
        """The f32 values of each output for all samples, taken `batch` at a time."""
        found = {}
        folder = self.case.folder / "out"
        for files in self.runs[batch]:
            given = itertools.chain(*(("--input", f"{name}={file}") for name, file in files.items()))
            self.case.succeed(OCTET, "run", packed, *given, "--output-dir", folder, "--threads", threads,
                              env={**os.environ, **level})
            for file in folder.iterdir():
                found.setdefault(file.name, array.array("f")).extend(read_npy(file)[1])
        return found

    def check(self, packed, same):
        """The outputs are the `same` at all levels, with any threads and any batch. Returns them."""
        expected = self.outputs(packed, 1, 1, {})
        for level in LEVELS:
            for threads, batch in itertools.product((1, 2), self.runs):
                with self.case.subTest(path=self.path, level=level, threads=threads, batch=batch):
                    found = self.outputs(packed, threads, batch, level)
                    self.case.assertEqual(set(found), set(expected))
                    for name, values in found.items():
                        same(values, expected[name])
        return expected


@unittest.skipUnless(MODELS, "../shared/data is absent")
class SharedIsa(Case):
    def networks(self):
        for path in MODELS:
            with tempfile.TemporaryDirectory(prefix="octet-cli-") as folder:
                self.folder = pathlib.Path(folder)
                yield Network(self, path)

    def same_bytes(self, found, expected):
        self.assertEqual(found.tobytes(), expected.tobytes())

    def nearly_the_same(self, found, expected):
        self.assertEqual(len(found), len(expected))
        self.assertTrue(all(map(math.isfinite, found)))
        scale = max(map(abs, expected))
        worst = max(abs(a - b) for a, b in zip(found, expected)) / scale
        self.worst = max(self.worst, worst)
        self.assertLessEqual(worst, F32_TOLERANCE)

    def test_int8_gives_the_same_bytes(self):
        for net in self.networks():
            packed, said = net.convert_to_int8()
            self.assertGreater(said["integer_nodes"], 0, net.path)
            outputs = net.check(packed, self.same_bytes)
            self.assertGreater(max(len(set(values)) for values in outputs.values()), 1, net.path)
            # The control: oneDNN alone gives other bytes without VNNI, and the same where the CPU has it.
            for level in LEVELS[1], {}:
                self.succeed(PLAIN_ONEDNN, env={**os.environ, "OCTET_TEST_FILE": str(packed), **level})

    def test_f32_gives_the_same_but_for_the_order_of_sums(self):
        self.worst = 0
        for net in self.networks():
            packed, said = net.convert("--precision", "f32")
            if said["integer_nodes"] > 0:  # integers came with it, and the other test has them
                self.assertRegex(net.path.name, "int8|quant")
                continue
            net.check(packed, self.nearly_the_same)
        print(f"f32 at all levels: at most {self.worst:.1e} of the largest |output| apart", flush=True)


if __name__ == "__main__":
    unittest.main()
