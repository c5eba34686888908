"""The shared networks, and inputs for them."""

IMAGENET = (((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "imagenet_val/evaluation")
TF = ((0.5, 0.5), "imagenet_val/evaluation")
# model: mean and deviation of pixels in 0..1, images. None: random numbers, smooth along the last axis.
NETWORKS = {
    "squeezenet1.1/squeezenet1.1.onnx": IMAGENET,
    "mobilenet_v1_0.25_224/mobilenet_v1_0.25_224.onnx": TF,
    "mobilenet_v2_1.0_224/mobilenet_v2_1.0_224_float_hybridfc.onnx": TF,
    "cifar10_resnet20/resnet20_cifar10.onnx": (IMAGENET[0], "cifar10/evaluation"),
    "ultraface_rfb_320/version-RFB-320.onnx": ((0.498, 0.502), "imagenet_val/evaluation"),
    "mlperf_tiny_vww96/vww_96_float.onnx": ((0, 1), "imagenet_val/evaluation"),
    "mlperf_tiny_resnet8/pretrainedResnet_float.onnx": ((0, 1 / 255), "cifar10/evaluation"),
    "mlperf_tiny_kws/kws_ref_model_float32.onnx": None,
    "mlperf_tiny_ad/ad01_fp32.onnx": None,
    "mnist/mnist.onnx": None,
    "mobilenet_v2_1.0_224_qat/mobilenet_v2_1.0_224_quant_qdq.onnx": TF,
    "mlperf_tiny_resnet8/pretrainedResnet_int8_qdq.onnx": ((0, 1 / 255), "cifar10/evaluation"),
    "mlperf_tiny_kws/kws_ref_model_int8_qdq.onnx": None,
    "dtln/model_1.onnx": None,
    "dtln/model_2.onnx": None,
}


def samples(images, source, shape, count):
    """`count` inputs of this shape (an image in either layout), as one array."""
    import numpy as np
    from PIL import Image

    if source is None:
        x = np.random.default_rng(3).standard_normal((count, *shape[1:])).astype(np.float32)
        return (x + np.roll(x, 1, -1)) / 2**0.5
    (mean, deviation), folder = source
    first = shape[1] <= shape[3]
    height, width = shape[2:] if first else shape[1:3]
    paths = sorted(p for p in (images / folder).rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png"))[:count]
    pixels = [np.asarray(Image.open(p).convert("RGB").resize((width, height)), np.float32) / 255 for p in paths]
    x = (np.stack(pixels) - np.float32(mean)) / np.float32(deviation)
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if first else x, np.float32)
