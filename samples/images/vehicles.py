"""Scenes of an airplane, a ship, an automobile and a truck."""

import numpy as np

from renderer import Scene, Solid
from shapes import (
    blend,
    box,
    capsule,
    common,
    cut,
    cylinder,
    ellipsoid,
    mirrored,
    placed,
    prism,
    turn,
    union,
    vector,
)
from surroundings import grass, road, sky, water

GLASS = (0.03, 0.045, 0.06)
RUBBER = (0.025, 0.025, 0.027)
METAL = (0.55, 0.56, 0.58)


def airplane():
    """An airliner in the air, nose to the right."""
    turned = turn(yaw=-30, pitch=30, roll=10)

    def paint(points):
        p = points @ turned
        result = np.empty_like(points)
        result[:] = (0.86, 0.87, 0.9)
        result[p[:, 1] < -0.12] = (0.5, 0.53, 0.58)
        windows = (np.abs(p[:, 1] - 0.09) < 0.035) & (np.abs(p[:, 0]) < 2.0)
        result[windows & (np.sin(p[:, 0] * 45) > -0.2)] = GLASS
        result[(p[:, 0] > 2.42) & (np.abs(p[:, 1] - 0.13) < 0.055)] = GLASS
        return result

    body = blend(
        [
            capsule((-1.9, 0, 0), (2.35, 0, 0), 0.33),
            capsule((-1.9, 0.02, 0), (-3.0, 0.18, 0), 0.31, 0.08),
            ellipsoid((2.45, -0.03, 0), (0.55, 0.29, 0.29)),
        ],
        0.1,
    )
    wing = prism(
        [(0.75, 0.2), (-0.45, 0.2), (-1.35, 2.9), (-1.0, 2.95)], 1, -0.04, 0.04, 0.03
    )
    wing = placed(mirrored(wing, 2), (0, -0.14, 0))
    tail = prism(
        [(-2.35, 0.0), (-2.95, 0.0), (-3.4, 1.05), (-3.1, 1.05)], 1, -0.03, 0.03, 0.02
    )
    tail = placed(mirrored(tail, 2), (0, 0.15, 0))
    fin = prism(
        [(-2.0, 0.2), (-2.95, 0.2), (-3.4, 1.2), (-3.0, 1.2)], 2, -0.035, 0.035, 0.02
    )
    engine = mirrored(
        union(
            [
                cylinder((0.35, -0.38, 1.05), (1, 0, 0), 0.19, 0.38, 0.08),
                box((0.05, -0.24, 1.05), (0.3, 0.12, 0.03), 0.02),
            ]
        ),
        2,
    )
    solids = [
        Solid(placed(body, rotation=turned), paint, 0.1, 0.4),
        Solid(placed(union([wing, tail]), rotation=turned), (0.66, 0.68, 0.72), 0.1),
        Solid(placed(fin, rotation=turned), (0.08, 0.16, 0.5), 0.1),
        Solid(placed(engine, rotation=turned), (0.45, 0.47, 0.52), 0.15, 0.4),
    ]
    scene = Scene(solids, sky(clouds=0.35), eye=(0.9, 0.6, 9.6), target=(-0.1, 0.1, 0))
    scene.ambient = vector(0.46, 0.52, 0.6)
    return scene


def ship():
    """A cargo liner on the open sea, bow to the right."""
    turned = turn(yaw=-24)

    def hull_paint(points):
        result = np.empty_like(points)
        result[:] = (0.045, 0.075, 0.16)
        result[points[:, 1] < 0.17] = (0.36, 0.05, 0.04)
        result[np.abs(points[:, 1] - 0.2) < 0.03] = (0.8, 0.8, 0.8)
        return result

    def house_paint(points):
        p = points @ turned
        result = np.empty_like(points)
        result[:] = (0.85, 0.85, 0.83)
        along = np.where(np.abs(p[:, 2]) > 0.45, p[:, 0], p[:, 2])
        row = np.abs((p[:, 1] - 0.9) % 0.26 - 0.15) < 0.05
        result[row & (np.sin(along * 34) > -0.1)] = GLASS
        return result

    side = prism(
        [(-2.9, -0.4), (2.5, -0.4), (3.25, 1.05), (2.0, 0.78), (-3.0, 0.75)],
        2,
        -0.62,
        0.62,
    )
    plan = [(-3.05, -0.5), (-2.7, -0.6), (1.4, -0.6), (2.5, -0.34), (3.3, 0)]
    plan += [(x, -z) for x, z in reversed(plan[:-1])]
    hull = common(side, prism(plan, 1, -0.5, 1.2))
    house = union(
        [
            box((-0.75, 0.9, 0), (1.65, 0.22, 0.48), 0.04),
            box((-0.8, 1.22, 0), (1.3, 0.16, 0.44), 0.04),
            box((-0.5, 1.48, 0), (0.85, 0.15, 0.4), 0.04),
        ]
    )
    funnel = cylinder((-1.25, 1.75, 0), (-0.18, 1, 0), 0.24, 0.42, 0.03)
    cap = cylinder((-1.32, 2.16, 0), (-0.18, 1, 0), 0.25, 0.1, 0.02)
    masts = union(
        [
            capsule((0.1, 1.5, 0), (0.1, 2.35, 0), 0.035),
            capsule((1.75, 0.7, 0), (1.75, 1.75, 0), 0.04),
            capsule((1.75, 1.0, 0), (1.15, 1.55, 0), 0.03),
        ]
    )
    cargo = union(
        [box((1.3, 0.88, 0), (0.28, 0.13, 0.36)), box((2.1, 0.88, 0), (0.2, 0.12, 0.2))]
    )

    solids = [
        Solid(placed(hull, rotation=turned), hull_paint, 0.08),
        Solid(placed(house, rotation=turned), house_paint, 0.03),
        Solid(placed(funnel, rotation=turned), (0.6, 0.07, 0.05)),
        Solid(placed(cap, rotation=turned), (0.03, 0.03, 0.03)),
        Solid(placed(masts, rotation=turned), (0.6, 0.58, 0.5)),
        Solid(placed(cargo, rotation=turned), (0.42, 0.3, 0.14)),
    ]
    scene = Scene(solids, sky(clouds=0.55), water(), (1.3, 1.35, 9.6), (0.05, 0.85, 0))
    scene.ripples = 1.3
    return scene


def wheel(x, y, z, radius, width):
    tyre = cylinder((x, y, z), (0, 0, 1), radius, width, 0.05)
    return cut(tyre, cylinder((x, y, z + width), (0, 0, 1), radius * 0.62, 0.05))


def rim(x, y, z, radius, width):
    disc = cylinder((x, y, z + width * 0.5), (0, 0, 1), radius * 0.62, width * 0.3)
    holes = []
    for angle in np.arange(5) * 2 * np.pi / 5:
        dx, dy = radius * 0.38 * np.cos(angle), radius * 0.38 * np.sin(angle)
        hole = (x + dx, y + dy, z + width * 0.8)
        holes.append(cylinder(hole, (0, 0, 1), radius * 0.13, 0.2))
    return cut(disc, *holes)


def automobile():
    """A red car on a road, front to the right."""
    turned = turn(yaw=-32)
    windows = [
        prism([(-1.02, 1.02), (-0.62, 1.38), (-0.02, 1.4), (-0.02, 1.0)], 2, -2, 2),
        prism([(0.08, 1.0), (0.08, 1.4), (0.38, 1.36), (0.92, 0.98)], 2, -2, 2),
    ]
    screens = [
        prism([(0.98, -0.58), (1.38, -0.5), (1.38, 0.5), (0.98, 0.58)], 0, 0.4, 2),
        prism([(0.98, -0.58), (1.38, -0.5), (1.38, 0.5), (0.98, 0.58)], 0, -2, -0.6),
    ]

    def paint(points):
        p = points @ turned
        result = np.empty_like(points)
        result[:] = (0.62, 0.035, 0.03)
        side = np.abs(p[:, 2]) > 0.5 * (1.4 - p[:, 1]) + 0.38
        side &= union(windows)(p) < 0
        front = union(screens)(p) < 0
        front &= np.abs(p[:, 2]) < 0.68
        result[(side | front) & (p[:, 1] > 0.96)] = GLASS
        door = np.abs(p[:, 0] - 0.03) < 0.012
        result[door & (p[:, 1] > 0.4) & (p[:, 1] < 0.95)] = (0.12, 0.01, 0.01)
        result[p[:, 1] < 0.3] = (0.04, 0.04, 0.042)
        return result

    lower = prism(
        [(-2.1, 0.25), (2.1, 0.25), (2.2, 0.5), (2.1, 0.72), (1.1, 0.95)]
        + [(-1.3, 1.0), (-2.1, 0.92), (-2.2, 0.6)],
        2,
        -0.86,
        0.86,
        0.12,
    )
    upper = prism(
        [(-1.45, 0.85), (-0.8, 1.45), (0.4, 1.45), (1.2, 0.85)], 2, -0.72, 0.72, 0.1
    )
    arches = [
        cylinder((x, 0.36, z), (0, 0, 1), 0.44, 0.3)
        for x in (-1.3, 1.3)
        for z in (-0.9, 0.9)
    ]
    body = cut(blend([lower, upper], 0.12), *arches)
    tyres = union([mirrored(wheel(x, 0.36, 0.72, 0.37, 0.14), 2) for x in (-1.3, 1.3)])
    rims = union([mirrored(rim(x, 0.36, 0.72, 0.37, 0.14), 2) for x in (-1.3, 1.3)])
    lamps = mirrored(ellipsoid((2.08, 0.63, 0.6), (0.13, 0.09, 0.2)), 2)
    grille = box((2.15, 0.45, 0), (0.05, 0.1, 0.5), 0.03)
    bumper = box((2.15, 0.3, 0), (0.1, 0.06, 0.8), 0.05)
    mirrors = mirrored(ellipsoid((0.85, 1.02, 0.92), (0.08, 0.08, 0.13)), 2)
    solids = [
        Solid(placed(body, rotation=turned), paint, 0.16, 0.8),
        Solid(placed(tyres, rotation=turned), RUBBER),
        Solid(placed(rims, rotation=turned), METAL, 0.2, 0.5),
        Solid(placed(lamps, rotation=turned), (0.9, 0.9, 0.85), 0.3, 0.9),
        Solid(
            placed(union([grille, bumper]), rotation=turned), (0.05, 0.05, 0.05), 0.1
        ),
        Solid(placed(mirrors, rotation=turned), (0.5, 0.03, 0.03), 0.2),
    ]
    back = sky(clouds=0.4, trees=0.09)
    ground = road(edge=-3.4)
    scene = Scene(solids, back, ground, (1.2, 1.75, 7.6), (0.05, 0.62, 0))
    scene.field_of_view = 36
    return scene


def truck():
    """A lorry with a box body on a road, front to the right."""
    turned = turn(yaw=-35)

    def cab_paint(points):
        p = points @ turned
        result = np.empty_like(points)
        result[:] = (0.55, 0.06, 0.035)
        screen = (p[:, 0] > 2.42) & (np.abs(p[:, 2]) < 0.72)
        screen &= (p[:, 1] > 1.25) & (p[:, 1] < 1.85)
        side = (np.abs(p[:, 2]) > 0.78) & (p[:, 1] > 1.3) & (p[:, 1] < 1.8)
        side &= (p[:, 0] > 1.65) & (p[:, 0] < 2.3)
        result[screen | side] = GLASS
        result[(p[:, 0] > 2.42) & (np.abs(p[:, 1] - 0.85) < 0.16)] = (0.05, 0.05, 0.05)
        return result

    def box_paint(points):
        p = points @ turned
        result = np.empty_like(points)
        result[:] = (0.8, 0.8, 0.78)
        result[np.abs(p[:, 1] - 1.2) < 0.09] = (0.06, 0.16, 0.4)
        result[np.abs((p[:, 0] + 9) % 0.7 - 0.35) < 0.015] *= 0.75
        return result

    cab = prism(
        [(1.3, 0.45), (2.55, 0.45), (2.58, 1.2), (2.42, 2.0), (1.3, 2.05)],
        2,
        -0.88,
        0.88,
        0.1,
    )
    cab = cut(cab, cylinder((1.85, 0.42, 0), (0, 0, 1), 0.5, 1.0))
    load = box((-0.85, 1.62, 0), (2.0, 0.95, 0.98), 0.03)
    frame = box((-0.2, 0.6, 0), (2.4, 0.1, 0.5))
    skirt = box((-0.1, 0.5, 0), (0.55, 0.18, 0.85), 0.03)
    tyres = [mirrored(wheel(x, 0.42, 0.72, 0.43, 0.17), 2) for x in (1.85, -1.25, -2.2)]
    rims = [mirrored(rim(x, 0.42, 0.72, 0.43, 0.17), 2) for x in (1.85, -1.25, -2.2)]
    lamps = mirrored(ellipsoid((2.55, 0.68, 0.62), (0.06, 0.1, 0.16)), 2)
    bumper = box((2.55, 0.48, 0), (0.08, 0.1, 0.86), 0.04)
    mirrors = mirrored(box((2.4, 1.6, 1.08), (0.05, 0.2, 0.09), 0.03), 2)
    solids = [
        Solid(placed(cab, rotation=turned), cab_paint, 0.12, 0.6),
        Solid(placed(load, rotation=turned), box_paint, 0.04),
        Solid(placed(union([frame, skirt]), rotation=turned), (0.06, 0.06, 0.065)),
        Solid(placed(union(tyres), rotation=turned), RUBBER),
        Solid(placed(union(rims), rotation=turned), METAL, 0.15, 0.4),
        Solid(placed(lamps, rotation=turned), (0.9, 0.9, 0.85), 0.3, 0.9),
        Solid(placed(bumper, rotation=turned), (0.3, 0.31, 0.32), 0.1),
        Solid(placed(mirrors, rotation=turned), (0.04, 0.04, 0.04)),
    ]
    ground = road(edge=-4.0, verge=grass((0.1, 0.15, 0.03), (0.32, 0.36, 0.12)))
    back = sky(clouds=0.5, trees=0.06)
    scene = Scene(solids, back, ground, (1.4, 1.9, 9.4), (0.0, 1.05, 0))
    scene.field_of_view = 36
    return scene
