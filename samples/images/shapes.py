"""Solid shapes as signed distance functions over points [N, 3]."""

import numpy as np


def vector(*values):
    return np.array(values, np.float32)


def length(v):
    return np.sqrt(np.einsum("...i,...i->...", v, v))


def unit(v):
    return v / np.maximum(length(v), 1e-9)[..., None]


def turn(yaw=0, pitch=0, roll=0):
    """Rotation matrix, in degrees about y, then x, then z."""
    y, x, z = np.radians([yaw, pitch, roll])
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(about_y, np.float32) @ np.array(about_x) @ np.array(about_z)


def sphere(centre, radius):
    centre = vector(*centre)
    return lambda p: length(p - centre) - radius


def ellipsoid(centre, radii, rotation=None):
    centre, radii = vector(*centre), vector(*radii)
    rotation = None if rotation is None else rotation.astype(np.float32)

    def distance(p):
        q = p - centre
        if rotation is not None:
            q = q @ rotation
        near = length(q / radii)
        return near * (near - 1) / np.maximum(length(q / radii**2), 1e-6)

    return distance


def capsule(start, end, start_radius, end_radius=None):
    """A round stick whose thickness may change from end to end."""
    start, end = vector(*start), vector(*end)
    axis = end - start
    growth = 0 if end_radius is None else end_radius - start_radius

    def distance(p):
        q = p - start
        along = np.clip(q @ axis / (axis @ axis), 0, 1)
        return length(q - along[:, None] * axis) - (start_radius + growth * along)

    return distance


def path(points, radii):
    """Capsules from point to point, smoothly joined."""
    pairs = zip(points, points[1:], radii, radii[1:])
    return blend([capsule(a, b, r, s) for a, b, r, s in pairs], min(radii) * 0.5)


def box(centre, half, rounding=0.0, rotation=None):
    centre, half = vector(*centre), vector(*half) - np.float32(rounding)
    rotation = None if rotation is None else rotation.astype(np.float32)

    def distance(p):
        q = p - centre
        if rotation is not None:
            q = q @ rotation
        q = np.abs(q) - half
        return length(np.maximum(q, 0)) + np.minimum(q.max(1), 0) - rounding

    return distance


def cylinder(centre, axis, radius, half, rounding=0.0):
    centre, axis = vector(*centre), unit(vector(*axis))

    def distance(p):
        q = p - centre
        along = q @ axis
        across = length(q - along[:, None] * axis) - radius + rounding
        along = np.abs(along) - half + rounding
        outside = np.hypot(np.maximum(across, 0), np.maximum(along, 0))
        return outside + np.minimum(np.maximum(across, along), 0) - rounding

    return distance


def prism(outline, axis, low, high, rounding=0.0):
    """A polygon in the plane of the two other axes, drawn out along one.

    The polygon's coordinates are those of the remaining axes in the order
    x, y, z.
    """
    corners = np.array(outline, np.float32)
    others = [i for i in range(3) if i != axis]
    middle, half = (low + high) / 2, (high - low) / 2

    def distance(p):
        q = p[:, others]
        squared = np.full(len(q), np.inf, np.float32)
        inside = np.zeros(len(q), bool)
        for a, b in zip(corners, np.roll(corners, -1, 0)):
            edge, w = b - a, q - a
            along = np.clip(w @ edge / (edge @ edge), 0, 1)
            offset = w - along[:, None] * edge
            squared = np.minimum(squared, np.einsum("ij,ij->i", offset, offset))
            spans = (a[1] <= q[:, 1]) != (b[1] <= q[:, 1])
            if edge[1] != 0:
                inside ^= spans & (w[:, 0] < w[:, 1] * edge[0] / edge[1])
        flat = np.where(inside, -1, 1) * np.sqrt(squared) + rounding
        along = np.abs(p[:, axis] - middle) - half + rounding
        outside = np.hypot(np.maximum(flat, 0), np.maximum(along, 0))
        return outside + np.minimum(np.maximum(flat, along), 0) - rounding

    return distance


def union(shapes):
    return lambda p: np.minimum.reduce([shape(p) for shape in shapes])


def blend(shapes, softness):
    """Union whose seams are rounded over about this width."""

    def distance(p):
        result = shapes[0](p)
        for shape in shapes[1:]:
            other = shape(p)
            h = np.maximum(softness - np.abs(result - other), 0) / softness
            result = np.minimum(result, other) - h * h * (softness * 0.25)
        return result

    return distance


def cut(shape, *tools):
    """The shape without the parts that lie inside the tools."""

    def distance(p):
        return np.maximum.reduce([shape(p)] + [-tool(p) for tool in tools])

    return distance


def mirrored(shape, axis):
    """The shape and its mirror image; give the one on the positive side."""

    def distance(p):
        q = p.copy()
        q[:, axis] = np.abs(q[:, axis])
        return shape(q)

    return distance


def placed(shape, offset=(0, 0, 0), rotation=None):
    """The shape turned, then moved."""
    offset = vector(*offset)
    rotation = np.eye(3) if rotation is None else rotation
    rotation = rotation.astype(np.float32)
    return lambda p: shape((p - offset) @ rotation)


def common(*shapes):
    """The part that all shapes share."""
    return lambda p: np.maximum.reduce([shape(p) for shape in shapes])
