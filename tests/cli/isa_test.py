"""The same bytes on every CPU: networks run at every level of instruction sets, with any threads and any batch."""

import math
import os
import platform
import random
import unittest

from levels import LEVELS, OWN_LEVELS
from support import OCTET, MODEL, PACKED, BENCHMARK, Case, npy, read_npy


def images(count, seed):
    """Images of noise, and of nothing but the ends of the range: sums of products go as far as they can."""
    rng = random.Random(seed)
    values = []
    for i in range(count):
        choose = (lambda: rng.uniform(-2, 2)) if i % 2 == 0 else (lambda: rng.choice((-1e3, 1e3)))
        values += [choose() for _ in range(3 * 32 * 32)]
    return values


class Isa(Case):
    def outputs(self, values, batch, threads, level):
        """The bytes that come out for each image, taken `batch` at a time."""
        size = 3 * 32 * 32
        found = b""
        for first in range(0, len(values) // size, batch):
            part = values[first * size : (first + batch) * size]
            data = self.write("x.npy", npy((len(part) // size, 3, 32, 32), part))
            environment = {**os.environ, **level}
            self.succeed(OCTET, "run", PACKED, "--input", f"image={data}", "--output-dir", self.folder, "--threads", threads,
                         env=environment)
            shape, _ = read_npy(self.folder / "probabilities.npy")
            self.assertEqual(shape[0], len(part) // size)
            found += (self.folder / "probabilities.npy").read_bytes()[-40 * shape[0] :]
        return found

    def test_the_bundled_network_gives_the_same_bytes_on_every_isa_with_any_threads_and_any_batch(self):
        values = images(4, seed=5)
        expected = self.outputs(values, batch=1, threads=1, level={})
        self.assertGreater(len({expected[i : i + 40] for i in range(0, len(expected), 40)}), 1)
        for level in LEVELS:
            for threads in (1, 2):
                for batch in (1, 3):
                    with self.subTest(level=level, threads=threads, batch=batch):
                        self.assertEqual(self.outputs(values, batch, threads, level), expected)

    def test_a_bf16_network_gives_nearly_the_same_on_every_isa_and_with_any_threads(self):
        packed = self.folder / "bf16.octet"
        said = self.json_of(OCTET, "convert", MODEL, "-o", packed, "--precision", "bf16", "--json")
        self.assertEqual((said["precision"], said["integer_nodes"]), ("bf16", 0))
        inspected = self.json_of(OCTET, "inspect", packed, "--json")
        types = {tensor["name"]: tensor["dtype"] for tensor in inspected["tensors"]}
        layers = [node for node in inspected["nodes"] if node["op"] in ("conv2d", "fully_connected")]
        self.assertGreater(len(layers), 5)
        for node in layers:
            self.assertEqual([types[name] for name in node["inputs"][:2]], ["bf16", "bf16"], node)
        self.assertLess(packed.stat().st_size, 0.6 * MODEL.with_suffix(".bin").stat().st_size)

        data = self.write("x.npy", npy((4, 3, 32, 32), images(2, seed=6)[: 3 * 32 * 32] * 4))

        def probabilities(model, level, threads=1):
            self.succeed(OCTET, "run", model, "--input", f"image={data}", "--output-dir", self.folder, "--threads", threads,
                         env={**os.environ, **level})
            values = read_npy(self.folder / "probabilities.npy")[1]
            self.assertTrue(all(map(math.isfinite, values)))
            return values

        exact = probabilities(MODEL, {})
        expected = probabilities(packed, {})
        # 8 bits of mantissa and a dozen layers; where sums end near the middle of two bf16 numbers, layers part.
        self.assertLess(max(abs(a - b) for a, b in zip(exact, expected)), 0.05)
        self.assertNotEqual(exact, expected)
        for level in LEVELS:
            with self.subTest(level=level):
                for threads in (1, 2):
                    found = probabilities(packed, level, threads)
                    self.assertLess(max(abs(a - b) for a, b in zip(found, expected)), 0.03)

    @unittest.skipUnless(platform.machine() in ("x86_64", "AMD64"), "levels of x86")
    def test_no_layer_falls_to_plain_code_on_any_x86_that_has_vectors(self):
        for level in OWN_LEVELS[1:]:
            said = self.run_program(BENCHMARK, PACKED, "--runs", 1, "--profile", "--json", env={**os.environ, "OCTET_MAX_ISA": level})
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertNotIn('"reference": true', said.stdout, level)


if __name__ == "__main__":
    unittest.main()
