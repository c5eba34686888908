"""Networks with the layer patterns of the families that people convert, small and with random weights."""

import numpy as np

from network import Network


def yolo():
    """SiLU, split-and-concat blocks, pyramid pooling (SPPF), a neck of resize and concat, and a head over two scales."""
    net = Network(1)
    x = net.input("images", "N", 3, 64, 64)

    def block(x, channels):
        a, b = net.split(net.conv(x, channels, act="silu", norm=True), 2)
        c = net.conv(net.conv(b, channels // 2, 3, act="silu", norm=True), channels // 2, 3, act="silu", norm=True)
        return net.conv(net.concat([a, b, net.same("Add", b, c)]), channels, act="silu", norm=True)

    x = block(net.conv(net.conv(x, 16, 3, 2, act="silu", norm=True), 32, 3, 2, act="silu", norm=True), 32)
    fine = block(net.conv(x, 48, 3, 2, act="silu", norm=True), 48)
    coarse = block(net.conv(fine, 64, 3, 2, act="silu", norm=True), 64)
    pools = [net.conv(coarse, 32, act="silu", norm=True)]
    for _ in range(3):
        pools.append(net.pool(pools[-1], 5))
    coarse = net.conv(net.concat(pools), 64, act="silu", norm=True)
    fine = block(net.concat([net.resize(coarse), fine]), 48)
    coarse = block(net.concat([net.conv(fine, 48, 3, 2, act="silu", norm=True), coarse]), 64)
    heads = []
    for level in (fine, coarse):
        size = net.shape[level][2] * net.shape[level][3]
        heads.append(net.reshape(net.conv(level, 12), 1, 12, size))
    boxes, scores = net.node("Split", [net.concat(heads, axis=2), net.constant(np.int64([4, 8]))], outputs=2, axis=1)
    net.shape[boxes], net.shape[scores] = [1, 4, 80], [1, 8, 80]
    net.output(net.concat([boxes, net.same("Sigmoid", scores)]))
    return net


def unet():
    net = Network(2)
    x = net.input("image", "N", 3, 48, 48)
    skips = []
    for channels in (16, 32):
        x = net.conv(net.conv(x, channels, 3, act="Relu", norm=True), channels, 3, act="Relu", norm=True)
        skips.append(x)
        x = net.node("MaxPool", [x], [1, channels, *(d // 2 for d in net.shape[x][2:])], kernel_shape=[2, 2], strides=[2, 2])
    x = net.conv(x, 48, 3, act="Relu", norm=True)
    for skip in reversed(skips):
        x = net.concat([skip, net.upconv(x, net.shape[skip][1])])
        x = net.conv(x, net.shape[skip][1], 3, act="Relu", norm=True)
    net.output(net.same("Sigmoid", net.conv(x, 2)))
    return net


def deeplab():
    """Dilated convolutions at several rates, image-level pooling, bilinear enlargement."""
    net = Network(3)
    x = net.input("image", "N", 3, 48, 48)
    x = net.conv(net.conv(x, 16, 3, 2, act="relu6", norm=True), 32, 3, 2, act="relu6", norm=True)
    low = x
    x = net.conv(x, 48, 3, dilation=2, act="relu6", norm=True)
    branches = [net.conv(x, 16, act="Relu", norm=True)]
    branches += [net.conv(x, 16, 3, dilation=rate, act="Relu", norm=True) for rate in (2, 3, 5)]
    branches.append(net.resize(net.conv(net.global_pool(x), 16, act="Relu"), 12, "linear"))
    x = net.conv(net.concat(branches), 32, act="Relu", norm=True)
    x = net.concat([x, net.conv(low, 8, act="Relu", norm=True)])
    net.output(net.resize(net.conv(net.conv(x, 32, 3, act="Relu", norm=True), 5), 4, "linear"))
    return net


def squeeze(net, x, act, gate):
    """Squeeze-and-excite: every channel times a gate that its mean opens."""
    channels = net.shape[x][1]
    inner = net.conv(net.conv(net.global_pool(x), max(channels // 4, 4), act=act), channels)
    return net.same("Mul", x, net.same(gate, inner, **({"alpha": 1 / 6, "beta": 0.5} if gate == "HardSigmoid" else {})))


def inverted(net, x, channels, expand, kernel, stride, act, gate=None):
    y = net.conv(x, net.shape[x][1] * expand, act=act, norm=True)
    y = net.conv(y, net.shape[y][1], kernel, stride, group=net.shape[y][1], act=act, norm=True)
    if gate:
        y = squeeze(net, y, "Relu" if act == "hswish" else act, gate)
    y = net.conv(y, channels, norm=True)
    return net.same("Add", x, y) if net.shape[x] == net.shape[y] else y


def efficientnet():
    net = Network(4)
    x = net.conv(net.input("image", "N", 3, 64, 64), 16, 3, 2, act="silu", norm=True)
    for channels, expand, kernel, stride in ((16, 1, 3, 1), (24, 4, 3, 2), (24, 4, 3, 1), (40, 4, 5, 2), (40, 4, 5, 1)):
        x = inverted(net, x, channels, expand, kernel, stride, "silu", "Sigmoid")
    net.output(net.classify(net.conv(x, 96, act="silu", norm=True), 10))
    return net


def mobilenet_v3():
    net = Network(5)
    x = net.conv(net.input("image", "N", 3, 64, 64), 16, 3, 2, act="hswish", norm=True)
    for channels, kernel, stride, act, gate in ((16, 3, 2, "Relu", "HardSigmoid"), (24, 3, 2, "Relu", None), (24, 3, 1, "Relu", None),
                                                (40, 5, 2, "hswish", "HardSigmoid"), (40, 5, 1, "hswish", "HardSigmoid")):  # fmt: skip
        x = inverted(net, x, channels, 3, kernel, stride, act, gate)
    net.output(net.same("Softmax", net.classify(net.conv(x, 96, act="hswish", norm=True), 10), axis=1))
    return net


def shufflenet():
    """Channels split, and shuffled by a reshape, a transpose and a reshape."""
    net = Network(6)
    x = net.conv(net.input("image", "N", 3, 64, 64), 24, 3, 2, act="Relu", norm=True)
    x = net.pool(x, 3, 2)

    def shuffle(x):
        n, c, h, w = net.shape[x]
        return net.reshape(net.transpose(net.reshape(x, n, 2, c // 2, h, w), 0, 2, 1, 3, 4), n, c, h, w)

    def branch(x, channels, stride):
        y = net.conv(x, channels, act="Relu", norm=True)
        return net.conv(net.conv(y, channels, 3, stride, group=channels, norm=True), channels, act="Relu", norm=True)

    for channels in (48, 96):
        left = net.conv(net.conv(x, net.shape[x][1], 3, 2, group=net.shape[x][1], norm=True), channels // 2, act="Relu", norm=True)
        x = shuffle(net.concat([left, branch(x, channels // 2, 2)]))
        left, right = net.split(x, 2)
        x = shuffle(net.concat([left, branch(right, channels // 2, 1)]))
    net.output(net.classify(x, 10))
    return net


def densenet():
    """Normalization before the convolution: on sums of everything before."""
    net = Network(7)
    x = net.conv(net.input("image", "N", 3, 48, 48), 16, 3, 2, act="Relu", norm=True)

    def pre(x):
        c = net.shape[x][1]
        positive = [net.constant(net.random.uniform(0.5, 1.5, c).astype(np.float32)) for _ in range(2)]
        y = net.same("BatchNormalization", x, positive[0], net.normal(c, scale=0.2), net.normal(c, scale=0.2), positive[1])
        return net.act(y, "Relu")

    for _ in range(2):
        for _ in range(3):
            x = net.concat([x, net.conv(net.conv(pre(x), 24, act="Relu", norm=True), 12, 3)])
        c, (h, w) = net.shape[x][1] // 2, net.shape[x][2:]
        x = net.node("AveragePool", [net.conv(pre(x), c)], [1, c, h // 2, w // 2], kernel_shape=[2, 2], strides=[2, 2])
    net.output(net.classify(pre(x), 10))
    return net


def vision_transformer():
    """Patches, a class token, two blocks of attention and GELU, with LayerNorm spelled out."""
    net = Network(8)
    tokens, width, heads = 17, 48, 4
    image, kernel = net.input("image", "N", 3, 32, 32), net.normal(width, 3, 8, 8, scale=192**-0.5)
    x = net.node("Conv", [image, kernel], [1, width, 4, 4], kernel_shape=[8, 8], strides=[8, 8])
    x = net.transpose(net.reshape(x, 1, width, tokens - 1), 0, 2, 1)
    x = net.concat([net.normal(1, 1, width), x], axis=1)
    x = net.same("Add", x, net.normal(1, tokens, width, scale=0.2))

    def number(value):
        return net.constant(np.float32(value))

    def per_head(x):
        return net.transpose(net.reshape(x, 1, tokens, heads, width // heads), 0, 2, 1, 3)

    for _ in range(2):
        y = net.layer_norm(x)
        q, k, v = (per_head(net.linear(y, width)) for _ in range(3))
        scores = net.node("MatMul", [q, net.transpose(k, 0, 1, 3, 2)], [1, heads, tokens, tokens])
        scores = net.same("Softmax", net.same("Div", scores, number((width // heads) ** 0.5)), axis=-1)
        mixed = net.node("MatMul", [scores, v], [1, heads, tokens, width // heads])
        mixed = net.reshape(net.transpose(mixed, 0, 2, 1, 3), 1, tokens, width)
        x = net.same("Add", x, net.linear(mixed, width))
        y = net.linear(net.layer_norm(x), 2 * width)
        gate = net.same("Add", net.same("Erf", net.same("Div", y, number(2**0.5))), number(1))
        y = net.same("Mul", net.same("Mul", y, gate), number(0.5))
        x = net.same("Add", x, net.linear(y, width))
    first = net.node("Gather", [net.layer_norm(x), net.constant(np.int64(0))], [1, width], axis=1)
    net.output(net.linear(first, 10))
    return net


ALL = (yolo, unet, deeplab, efficientnet, mobilenet_v3, shufflenet, densenet, vision_transformer)
