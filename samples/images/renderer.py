"""A small ray marcher: solids on a ground plane in daylight."""

import numpy as np

from noise import layered
from shapes import length, unit, vector

FAR = 60.0
CLOSE = 1e-3


class Solid:
    """A shape and how it looks.

    The colour is a triple or a function of points; gloss is the part of the
    sky's mirror image in the surface.
    """

    def __init__(self, shape, colour, gloss=0.0, shine=0.1):
        self.shape, self.gloss, self.shine = shape, gloss, shine
        self.colour = colour

    def colours(self, points):
        if callable(self.colour):
            return self.colour(points)
        return np.broadcast_to(vector(*self.colour), points.shape)


class Scene:
    """Solids, a sky and a ground at height 0 (or none), and a camera."""

    def __init__(self, solids, sky, ground=None, eye=(0, 1, 5), target=(0, 0, 0)):
        self.solids, self.sky, self.ground = solids, sky, ground
        self.eye, self.target = vector(*eye), vector(*target)
        self.field_of_view = 40
        self.sun = unit(vector(0.5, 0.8, 0.6))
        self.sun_colour = vector(1.0, 0.95, 0.86) * 1.15
        self.ambient = vector(0.42, 0.48, 0.56)
        self.ripples = 0.0  # Above 0 the ground is water.
        self.haze = 0.004
        self.haze_colour = vector(0.58, 0.72, 0.86)

    def distance(self, points):
        return np.minimum.reduce([solid.shape(points) for solid in self.solids])

    def march(self, origins, directions, limit=FAR, steps=110):
        """Distance to the first solid along each ray, or infinity."""
        travelled = np.full(len(origins), 0.02, np.float32)
        result = np.full(len(origins), np.inf, np.float32)
        active = np.arange(len(origins))
        for _ in range(steps):
            points = origins[active] + travelled[active, None] * directions[active]
            near = self.distance(points)
            hit = near < CLOSE * np.maximum(travelled[active], 1)
            result[active[hit]] = travelled[active[hit]]
            travelled[active] += 0.85 * np.maximum(near, CLOSE)
            active = active[~hit & (travelled[active] < limit)]
            if not len(active):
                break
        return result

    def lit(self, points):
        """How much of the sun reaches each point, with soft shadow edges."""
        directions = np.broadcast_to(self.sun, points.shape)
        travelled = np.full(len(points), 0.03, np.float32)
        light = np.ones(len(points), np.float32)
        active = np.arange(len(points))
        for _ in range(40):
            at = travelled[active]
            near = self.distance(points[active] + at[:, None] * directions[active])
            light[active] = np.minimum(light[active], 14 * near / at)
            travelled[active] += np.clip(near, 0.02, 0.5)
            active = active[(light[active] > 0.01) & (travelled[active] < 9)]
            if not len(active):
                break
        return np.clip(light, 0, 1)

    def normals(self, points):
        """Slope of the distance, from the corners of a small tetrahedron."""
        corners = ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1))
        slope = 0
        for corner in corners:
            offset = vector(*corner)
            near = self.distance(points + np.float32(0.003) * offset)
            slope = slope + near[:, None] * offset
        return unit(slope)

    def openness(self, points, normals):
        """Darkens corners, which see less of the sky."""
        hidden = 0
        for step, weight in ((0.05, 0.5), (0.15, 0.3), (0.35, 0.2)):
            near = self.distance(points + np.float32(step) * normals)
            hidden = hidden + weight * np.clip(1 - near / step, 0, 1)
        return 1 - 0.75 * hidden

    def shade(self, points, normals, views, colours, gloss, shine):
        light = self.lit(points + 0.01 * normals)
        sunny = np.clip(normals @ self.sun, 0, 1) * light
        upward = 0.65 + 0.35 * normals[:, 1]
        sky = upward * self.openness(points, normals)
        result = colours * (
            sunny[:, None] * self.sun_colour + sky[:, None] * self.ambient
        )
        halfway = unit(self.sun - views)
        spot = np.clip(np.einsum("ij,ij->i", normals, halfway), 0, 1) ** 60
        result = result + (shine * spot * light)[:, None] * 1.5
        if np.any(gloss > 0):
            facing = np.einsum("ij,ij->i", normals, views)
            mirrored = views - 2 * facing[:, None] * normals
            edge = (1 - np.clip(-facing, 0, 1)) ** 4
            part = np.clip(gloss * (0.35 + 1.2 * edge), 0, 1)[:, None]
            mirrored[:, 1] = np.abs(mirrored[:, 1])
            result = result * (1 - part) + part * self.sky(mirrored)
        return result

    def shade_solids(self, points, views):
        normals = self.normals(points)
        nearest = np.argmin([solid.shape(points) for solid in self.solids], axis=0)
        colours = np.zeros_like(points)
        gloss, shine = np.zeros((2, len(points)), np.float32)
        for i, solid in enumerate(self.solids):
            own = nearest == i
            colours[own] = solid.colours(points[own])
            gloss[own], shine[own] = solid.gloss, solid.shine
        return self.shade(points, normals, views, colours, gloss, shine)

    def water_normals(self, points):
        flat = points[:, [0, 2]]
        offsets = []
        for shift in ((0, 0), (0.02, 0), (0, 0.02)):
            at = flat + np.float32(shift)
            swell = layered(at * np.float32((0.5, 1.1)), 2)
            offsets.append(swell + 0.5 * layered(at * np.float32((1.4, 2.8)), 3))
        slope = np.stack(
            [
                offsets[0] - offsets[1],
                np.full(len(flat), 0.02),
                offsets[0] - offsets[2],
            ],
            1,
        )
        # Far waves are smaller than a pixel: flatten them.
        calm = 1 / (1 + (0.09 * length(points - self.eye)) ** 2)
        slope[:, [0, 2]] *= self.ripples * calm[:, None]
        return unit(slope.astype(np.float32))

    def shade_ground(self, points, views, reflect=True):
        colours = self.ground(points)
        nothing = np.zeros(len(points), np.float32)
        if not self.ripples:
            normals = np.broadcast_to(vector(0, 1, 0), points.shape)
            return self.shade(points, normals, views, colours, nothing, nothing)
        normals = self.water_normals(points)
        base = self.shade(points, normals, views, colours, nothing, nothing + 0.3)
        facing = np.einsum("ij,ij->i", normals, views)
        mirrored = views - 2 * facing[:, None] * normals
        mirrored[:, 1] = np.abs(mirrored[:, 1]) + 0.02
        mirrored = unit(mirrored)
        image = self.colours(points, mirrored, reflect=False)
        part = 0.08 + 0.75 * (1 - np.clip(-facing, 0, 1)) ** 4
        return base * (1 - part[:, None]) + part[:, None] * image

    def colours(self, origins, directions, reflect=True):
        """The light that comes along each ray."""
        result = self.sky(directions)
        solid = self.march(origins, directions)
        down = directions[:, 1]
        if self.ground and reflect:
            ground = np.where(
                down < -1e-4, -origins[:, 1] / np.minimum(down, -1e-4), np.inf
            )
        else:
            ground = np.full(len(origins), np.inf, np.float32)
        for which, travelled in ((solid < ground, solid), (ground < solid, ground)):
            which &= travelled < 400
            if not which.any():
                continue
            views = directions[which]
            far = travelled[which].astype(np.float32)
            points = origins[which] + far[:, None] * views
            if travelled is solid:
                seen = self.shade_solids(points, views)
            else:
                seen = self.shade_ground(points, views)
            haze = 1 - np.exp(-self.haze * np.minimum(far, 25))[:, None]
            result[which] = seen * (1 - haze) + haze * self.haze_colour
        return result

    def render(self, width, height, samples=2):
        """The picture as 8-bit RGB, each pixel the mean of samples^2 rays."""
        forward = unit(self.target - self.eye)
        right = unit(np.cross(forward, vector(0, 1, 0)))
        up = np.cross(right, forward)
        scale = np.tan(np.radians(self.field_of_view / 2)) / height
        rows = []
        for row in range(height):
            y, x = np.mgrid[0:samples, 0 : width * samples].astype(np.float32)
            x = (2 * (x + 0.5) / samples - width) * scale
            y = (height - 2 * (row + (y + 0.5) / samples)) * scale
            rows.append(np.stack([x, y], 2))
        # Bands of rows bound the memory.
        picture = []
        for start in range(0, height, 32):
            plane = np.concatenate(rows[start : start + 32]).reshape(-1, 2)
            rays = forward + plane[:, :1] * right + plane[:, 1:] * up
            rays = unit(rays.astype(np.float32))
            origins = np.broadcast_to(self.eye, rays.shape)
            band = self.colours(origins, rays)
            band = band.reshape(-1, samples, width, samples, 3).mean((1, 3))
            picture.append(band)
        picture = np.concatenate(picture)
        # A film-like curve in place of clipped highlights, then display gamma.
        x = 0.8 * np.clip(picture, 0, None)
        x = x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14)
        return np.round(255 * np.clip(x, 0, 1) ** (1 / 2.2)).astype(np.uint8)
