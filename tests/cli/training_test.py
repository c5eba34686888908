"""samples/training: a network trained with fake quantization keeps its scales on the whole way to the packed file."""

import sys
import unittest

import numpy as np
import onnx
from onnx import numpy_helper

import support

sys.path.insert(0, str(support.ROOT / "samples" / "training"))
try:
    import torch
except ImportError:
    torch = None


@unittest.skipIf(torch is None, "PyTorch is absent")
class QuantizationAwareTraining(support.Case):
    def trained(self):
        """A few steps on noise: enough for ranges, and to move every weight."""
        import qat
        from export import load_bundled

        class Options:
            rate = 1e-4

        torch.manual_seed(1)
        training = qat.Training(load_bundled(support.MODEL.parent), Options, 4)
        for _ in range(4):
            training.learn(torch.randint(0, 256, (8, 32, 32, 3), dtype=torch.uint8))
        return training.student.eval()

    def convert(self, student):
        import export_qdq

        onnx_path, packed = self.folder / "net.onnx", self.folder / "net.octet"
        export_qdq.export(student, str(onnx_path))
        self.succeed(support.OCTET, "convert", onnx_path, "-o", packed)
        return onnx.load(onnx_path), packed

    def test_the_bundled_network_is_read_back(self):
        from export import load_bundled
        from network import normalise

        x = normalise(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8)).contiguous()
        np.save(self.folder / "x.npy", x.numpy())
        self.succeed(support.OCTET, "run", support.MODEL, "--input", f"image={self.folder}/x.npy", "--output-dir", self.folder)
        with torch.no_grad():
            wanted = torch.softmax(load_bundled(support.MODEL.parent)(x), 1).numpy()
        self.assertLess(np.abs(np.load(self.folder / "probabilities.npy") - wanted).max(), 1e-4)

    def test_scales_in_the_packed_file_are_those_of_the_onnx_file(self):
        model, packed = self.convert(self.trained())
        constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        activations, weights = set(), set()
        for node in model.graph.node:
            if node.op_type == "QuantizeLinear":
                activations.add((float(constants[node.input[1]]), int(constants[node.input[2]])))
            if node.op_type == "DequantizeLinear" and constants.get(node.input[0], np.zeros(0)).dtype == np.int8:
                weights.add(tuple(constants[node.input[1]].tolist()))
        found = {"u8": set(), "s8": set()}
        for t in self.json_of(support.OCTET, "inspect", packed, "--json")["tensors"]:
            if t["dtype"] == "u8":
                found["u8"].add((np.float32(t["scale"]).item(), t["zero_point"]))
            if t["dtype"] == "s8":
                found["s8"].add(tuple(np.float32(s).item() for s in t["scale"]))
        self.assertGreater(len(weights), 10)
        self.assertEqual(found, {"u8": activations, "s8": weights})

    def test_every_layer_runs_on_integers_and_computes_what_training_computed(self):
        student = self.trained()
        _, packed = self.convert(student)
        nodes = self.json_of(support.OCTET, "inspect", packed, "--json")
        types = {t["name"]: t["dtype"] for t in nodes["tensors"]}
        layers = [n for n in nodes["nodes"] if n["op"] in ("conv2d", "fully_connected")]
        self.assertEqual({types[n["inputs"][0]] for n in layers}, {"u8"})
        from network import normalise

        x = normalise(torch.randint(0, 256, (32, 32, 32, 3), dtype=torch.uint8)).contiguous()
        np.save(self.folder / "x.npy", x.numpy())
        self.succeed(support.OCTET, "run", packed, "--input", f"image={self.folder}/x.npy", "--output-dir", self.folder)
        with torch.no_grad():
            wanted = torch.softmax(student(x), 1).numpy()
        got = np.load(self.folder / "probabilities.npy")
        # f32 sums of fake quantization fall on the other side of a tie now and then, and layers pass that on: by 0.0014
        # on average here.
        self.assertLessEqual(np.abs(got - wanted).mean(), 0.004)
        self.assertLessEqual(np.abs(got - wanted).max(), 0.05)

    def test_the_gradient_goes_straight_through_and_stops_outside_of_the_range(self):
        from quantize import Observer

        observer = Observer().train()
        observer(torch.tensor([-1.0, 3.0]))
        observer.observing = False
        x = torch.tensor([-2.0, -0.9, 0.0, 1.234, 2.9, 4.0], requires_grad=True)
        y = observer(x)
        y.sum().backward()
        self.assertEqual(x.grad.tolist(), [0, 1, 1, 1, 1, 0])
        self.assertEqual(y[2].item(), 0)
        self.assertLessEqual((y - x)[1:5].abs().max().item(), 4 / 255 / 2 + 1e-6)

    def test_observers_and_batch_norm_freeze_when_they_should(self):
        import qat
        from export import load_bundled

        class Options:
            rate = 0

        training = qat.Training(load_bundled(support.MODEL.parent), Options, 4)
        ranges, means = [], []
        for _ in range(4):
            training.learn(torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8))
            ranges.append(training.student.stem.maximum.item())
            means.append(training.student.network.stem_bn.running_mean.sum().item())
        self.assertNotEqual(ranges[0], ranges[1])
        self.assertEqual(ranges[1:], ranges[1:2] * 3)  # from half of the steps on
        self.assertEqual(len(set(means[:3])), 3)
        self.assertEqual(means[2], means[3])  # from three quarters on

    def test_a_training_continues_from_its_checkpoint_as_if_it_had_not_stopped(self):
        import qat
        from export import load_bundled

        class Options:
            rate = 1e-3

        torch.manual_seed(2)
        batches = [torch.randint(0, 256, (4, 32, 32, 3), dtype=torch.uint8) for _ in range(4)]
        whole = qat.Training(load_bundled(support.MODEL.parent), Options, 4)
        for batch in batches[:3]:
            whole.learn(batch)
        path = str(self.folder / "qat.pt")
        whole.save(path)
        continued = qat.Training(load_bundled(support.MODEL.parent), Options, 4)
        continued.load(path)
        for training in (whole, continued):
            training.learn(batches[3])
        self.assertEqual(whole.held_out_loss(batches[0]), continued.held_out_loss(batches[0]))


if __name__ == "__main__":
    unittest.main()
