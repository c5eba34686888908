"""Skies and grounds for the scenes."""

import numpy as np

from noise import layered
from shapes import vector


def mix(a, b, part):
    return a + (b - a) * part[..., None]


def smooth(low, high, x):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def sky(zenith=(0.12, 0.3, 0.68), horizon=(0.58, 0.72, 0.86), clouds=0.5, trees=0.0):
    """Blue, with clouds and perhaps a line of trees as high as given."""
    zenith, horizon = vector(*zenith), vector(*horizon)

    def colours(directions):
        height = np.clip(directions[:, 1], 0, 1)
        result = mix(horizon, zenith, height**0.55)
        if clouds:
            across = directions / (height + 0.22)[:, None]
            cover = layered(across[:, [0, 2]] * 1.7 + 3.1, 5)
            cover = smooth(0.64 - 0.3 * clouds, 0.86 - 0.2 * clouds, cover)
            bright = vector(0.93, 0.94, 0.96)
            result = mix(result, bright, cover * smooth(0, 0.08, height) * 0.9)
        if trees:
            turn = np.arctan2(directions[:, 0], directions[:, 2])
            crest = layered(np.stack([turn * 9, turn * 0], 1), 4)
            edge = trees * (0.5 + crest) - directions[:, 1]
            around = np.stack([turn * 45, directions[:, 1] * 60], 1)
            leaves = layered(around, 3)
            foliage = mix(vector(0.03, 0.07, 0.02), vector(0.14, 0.24, 0.07), leaves)
            result = mix(result, foliage, smooth(0, 0.012, edge))
        return result.astype(np.float32)

    return colours


def grass(dark=(0.07, 0.15, 0.025), light=(0.27, 0.38, 0.09)):
    """Blades are noise drawn out in depth, tufts are coarser noise."""
    dark, light = vector(*dark), vector(*light)

    def colours(points):
        flat = points[:, [0, 2]]
        blades = layered(flat * np.float32((26, 9)), 2)
        tufts = layered(flat * 1.3, 3)
        return mix(dark, light, np.clip(0.65 * blades + 0.7 * tufts - 0.15, 0, 1))

    return colours


def road(edge=-2.2, verge=None):
    """Asphalt along x; beyond the edge in z another ground begins."""
    verge = verge or grass()

    def colours(points):
        flat = points[:, [0, 2]]
        grain = layered(flat * 30, 2)
        result = mix(vector(0.13, 0.13, 0.135), vector(0.24, 0.24, 0.24), grain)
        line = np.abs(points[:, 2] - edge - 0.35) < 0.06
        result[line] = (0.75, 0.74, 0.7)
        beyond = points[:, 2] < edge
        if beyond.any():
            result[beyond] = verge(points[beyond])
        return result

    return colours


def plain(colour, variation=0.25, scale=8.0):
    """Earth, sand or a floor: one colour, somewhat uneven."""
    colour = vector(*colour)

    def colours(points):
        uneven = layered(points[:, [0, 2]] * np.float32(scale), 4)
        return colour * (1 + variation * (2 * uneven - 1))[:, None]

    return colours


def water(colour=(0.02, 0.09, 0.13)):
    return lambda points: np.broadcast_to(vector(*colour), points.shape)


def fur(base, other, scale=7.0, stretch=(1, 1, 1), contrast=1.0):
    """Two mingled shades with fine streaks, for coats and feathers."""
    base, other = vector(*base), vector(*other)

    def colours(points):
        at = points * np.float32(scale) * np.float32(stretch)
        part = 0.6 * layered(at, 3) + 0.4 * layered(at * 5, 2)
        return mix(base, other, np.clip(0.5 + contrast * 2 * (part - 0.5), 0, 1))

    return colours
