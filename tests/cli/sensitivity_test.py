"""`octet sensitivity` takes the options of `octet convert` that say what the network is and how it becomes integers."""

import json
import math
import random
import struct
import unittest

import support


class Sensitivity(support.Case):
    """Three convolutions over images whose size is open."""

    SHAPES = {"a": [16, 3, 3, 3], "b": [16, 16, 3, 3], "c": [16, 16, 1, 1]}

    def setUp(self):
        super().setUp()
        draw = random.Random(3)
        tensors, nodes, values, previous = [], [], [], "x"
        for name, shape in self.SHAPES.items():
            tensors.append({"name": f"{name}.w", "dtype": "f32", "shape": shape, "offset": 4 * len(values)})
            for channel in range(shape[0]):  # unlike each other, so that one scale for all of them shows
                values += [draw.gauss(0, 0.1 * 1.2**channel) for _ in range(math.prod(shape[1:]))]
            nodes.append({"name": name, "op": "conv2d", "inputs": [previous, f"{name}.w"], "outputs": [f"{name}.y"]})
            previous = f"{name}.y"
        model = {
            "format": "octet", "version": 1, "name": "open", "weights": "open.bin", "tensors": tensors, "outputs": [previous],
            "inputs": [{"name": "x", "dtype": "f32", "shape": ["N", 3, "H", "W"]}], "nodes": nodes,
        }  # fmt: skip
        self.write("open.bin", struct.pack(f"<{len(values)}f", *values))
        self.model = self.write("open.json", json.dumps(model))
        self.data = self.write("x.npy", support.npy([10, 3, 9, 9], [draw.gauss(0, 1) for _ in range(10 * 3 * 9 * 9)]))
        self.shape = ["--input-shape", "x=1x3x9x9"]

    def errors(self, *options):
        """By name and bits."""
        found = self.json_of(support.OCTET, "sensitivity", self.model, "--data", self.data, *self.shape, "--json", *options)
        return {(layer["name"], layer["bits"]): layer["error"] for layer in found["layers"]}

    def test_takes_the_shape_that_it_asks_for(self):
        done = self.run_program(support.OCTET, "sensitivity", self.model, "--data", self.data)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("--input-shape", done.stderr)
        self.assertEqual(set(self.errors()), {(name, 8) for name in self.SHAPES})
        self.fail_with(2, support.OCTET, "sensitivity", self.model, "--data", self.data, "--input-shape", "x", mentions=["--input-shape"])

    def test_ranks_the_integers_that_are_asked_for(self):
        plain = self.errors()
        for method in ("single_layer", "hessian"):
            self.assertGreater(self.errors("--method", method, "--weights", "per_tensor")["b", 8],
                               1.1 * self.errors("--method", method)["b", 8])  # fmt: skip
        for options in (["--activations", "symmetric"], ["--scale", "pow2"], ["--portable"], ["--calibration", "percentile", "--percentile", "90"]):
            self.assertGreater(self.errors(*options)["b", 8], 1.1 * plain["b", 8], options)

    def test_options_of_no_effect_are_refused_and_a_width_counts_once(self):
        for idle in (["--percentile", "99"], ["--group-size", "32"], ["--group-size", "32", "--bits", "4", "--weights", "per_channel"]):
            self.fail_with(2, support.OCTET, "sensitivity", self.model, "--data", self.data, *self.shape, *idle, mentions=[idle[0], "no effect"])
        once, twice = (
            self.json_of(support.OCTET, "sensitivity", self.model, "--data", self.data, *self.shape, "--json", "--bits", bits) for bits in ("8", "8,8")
        )
        self.assertEqual(once, twice)

    def test_weights_of_4_bits_are_those_of_convert(self):
        wide, narrow = self.errors("--bits", "4"), self.errors("--bits", "4", "--group-size", "8")
        self.assertLess(narrow["b", 4], 0.95 * wide["b", 4])  # each 8 weights have a step of their own
        self.assertLess(wide["b", 4], 0.95 * self.errors("--bits", "4", "--weights", "per_channel")["b", 4])
        # --weight-bits says the width unless --bits does.
        self.assertEqual(self.errors("--weight-bits", "4", "--weights", "per_group", "--group-size", "8"), narrow)
        arguments = (support.OCTET, "sensitivity", self.model, "--data", self.data, *self.shape)
        self.fail_with(2, *arguments, "--weight-bits", "4", "--bits", "4,8", mentions=["--bits 8", "--weight-bits 4"])
        self.fail_with(2, *arguments, "--weights", "per_group", mentions=["--weight-bits 4"])

    def test_layers_that_stay_float_have_no_row(self):
        self.assertEqual({name for name, _ in self.errors("--keep-float", "first,c")}, {"b"})
        self.fail_with(2, support.OCTET, "sensitivity", self.model, "--data", self.data, *self.shape, "--keep-float", "d", mentions=["'d'"])

    def test_16_bits_are_bf16_and_32_are_exact(self):
        for method in ("single_layer", "hessian"):
            found = self.errors("--bits", "4,8,16,32", "--method", method)
            for name in self.SHAPES:
                self.assertGreater(found[name, 4], found[name, 8])
                self.assertGreater(found[name, 8], found[name, 16])
                self.assertGreater(found[name, 16], 0)
                self.assertEqual(found[name, 32], 0)


if __name__ == "__main__":
    unittest.main()
