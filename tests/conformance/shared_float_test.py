"""Real networks whose f32 outputs are compared with ONNX's definitions in double, where ../shared/data is present.

They are those that peers which take one input leave out: DTLN has the states of its LSTM layers as a second one.
"""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
try:
    import node_tests  # noqa: F401: its aliases must be there before onnx is imported
    import numpy as np
    import onnx
    import reference
except ImportError as missing:
    print(f"skipped={missing}: the models are read with python3-onnx")
    sys.exit(0)
import support

MODELS = ("dtln/model_1.onnx", "dtln/model_2.onnx")


@unittest.skipUnless(support.SHARED.is_dir(), "../shared/data is absent")
class SharedFloat(support.Case):
    def test_networks_of_several_inputs_are_what_onnx_defines(self):
        for name in MODELS:
            with self.subTest(name):
                path = support.SHARED / "models" / name
                model = onnx.load(path)
                constants = {c.name for c in model.graph.initializer}
                random = np.random.default_rng(11)
                inputs, arguments = {}, []
                for value in model.graph.input:
                    if value.name in constants:
                        continue
                    dims = [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
                    inputs[value.name] = random.standard_normal(dims).astype(np.float32)
                    np.save(self.folder / f"{value.name}.npy", inputs[value.name])
                    arguments += ["--input", f"{value.name}={self.folder / value.name}.npy"]
                self.assertGreater(len(inputs), 1)
                self.succeed(support.OCTET, "run", path, *arguments, "--output-dir", self.folder / "out")
                for value, want in zip(model.graph.output, reference.run(model, inputs), strict=True):
                    got = np.load(self.folder / "out" / f"{value.name}.npy")
                    self.assertEqual(got.shape, want.shape)
                    worst = float(np.max(np.abs(got - want)) / np.max(np.abs(want)))
                    print(f"{name}, {value.name}: within {worst:.1e}")
                    self.assertLess(worst, 1e-4)


if __name__ == "__main__":
    unittest.main()
