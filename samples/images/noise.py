"""Smooth random patterns, the same on every machine."""

import numpy as np


def hashed(*cells):
    """A value in 0..1 for every integer lattice cell."""
    mixed = np.zeros_like(cells[0], np.uint32)
    for cell, factor in zip(cells, (0x8DA6B343, 0xD8163841, 0xCB1AB31F)):
        mixed ^= cell.astype(np.int64).astype(np.uint32) * np.uint32(factor)
    mixed ^= mixed >> 15
    mixed = mixed * np.uint32(0x2C1B3C6D)
    mixed ^= mixed >> 12
    mixed = mixed * np.uint32(0x297A2D39)
    mixed ^= mixed >> 15
    return (mixed >> 8).astype(np.float32) / np.float32(1 << 24)


def value_noise(points):
    """Noise with one bump per unit over points [N, 2] or [N, 3]."""
    cell = np.floor(points)
    part = points - cell
    part = part * part * (3 - 2 * part)
    total = 0
    dimensions = points.shape[1]
    for corner in range(1 << dimensions):
        weight, cells = 1, []
        for i in range(dimensions):
            bit = corner >> i & 1
            cells.append(cell[:, i] + bit)
            weight = weight * (part[:, i] if bit else 1 - part[:, i])
        total = total + weight * hashed(*cells)
    return total


def layered(points, layers=4):
    """Noise at several scales added up, about 0..1."""
    total, strength, sum_of_strengths = 0, 1.0, 0.0
    for layer in range(layers):
        total = total + strength * value_noise(points * 2.0**layer + 17.3 * layer)
        sum_of_strengths += strength
        strength *= 0.5
    return total / sum_of_strengths
