"""Fake quantization: the network as it trains with the rounding of integers.

Values become u8, per tensor, asymmetric; weights s8, per output channel,
symmetric. The forward pass rounds; the gradient goes straight through, but is
0 outside of the range (torch.fake_quantize_* do both).
"""

import torch
from torch import nn
from torch.nn import functional


SMOOTHING = 0.01  # of the moving average of minima and maxima
WEIGHT_LIMIT = 127


class Observer(nn.Module):
    """Follows a value's range while `observing`; rounds the value to u8."""

    def __init__(self):
        super().__init__()
        self.register_buffer("minimum", torch.tensor(0.0))
        self.register_buffer("maximum", torch.tensor(0.0))
        self.observing = True

    def observe(self, x):
        low, high = x.detach().min().clamp(max=0), x.detach().max().clamp(min=0)
        young = self.maximum == 0 and self.minimum == 0
        share = 1.0 if young else SMOOTHING
        self.minimum += share * (low - self.minimum)
        self.maximum += share * (high - self.maximum)

    def parameters_u8(self):
        """Scale and zero point: 0 is exact."""
        scale = max((self.maximum - self.minimum).item() / 255, 1e-8)
        scale = torch.tensor(scale, dtype=torch.float32).item()  # as files keep it
        zero_point = round(-self.minimum.item() / scale)
        return scale, min(max(zero_point, 0), 255)

    def forward(self, x):
        if self.observing and self.training:
            self.observe(x)
        scale, zero_point = self.parameters_u8()
        return torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, 255)


def weight_scales(weight):
    """One per output channel."""
    largest = weight.detach().flatten(1).abs().max(1).values
    return (largest / WEIGHT_LIMIT).clamp(min=1e-12)


def round_weights(weight):
    zeros = torch.zeros(len(weight), dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weight, weight_scales(weight), zeros, 0, -WEIGHT_LIMIT, WEIGHT_LIMIT
    )


class FoldedConv:
    """A convolution and its batch norm, rounded as the one convolution that they
    become: what is rounded has the batch norm's factor in it, by the running
    variance, so that the integers are those of the exported network."""

    def __init__(self, conv, norm):
        self.conv, self.norm = conv, norm

    def factor(self):
        return self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)

    def folded(self):
        """Weights and bias without batch norm."""
        factor = self.factor()
        weight = self.conv.weight * factor.reshape(-1, 1, 1, 1)
        return weight, self.norm.bias - self.norm.running_mean * factor

    def __call__(self, x):
        weight, bias = self.folded()
        rounded = round_weights(weight)
        conv = self.conv
        if not self.norm.training:
            return functional.conv2d(x, rounded, bias, conv.stride, conv.padding)
        # The statistics are those of the convolution alone.
        y = functional.conv2d(x, rounded, None, conv.stride, conv.padding)
        return self.norm(y / self.factor().reshape(1, -1, 1, 1))


class QuantizedNetwork(nn.Module):
    """Network, with an observer wherever integers are stored. What is added to a
    convolution is added before the sum is rounded, as octet does it."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        count = len(network.blocks)
        self.image, self.stem = Observer(), Observer()
        self.middles = nn.ModuleList(Observer() for _ in range(count))
        self.shortcuts = nn.ModuleList(Observer() for _ in range(count))
        self.outputs = nn.ModuleList(Observer() for _ in range(count))

    def forward(self, x):
        n = self.network
        x = self.image(x)
        x = self.stem(torch.relu(FoldedConv(n.stem, n.stem_bn)(x)))
        for i, block in enumerate(n.blocks):
            y = torch.relu(FoldedConv(block.conv1, block.bn1)(x))
            y = FoldedConv(block.conv2, block.bn2)(self.middles[i](y))
            if block.projects:
                x = FoldedConv(block.shortcut_conv, block.shortcut_bn)(x)
                x = self.shortcuts[i](x)
            x = self.outputs[i](torch.relu(y + x))
        # A mean lies in the range of what it is the mean of.
        last = self.outputs[-1]
        scale, zero_point = last.parameters_u8()
        x = x.mean((2, 3))
        x = torch.fake_quantize_per_tensor_affine(x, scale, zero_point, 0, 255)
        weight = round_weights(n.classifier.weight)
        return functional.linear(x, weight, n.classifier.bias)

    def freeze_observers(self):
        for module in self.modules():
            if isinstance(module, Observer):
                module.observing = False

    def freeze_batch_norm(self):
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
