"""Real trained networks on real images, where ../shared/data is present; says so and is skipped where it is not."""

import random
import unittest

from support import OCTET, SHARED, Case, npy, read_npy

IMAGENET = SHARED / "images" / "imagenet_val"
CIFAR = SHARED / "images" / "cifar10"
CIFAR_SPEC = "size=32x32,color=rgb,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225"
# model, preprocessing, calibration, evaluation, label offset, drop allowed in points, agreement asked in percent
NETWORKS = {
    "squeezenet1.1/squeezenet1.1.onnx": ("imagenet,resize=227", IMAGENET, 0, 1.0, 94.7),
    "mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx": ("tf,resize=227", IMAGENET, 0, 1.5, 81.0),
    "mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float_hybridfc.onnx": ("tf,resize=227", IMAGENET, 1, 1.0, 93.8),
    "cifar10_resnet20/resnet20_cifar10.onnx": (CIFAR_SPEC, CIFAR, 0, 0.5, 97.3),
}


@unittest.skipUnless(SHARED.is_dir(), "../shared/data is absent")
class SharedModels(Case):
    def test_int8_keeps_the_accuracy_of_real_networks(self):
        for name, (spec, images, offset, drop, agreement) in NETWORKS.items():
            model = SHARED / "models" / name
            calibration = images / ("calibration" if images == IMAGENET else "train_lossless")
            lines = (images / "evaluation" / "labels.txt").read_text().split("\n")
            labels = self.write("labels", "".join(f"{n} {int(i) + offset}\n" for n, i in (l.split() for l in lines if l)))
            packed = self.folder / "net.octet"
            # What plain quantization must keep; correction, which takes minutes, has tests of its own on small networks.
            self.succeed(OCTET, "convert", model, "-o", packed, "--data", calibration, "--preprocess", spec,
                         "--correct", "none")
            found = self.json_of(OCTET, "evaluate", packed, "--against", model, "--data", images / "evaluation",
                                 "--labels", labels, "--json")
            print(name, {key: round(found[key], 2) for key in ("top1", "drop", "agreement")}, flush=True)
            self.assertLessEqual(found["drop"], drop, name)
            self.assertGreaterEqual(found["agreement"], agreement, name)

    def test_tensorflow_js_gives_the_answers_of_onnx(self):
        rng = random.Random(3)
        pixels = [rng.uniform(-1, 1) for _ in range(224 * 224 * 3)]
        nchw = [pixels[3 * i + c] for c in range(3) for i in range(224 * 224)]
        answers = []
        for model, shape, values in (("mobilenet_v1_0.25_224_tfjs/model.json", (1, 224, 224, 3), pixels),
                                     ("mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx", (1, 3, 224, 224), nchw)):
            path = SHARED / "models" / model
            name = self.json_of(OCTET, "inspect", path, "--json")["inputs"][0]["name"]
            x = self.write("x.npy", npy(shape, values))
            out = self.folder / path.stem
            self.succeed(OCTET, "run", path, "--input", f"{name}={x}", "--output-dir", out)
            answers.append(read_npy(next(out.iterdir()))[1])
        scale = max(answers[1])
        # Two orders of the same f32 sums: 1e-4 relative is the agreement asked of any two implementations.
        self.assertLess(max(abs(a - b) for a, b in zip(*answers, strict=True)) / scale, 1e-4)


if __name__ == "__main__":
    unittest.main()
