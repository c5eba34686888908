"""octet compare, and the page of octet convert --report, for networks with outputs of integers and booleans."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import numpy as np
from network import Network

import support

SAMPLES = 40


class WholeOutputs(support.Case):
    def setUp(self):
        super().setUp()
        self.x = np.random.default_rng(2).standard_normal((SAMPLES, 3, 8, 8)).astype(np.float32)
        self.data = self.folder / "x.npy"
        np.save(self.data, self.x)
        self.source, self.packed, self.page = (self.folder / name for name in ("net.onnx", "net.octet", "page.html"))

    def convert(self, *, with_scores):
        net = Network(4)
        scores = net.conv(net.input("x", "N", 3, 8, 8), 6, 3)
        self.names = [net.output(net.node("ArgMax", [scores], axis=1, keepdims=0)), net.output(net.node("Greater", [scores, net.constant(np.float32(0))]))]
        if with_scores:
            self.names.append(net.output(net.same("Sigmoid", scores)))
        net.save(self.source)
        self.succeed(support.OCTET, "convert", self.source, "-o", self.packed, "--data", self.data, "--calibration", "minmax",
                     "--correct", "none", "--report", self.page)  # fmt: skip

    def outputs(self, model):
        self.succeed(support.OCTET, "run", model, "--input", f"x={self.data}", "--output-dir", self.folder / "out")
        return {name: np.load(self.folder / "out" / f"{name}.npy") for name in self.names}

    def compare(self, *options):
        return support.OCTET, "compare", self.source, self.packed, "--data", self.data, *options

    def test_they_are_compared_by_the_share_of_equal_elements(self):
        self.convert(with_scores=True)
        wanted, got = self.outputs(self.source), self.outputs(self.packed)
        rows = {row["name"]: row for row in self.json_of(*self.compare("--json"))["outputs"]}
        text, page = self.succeed(*self.compare()), self.page.read_text()
        for name in self.names[:2]:
            share = 100 * np.mean(wanted[name] == got[name])
            self.assertLess(share, 100)
            self.assertGreater(share, 90)
            self.assertAlmostEqual(rows[name]["agreement"], share, places=6)
            self.assertIsNone(rows[name]["sqnr_db"])
            self.assertRegex(text, rf"{name} +{share:.1f} % of {wanted[name].size} are the same")
            self.assertIn(f"<td>the same in {name}, %</td><td>{share:.2f}</td>", page)
        self.assertIsNone(rows[self.names[2]]["agreement"])
        self.assertGreater(rows[self.names[2]]["sqnr_db"], 20)
        self.assertIn(f"<td>SQNR of {self.names[2]}, dB</td>", page)
        self.succeed(*self.compare("--min-sqnr", 20))
        self.fail_with(6, *self.compare("--json", "--min-sqnr", 200), mentions=[self.names[2], "200"])

    def test_they_have_no_decibels_to_gate_on(self):
        self.convert(with_scores=False)
        self.assertIn("are the same", self.succeed(*self.compare()))
        self.fail_with(2, *self.compare("--min-sqnr", 20), mentions=["--min-sqnr", self.packed])


if __name__ == "__main__":
    unittest.main()
