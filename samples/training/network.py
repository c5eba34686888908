"""The small residual network for 32x32 RGB pictures that octet bundles."""

import torch
from torch import nn

STEM_CHANNELS = 24
# (input channels, output channels, stride) of each residual block, in order.
BLOCKS = ((24, 24, 1), (24, 48, 2), (48, 96, 2), (96, 96, 1))
CLASS_NAMES = "airplane automobile bird cat deer dog frog horse ship truck".split()
IMAGE_SIZE = 32
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def conv3x3(inputs, outputs, stride=1):
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, joined before the last ReLU."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.projects = stride != 1 or inputs != outputs
        if self.projects:
            self.shortcut_conv = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut_bn = nn.BatchNorm2d(outputs)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        if self.projects:
            x = self.shortcut_bn(self.shortcut_conv(x))
        return torch.relu(y + x)


class Network(nn.Module):
    """Gives logits; the exported file ends in a softmax instead."""

    def __init__(self):
        super().__init__()
        self.stem = conv3x3(3, STEM_CHANNELS)
        self.stem_bn = nn.BatchNorm2d(STEM_CHANNELS)
        self.blocks = nn.ModuleList(Block(*block) for block in BLOCKS)
        self.classifier = nn.Linear(BLOCKS[-1][1], len(CLASS_NAMES))

    def forward(self, x):
        x = torch.relu(self.stem_bn(self.stem(x)))
        for block in self.blocks:
            x = block(x)
        return self.classifier(x.mean((2, 3)))


def normalise(pixels):
    """uint8 pictures [N, H, W, 3] to the network's f32 input [N, 3, H, W]."""
    scale = torch.tensor([1 / (255 * s) for s in STD])
    shift = torch.tensor([m / s for m, s in zip(MEAN, STD)])
    # The permuted view of an NHWC tensor already is in channels_last order.
    return (pixels.float() * scale - shift).permute(0, 3, 1, 2)


def count_macs():
    """Multiply-accumulates of one picture, convolutions and classifier."""
    total = 0

    def hook(module, _, output):
        nonlocal total
        positions = output[0][0].numel() if output.dim() == 4 else 1
        total += module.weight.numel() * positions

    network = Network().eval()
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(hook)
    with torch.no_grad():
        network(torch.zeros(1, 3, IMAGE_SIZE, IMAGE_SIZE))
    return total


if __name__ == "__main__":
    print(f"{count_macs() / 1e6:.1f} million multiply-accumulates")
