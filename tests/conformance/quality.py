"""Inputs like images, and how much of an output is left."""

import numpy as np


def smooth(random, count, shape):
    """Images rather than noise: neighbours are alike."""
    x = random.standard_normal((count, *shape)).astype(np.float32)
    for axis in (2, 3):
        x = (x + np.roll(x, 1, axis) + np.roll(x, 2, axis)) / 3**0.5
    return x


def sqnr(want, got):
    """Signal over noise, in dB."""
    noise = float(np.sum((want - got) ** 2))
    return 10 * np.log10(float(np.sum(want**2)) / max(noise, 1e-30))
