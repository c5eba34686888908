"""Networks with the patterns of known architectures: f32 equals the definition, int8 keeps the signal.

With OCTET_SAVE=FOLDER each network, its input and octet's f32 output are left there, for other programs to run.
"""

import os
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
try:
    import numpy as np
    import architectures
    import reference
    from network import Network
    from quality import smooth, sqnr
except ImportError as missing:
    print(f"skipped={missing}: the networks are built with python3-onnx")
    sys.exit(0)
import support

# Signal over noise of the int8 network's outputs on data that it was not calibrated on, in dB, a few below what is measured over
# several inputs: single ones are many dB from it.
INPUTS = 8
LEAST_SQNR = {
    "yolo": 25, "unet": 31, "deeplab": 32, "efficientnet": 32, "mobilenet_v3": 30, "shufflenet": 31, "densenet": 31,
    "vision_transformer": 27,
}  # fmt: skip


class Architectures(support.Case):
    def octet(self, model, name, x):
        x_file = self.folder / "x.npy"
        np.save(x_file, x)
        self.succeed(support.OCTET, "run", model, "--input", f"{name}={x_file}", "--output-dir", self.folder / "out", "--threads", 1)
        (path,) = (self.folder / "out").iterdir()
        made = np.load(path)
        path.unlink()
        return made

    def test_float_is_exact_and_int8_is_close(self):
        for build in architectures.ALL:
            name = build.__name__
            with self.subTest(name):
                net = build()
                source, shape = net.inputs[0].name, net.shape[net.inputs[0].name][1:]
                random = np.random.default_rng(99)
                x = smooth(random, 2 * INPUTS, shape)
                path = net.save(self.folder / f"{name}.onnx")
                wanted = [reference.run(net.model(), {source: x[i : i + 1]})[0] for i in range(INPUTS)]
                want = np.concatenate(wanted)
                got = self.octet(path, source, x[:INPUTS])
                self.assertEqual(got.shape, want.shape)
                worst = float(np.max(np.abs(got - want)))
                self.assertLess(worst, 1e-4 * max(1, float(np.max(np.abs(want)))))
                np.save(self.folder / "calibration.npy", x[INPUTS:])
                packed = self.folder / f"{name}.octet"
                self.succeed(support.OCTET, "convert", path, "-o", packed, "--data", self.folder / "calibration.npy",
                             "--calibration", "minmax", "--correct", "none")  # fmt: skip
                quality = sqnr(want, self.octet(packed, source, x[:INPUTS]))
                print(f"{name}: float within {worst:.1e}, int8 {quality:.1f} dB")
                self.assertGreater(quality, LEAST_SQNR[name])
                if "OCTET_SAVE" in os.environ:
                    folder = pathlib.Path(os.environ["OCTET_SAVE"])
                    net.save(folder / f"{name}.onnx")
                    x[:1].tofile(folder / f"{name}.f32")
                    np.save(folder / f"{name}.npy", self.octet(path, source, x[:1]))

    def test_a_segmentation_that_ends_in_classes_is_converted_by_default(self):
        """No output is f32: nothing judges corrections, which is no reason to fail."""
        net = Network(6)
        x = net.conv(net.conv(net.input("image", "N", 3, 16, 16), 16, 3, act="Relu", norm=True), 5)
        net.output(net.node("ArgMax", [x], [1, 1, 16, 16], axis=1))
        path, packed = net.save(self.folder / "net.onnx"), self.folder / "net.octet"
        x = smooth(np.random.default_rng(3), 24, (3, 16, 16))
        np.save(self.folder / "calibration.npy", x[8:])
        convert = (support.OCTET, "convert", path, "-o", packed, "--data", self.folder / "calibration.npy")
        done = self.run_program(*convert)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nothing was corrected: no output is f32", done.stderr)
        self.assertGreater(np.mean(self.octet(packed, "image", x[:8]) == self.octet(path, "image", x[:8])), 0.95)
        self.fail_with(3, *convert, "--correct", "bias", mentions=["no output is f32"])

    def test_a_layer_norm_keeps_tokens_of_very_different_size(self):
        """With its means or its variances as integers it loses the small ones: 3 dB where 34 are."""
        net = Network(5)
        tokens, width = 16, 32
        sizes = net.constant(np.float32(100 ** np.linspace(0, 1, tokens)).reshape(1, tokens, 1))
        x = net.layer_norm(net.same("Mul", net.linear(net.input("x", "N", tokens, width), width), sizes))
        net.output(net.linear(net.act(net.linear(x, width), "Relu"), 10))
        path, packed = net.save(self.folder / "net.onnx"), self.folder / "net.octet"
        x = np.random.default_rng(3).standard_normal((24, tokens, width)).astype(np.float32)
        np.save(self.folder / "calibration.npy", x[8:])
        self.succeed(support.OCTET, "convert", path, "-o", packed, "--data", self.folder / "calibration.npy", "--calibration", "minmax",
                     "--correct", "none")  # fmt: skip
        want = np.concatenate([reference.run(net.model(), {"x": x[i : i + 1]})[0] for i in range(8)])
        self.assertGreater(sqnr(want, self.octet(packed, "x", x[:8])), 30)


if __name__ == "__main__":
    unittest.main()
