"""Scenes of a horse, a deer, a frog, a bird, a cat and a dog."""

import numpy as np

from renderer import Scene, Solid
from shapes import (
    blend,
    capsule,
    ellipsoid,
    mirrored,
    path,
    placed,
    prism,
    sphere,
    turn,
    union,
    vector,
)
from surroundings import fur, grass, mix, plain, sky, smooth

DARK = (0.02, 0.016, 0.014)


def leg(x, z, joints, radii):
    """A leg from (x, height) joints, at one side of the body."""
    return path([(x + dx, y, z) for dx, y in joints], radii)


def four_legs(front, hind, front_radii, hind_radii, spread, stride):
    """Legs near x = 0.7 and -0.7, moved so that no pair hides behind another."""
    legs = []
    for z, shift in ((spread, stride), (-spread, -stride)):
        legs.append(leg(0.66 + shift, z, front, front_radii))
        legs.append(leg(-0.7 + shift, z, hind, hind_radii))
    return legs


def horse():
    """A brown horse standing in a meadow, head to the right."""
    turned = turn(yaw=-22)
    front = [(0, 1.35), (0.02, 0.75), (0, 0.1)]
    hind = [(0, 1.45), (0.06, 0.95), (-0.16, 0.66), (-0.1, 0.1)]
    trunk = [
        ellipsoid((0, 1.5, 0), (0.85, 0.4, 0.36)),
        ellipsoid((0.62, 1.52, 0), (0.4, 0.45, 0.34)),
        ellipsoid((-0.68, 1.58, 0), (0.44, 0.43, 0.36)),
        capsule((0.75, 1.68, 0), (1.28, 2.38, 0), 0.31, 0.17),
        capsule((1.28, 2.42, 0), (1.72, 2.02, 0), 0.18, 0.11),
        ellipsoid((1.36, 2.3, 0), (0.2, 0.2, 0.14)),
    ]
    legs = four_legs(
        front, hind, (0.17, 0.095, 0.07), (0.26, 0.14, 0.09, 0.07), 0.2, -0.12
    )
    ears = mirrored(capsule((1.24, 2.54, 0.09), (1.27, 2.74, 0.11), 0.06, 0.015), 2)
    body = blend(trunk + legs, 0.14)
    mane = path(
        [(1.32, 2.62, 0), (1.08, 2.48, 0), (0.82, 2.16, 0), (0.55, 1.9, 0)],
        (0.07, 0.12, 0.13, 0.05),
    )
    fall = path([(1.0, 2.34, 0.12), (0.78, 1.95, 0.24)], (0.12, 0.1))
    tail = path(
        [(-1.05, 1.75, 0), (-1.3, 1.5, 0), (-1.36, 1.0, 0), (-1.32, 0.6, 0)],
        (0.07, 0.11, 0.12, 0.03),
    )
    eyes = mirrored(sphere((1.42, 2.38, 0.125), 0.035), 2)

    def coat(points):
        p = points @ turned
        brown = fur((0.2, 0.075, 0.025), (0.29, 0.12, 0.045), 4)(points)
        dark = smooth(0.75, 0.45, p[:, 1]) + smooth(1.6, 1.72, p[:, 0])
        return mix(brown, vector(0.03, 0.02, 0.015), np.clip(dark, 0, 1))

    hair = fur((0.015, 0.01, 0.008), (0.06, 0.035, 0.02), 9)
    solids = [
        Solid(placed(blend([body, ears], 0.04), rotation=turned), coat, 0.02, 0.15),
        Solid(placed(union([mane, fall, tail]), rotation=turned), hair),
        Solid(placed(eyes, rotation=turned), DARK, 0.1, 0.8),
    ]
    back = sky(clouds=0.4, trees=0.1)
    scene = Scene(solids, back, grass(), (0.7, 1.7, 7.6), (0.12, 1.32, 0))
    scene.field_of_view = 28
    return scene


def deer():
    """A stag at the edge of a wood, head to the right."""
    turned = turn(yaw=-24)
    front = [(0, 1.4), (0.02, 0.75), (0, 0.06)]
    hind = [(0, 1.45), (0.08, 1.0), (-0.14, 0.68), (-0.08, 0.06)]
    trunk = [
        ellipsoid((0, 1.52, 0), (0.82, 0.33, 0.28)),
        ellipsoid((0.6, 1.52, 0), (0.33, 0.38, 0.27)),
        ellipsoid((-0.65, 1.56, 0), (0.38, 0.37, 0.29)),
        capsule((0.7, 1.65, 0), (1.05, 2.3, 0), 0.26, 0.13),
        capsule((1.05, 2.36, 0), (1.42, 2.2, 0), 0.15, 0.075),
    ]
    legs = four_legs(
        front, hind, (0.14, 0.07, 0.045), (0.22, 0.11, 0.06, 0.045), 0.16, -0.13
    )
    body = blend(trunk + legs, 0.1)
    ears = mirrored(ellipsoid((0.93, 2.5, 0.24), (0.06, 0.1, 0.19), turn(pitch=-25)), 2)
    stem = [(1.0, 2.46, 0.07), (0.82, 2.8, 0.28), (0.88, 3.15, 0.42), (1.1, 3.4, 0.4)]
    antlers = [
        path(stem, (0.045, 0.04, 0.035, 0.02)),
        path([(0.95, 2.56, 0.14), (1.3, 2.78, 0.2)], (0.035, 0.015)),
        path([(0.82, 2.8, 0.28), (1.16, 3.02, 0.34)], (0.035, 0.015)),
        path([(0.88, 3.15, 0.42), (0.66, 3.42, 0.5)], (0.03, 0.015)),
    ]
    antlers = mirrored(union(antlers), 2)
    tail = ellipsoid((-1.03, 1.62, 0), (0.08, 0.16, 0.09), turn(roll=-25))
    nose = union(
        [sphere((1.48, 2.2, 0), 0.05), mirrored(sphere((1.18, 2.42, 0.115), 0.035), 2)]
    )

    def coat(points):
        p = points @ turned
        tan = fur((0.26, 0.125, 0.045), (0.38, 0.2, 0.085), 5)(points)
        pale = smooth(1.32, 1.2, p[:, 1]) * smooth(0.42, 0.25, np.abs(p[:, 0]))
        throat = smooth(0.06, 0.2, p[:, 0] - 0.8 - 0.5 * (p[:, 1] - 1.6))
        pale = pale + 0.5 * throat * smooth(2.2, 2.0, p[:, 1]) * smooth(
            1.3, 1.6, p[:, 1]
        )
        return mix(tan, vector(0.5, 0.42, 0.32), np.clip(pale, 0, 1))

    bone = fur((0.2, 0.14, 0.08), (0.42, 0.34, 0.22), 8)
    solids = [
        Solid(placed(union([body, ears]), rotation=turned), coat),
        Solid(placed(antlers, rotation=turned), bone),
        Solid(placed(tail, rotation=turned), (0.6, 0.55, 0.48)),
        Solid(placed(nose, rotation=turned), DARK, 0.05, 0.5),
    ]
    ground = grass((0.09, 0.11, 0.03), (0.3, 0.3, 0.1))
    back = sky(clouds=0.4, trees=0.75)
    scene = Scene(solids, back, ground, (0.8, 1.9, 8.4), (0.05, 1.62, 0))
    scene.field_of_view = 28
    return scene


def frog():
    """A green frog sitting on the ground, looking to the right."""
    turned = turn(yaw=-38)
    trunk = [
        ellipsoid((-0.25, 0.62, 0), (0.95, 0.45, 0.62), turn(roll=24)),
        ellipsoid((0.62, 0.92, 0), (0.55, 0.3, 0.52), turn(roll=6)),
        mirrored(sphere((0.55, 1.2, 0.3), 0.19), 2),
    ]
    thigh = mirrored(
        ellipsoid((-0.45, 0.4, 0.72), (0.68, 0.33, 0.24), turn(roll=28)), 2
    )
    shin = mirrored(path([(0.1, 0.5, 0.85), (-0.75, 0.14, 0.95)], (0.17, 0.12)), 2)
    foot = [
        path([(-0.75, 0.12, 0.95), (0.3 - 0.1 * i, 0.05, 0.9 + 0.16 * i)], (0.1, 0.05))
        for i in range(3)
    ]
    arm = path(
        [(0.45, 0.62, 0.45), (0.5, 0.35, 0.68), (0.7, 0.08, 0.6)], (0.17, 0.13, 0.09)
    )
    fingers = [
        path([(0.7, 0.07, 0.6), (0.98, 0.04, 0.42 + 0.17 * i)], (0.07, 0.045))
        for i in range(3)
    ]
    limbs = [thigh, shin] + [mirrored(part, 2) for part in foot + fingers + [arm]]
    body = blend(trunk + limbs, 0.08)
    eyes = mirrored(sphere((0.62, 1.24, 0.38), 0.15), 2)

    def skin(points):
        p = points @ turned
        green = fur((0.1, 0.27, 0.03), (0.2, 0.42, 0.06), 3)(points)
        spots = smooth(0.6, 0.66, fur((0,) * 3, (1,) * 3, 2.2)(points)[:, 0])
        green = mix(green, vector(0.035, 0.1, 0.02), 0.8 * spots)
        mouth = np.abs(p[:, 1] - 0.86 - 0.05 * np.abs(p[:, 2])) < 0.014
        green[mouth & (p[:, 0] > 0.7)] = (0.02, 0.05, 0.01)
        belly = smooth(0.85, 0.6, p[:, 1]) * smooth(0.35, 0.7, p[:, 0])
        return mix(green, vector(0.55, 0.55, 0.33), belly)

    def eye_colour(points):
        p = points @ turned
        q = (p - vector(0.62, 1.24, 0)) * vector(1, 1, 1)
        result = np.empty_like(points)
        result[:] = (0.6, 0.42, 0.06)
        side = np.abs(p[:, 2]) - 0.38
        pupil = (np.hypot((q[:, 0] - 0.06) * 0.8, q[:, 1] * 1.3) < 0.075) & (
            side > 0.02
        )
        result[pupil] = (0.01, 0.01, 0.01)
        return result

    solids = [
        Solid(placed(body, rotation=turned), skin, 0.06, 0.5),
        Solid(placed(eyes, rotation=turned), eye_colour, 0.05, 0.9),
    ]
    back = sky((0.1, 0.13, 0.05), (0.2, 0.24, 0.1), clouds=0)
    ground = plain((0.24, 0.17, 0.1), 0.5, 5)
    scene = Scene(solids, back, ground, (0.8, 1.9, 4.9), (0.05, 0.55, 0))
    scene.field_of_view = 34
    return scene


def bird():
    """A small bird on a branch, looking to the right."""
    turned = turn(yaw=-18)
    trunk = [
        ellipsoid((0, 1.0, 0), (0.85, 0.52, 0.48), turn(roll=32)),
        ellipsoid((0.55, 1.52, 0), (0.36, 0.34, 0.33)),
        path([(-0.6, 0.72, 0), (-1.5, 0.32, 0)], (0.2, 0.1)),
    ]
    body = blend(trunk, 0.2)
    wing = mirrored(
        ellipsoid((-0.28, 0.92, 0.38), (0.88, 0.3, 0.14), turn(roll=30, yaw=-4)), 2
    )
    tail = placed(
        prism([(0, -0.12), (0, 0.12), (-1.1, 0.2), (-1.1, -0.2)], 1, -0.03, 0.03, 0.02),
        (-0.85, 0.6, 0),
        turn(roll=24),
    )
    beak = path([(0.84, 1.52, 0), (1.14, 1.46, 0)], (0.09, 0.012))
    eyes = mirrored(sphere((0.7, 1.6, 0.26), 0.06), 2)
    legs = [path([(0.05, 0.55, 0.15), (0.12, 0.18, 0.15)], (0.06, 0.04))]
    legs += [
        path([(0.12, 0.16, 0.15), (0.12 + dx, 0.12, 0.15 + dz)], (0.04, 0.03))
        for dx, dz in ((0.22, 0), (0.18, 0.1), (-0.16, 0.0))
    ]
    legs = mirrored(union(legs), 2)
    branch = path(
        [(-2.6, -0.35, -0.3), (0, 0.0, 0.05), (2.6, 0.3, -0.1)], (0.17, 0.13, 0.1)
    )
    twig = path(
        [(1.0, 0.1, 0), (1.7, 0.75, -0.3), (2.0, 1.3, -0.4)], (0.07, 0.05, 0.02)
    )

    def plumage(points):
        p = points @ turned
        back = fur((0.1, 0.12, 0.15), (0.17, 0.19, 0.23), 5)(points)
        breast = fur((0.5, 0.16, 0.03), (0.62, 0.24, 0.06), 6)(points)
        front = smooth(-0.1, 0.15, p[:, 0] - 0.85 * (p[:, 1] - 1.05) - 0.25)
        below = smooth(0.75, 0.5, p[:, 1] - 0.25 * p[:, 0])
        result = mix(back, breast, front * smooth(1.75, 1.55, p[:, 1]))
        return mix(result, vector(0.62, 0.58, 0.52), below)

    feathers = fur((0.05, 0.06, 0.075), (0.17, 0.18, 0.2), 5, (0.4, 3, 1), 1.5)
    bark = fur((0.07, 0.05, 0.035), (0.22, 0.17, 0.12), 5, (0.5, 3, 2))
    solids = [
        Solid(placed(body, rotation=turned), plumage),
        Solid(placed(union([wing, tail]), rotation=turned), feathers),
        Solid(placed(beak, rotation=turned), (0.12, 0.09, 0.05)),
        Solid(placed(eyes, rotation=turned), (0.01, 0.01, 0.01), 0.1, 0.9),
        Solid(placed(legs, rotation=turned), (0.2, 0.12, 0.08)),
        Solid(union([branch, twig]), bark),
    ]
    back = sky((0.42, 0.55, 0.32), (0.3, 0.42, 0.2), clouds=0)
    scene = Scene(solids, back, None, (0.2, 1.0, 7.2), (0.0, 0.75, 0))
    scene.field_of_view = 30
    return scene


def cat():
    """A ginger cat seen from the front, close enough for its face."""
    turned = turn(yaw=12)
    trunk = [
        ellipsoid((0, 0.7, -0.15), (0.55, 0.75, 0.6)),
        ellipsoid((0, 1.15, 0.12), (0.4, 0.55, 0.36)),
        mirrored(ellipsoid((0.45, 0.35, 0.1), (0.24, 0.4, 0.5)), 0),
        mirrored(path([(0.2, 1.0, 0.35), (0.2, 0.12, 0.52)], (0.17, 0.12)), 0),
        mirrored(ellipsoid((0.2, 0.1, 0.62), (0.15, 0.1, 0.2)), 0),
        ellipsoid((0, 1.85, 0.3), (0.56, 0.45, 0.42)),
        mirrored(ellipsoid((0.13, 1.7, 0.64), (0.17, 0.12, 0.12)), 0),
    ]
    ear = prism([(0.12, 2.15), (0.56, 1.98), (0.5, 2.54)], 2, 0.16, 0.32, 0.05)
    body = blend(trunk + [mirrored(ear, 0)], 0.1)
    inner = mirrored(
        prism([(0.25, 2.2), (0.49, 2.1), (0.46, 2.42)], 2, 0.3, 0.345, 0.02), 0
    )
    tail = path(
        [(0.35, 0.14, -0.5), (0.9, 0.12, -0.1), (0.8, 0.12, 0.5), (0.4, 0.1, 0.8)],
        (0.13, 0.13, 0.12, 0.09),
    )
    eyes = mirrored(ellipsoid((0.2, 1.91, 0.6), (0.115, 0.105, 0.1)), 0)
    nose = ellipsoid((0, 1.77, 0.75), (0.06, 0.045, 0.04))
    whiskers = mirrored(
        union(
            [
                capsule((0.2, 1.7, 0.72), (0.72, 1.6 + 0.1 * i, 0.7), 0.009)
                for i in range(3)
            ]
        ),
        0,
    )

    def coat(points):
        p = points @ turned
        result = fur((0.4, 0.2, 0.06), (0.55, 0.3, 0.1), 5)(points)
        wave = p[:, 1] * 17 + 2.5 * np.sin(p[:, 0] * 4) + 1.5 * np.sin(p[:, 2] * 5)
        head = p[:, 1] > 1.75
        wave = np.where(head, np.abs(p[:, 0]) * 26 + 2 * p[:, 1], wave)
        stripes = smooth(0.1, 0.7, np.sin(wave))
        stripes = np.where(head, stripes * smooth(1.97, 2.12, p[:, 1]), stripes)
        result = mix(result, vector(0.2, 0.07, 0.015), 0.75 * stripes)
        white = smooth(0.35, 0.15, np.abs(p[:, 0])) * smooth(0.3, 0.42, p[:, 2])
        white = white * smooth(1.85, 1.72, p[:, 1])
        white = np.maximum(white, smooth(0.2, 0.12, p[:, 1]) * (p[:, 2] > 0.4))
        return mix(result, vector(0.7, 0.66, 0.6), white)

    def eye_colour(points):
        p = points @ turned
        result = np.empty_like(points)
        result[:] = (0.42, 0.5, 0.1)
        across, up = np.abs(p[:, 0]) - 0.225, p[:, 1] - 1.91
        result[np.hypot(across * 2.2, up) < 0.085] = (0.008, 0.008, 0.008)
        return result

    solids = [
        Solid(placed(union([body, tail]), rotation=turned), coat),
        Solid(placed(inner, rotation=turned), (0.5, 0.26, 0.22)),
        Solid(placed(eyes, rotation=turned), eye_colour, 0, 0.3),
        Solid(placed(nose, rotation=turned), (0.4, 0.13, 0.12)),
        Solid(placed(whiskers, rotation=turned), (0.7, 0.7, 0.7)),
    ]
    back = sky((0.6, 0.6, 0.6), (0.7, 0.7, 0.7), clouds=0)
    ground = plain((0.6, 0.55, 0.5), 0.25, 2)
    scene = Scene(solids, back, ground, (0.2, 2.0, 6.2), (0.12, 1.74, 0))
    scene.field_of_view = 16.5
    return scene


def dog():
    """A tan dog sitting on grass, its face to the front."""
    turned = turn(yaw=20)
    trunk = [
        ellipsoid((0, 0.75, -0.25), (0.52, 0.75, 0.6), turn(pitch=12)),
        ellipsoid((0, 1.3, 0.15), (0.43, 0.6, 0.4)),
        mirrored(ellipsoid((0.46, 0.38, -0.1), (0.25, 0.4, 0.52)), 0),
        mirrored(path([(0.25, 1.1, 0.3), (0.25, 0.12, 0.42)], (0.2, 0.13)), 0),
        mirrored(ellipsoid((0.25, 0.1, 0.55), (0.17, 0.11, 0.22)), 0),
        mirrored(ellipsoid((0.52, 0.1, 0.4), (0.16, 0.1, 0.24)), 0),
        ellipsoid((0, 2.12, 0.32), (0.43, 0.42, 0.42)),
        path([(0, 2.02, 0.55), (0, 1.9, 1.0)], (0.26, 0.18)),
    ]
    body = blend(trunk, 0.13)
    ears = mirrored(
        blend(
            [
                ellipsoid((0.42, 2.2, 0.25), (0.14, 0.2, 0.2)),
                ellipsoid((0.52, 1.9, 0.3), (0.1, 0.36, 0.2), turn(roll=8)),
            ],
            0.1,
        ),
        0,
    )
    nose = ellipsoid((0, 1.98, 1.17), (0.11, 0.08, 0.07))
    eyes = mirrored(sphere((0.18, 2.22, 0.67), 0.07), 0)
    tongue = ellipsoid((0, 1.66, 1.02), (0.09, 0.14, 0.05), turn(pitch=-15))

    def coat(points):
        p = points @ turned
        result = fur((0.42, 0.24, 0.09), (0.58, 0.37, 0.17), 5)(points)
        white = smooth(0.4, 0.2, np.abs(p[:, 0])) * smooth(0.3, 0.45, p[:, 2])
        white = white * smooth(1.95, 1.75, p[:, 1]) * smooth(0.7, 0.9, p[:, 1])
        muzzle = smooth(0.65, 0.85, p[:, 2]) * (p[:, 1] > 1.5)
        result = mix(result, vector(0.75, 0.68, 0.58), np.maximum(white, 0.7 * muzzle))
        mouth = (np.abs(p[:, 1] - 1.83 - 0.25 * np.abs(p[:, 0])) < 0.018) & (
            muzzle > 0.3
        )
        result[mouth] = (0.06, 0.03, 0.02)
        return result

    solids = [
        Solid(placed(body, rotation=turned), coat),
        Solid(
            placed(ears, rotation=turned), fur((0.2, 0.1, 0.035), (0.3, 0.16, 0.06), 5)
        ),
        Solid(placed(union([nose, eyes]), rotation=turned), DARK, 0.08, 0.9),
        Solid(placed(tongue, rotation=turned), (0.6, 0.16, 0.18), 0.03),
    ]
    back = sky(clouds=0.3, trees=0.35)
    scene = Scene(solids, back, grass(), (0.1, 1.9, 6.8), (0.05, 1.28, 0))
    scene.field_of_view = 28
    return scene
