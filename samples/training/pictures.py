"""Reads the CIFAR-10 pictures and varies them for training."""

import io
import os
import zipfile

import numpy as np
from PIL import Image, ImageFilter

from network import CLASS_NAMES

# The last pictures of each class are kept from training, for decisions. The
# lossless pictures are copies of early ones, so none of these is among them.
HELD_OUT_PER_CLASS = 200


def decode(source):
    return np.asarray(Image.open(source).convert("RGB"))


def read_zip(path):
    """Pictures and labels from a zip of one folder per class."""
    pictures, labels = [], []
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            folder, _, file = name.rpartition("/")
            if file.endswith(".jpg"):
                pictures.append(decode(io.BytesIO(archive.read(name))))
                labels.append(CLASS_NAMES.index(folder))
    return np.stack(pictures), np.array(labels)


def read_folder(folder):
    """Pictures and labels from a folder with a labels.txt."""
    with open(os.path.join(folder, "labels.txt")) as file:
        rows = [line.split() for line in file if line.strip()]
    pictures = [decode(os.path.join(folder, name)) for name, _ in rows]
    return np.stack(pictures), np.array([int(label) for _, label in rows])


def read_training(folder):
    """((pictures, labels) to train on, (pictures, labels) held out)."""
    pictures, labels = read_zip(os.path.join(folder, "train_jpeg.zip"))
    held_out = np.zeros(len(labels), bool)
    for label in range(len(CLASS_NAMES)):
        held_out[np.flatnonzero(labels == label)[-HELD_OUT_PER_CLASS:]] = True
    lossless, lossless_labels = read_folder(os.path.join(folder, "train_lossless"))
    train = (
        np.concatenate([pictures[~held_out], lossless]),
        np.concatenate([labels[~held_out], lossless_labels]),
    )
    return train, (pictures[held_out], labels[held_out])


def vary_geometry(picture, random):
    """A random crop that may reach past the edge, scaled back to 32x32."""
    kind = random.random()
    if kind < 0.12:  # A smaller object on a plain ground.
        canvas = np.empty((64, 64, 3), np.uint8)
        canvas[:] = picture[random.integers(32), random.integers(32)]
        canvas[16:48, 16:48] = picture
        size = random.uniform(33, 42)
    else:
        canvas = np.pad(picture, ((16, 16), (16, 16), (0, 0)), "reflect")
        size = 32 * 2 ** random.uniform(-0.5, 0.35)
    if kind > 0.55:  # Only moved, by whole pixels, so nothing blurs.
        x, y = random.integers(12, 21, 2)
        return Image.fromarray(canvas[y : y + 32, x : x + 32])
    aspect = 2 ** random.uniform(-0.12, 0.12)
    half = np.array([size * aspect, size / aspect]) / 2
    reach = max(4.0, abs(size - 32) / 2)
    centre = 32 + random.uniform(-reach, reach, 2)
    box = np.clip(np.concatenate([centre - half, centre + half]), 0, 64)
    return Image.fromarray(canvas).resize((32, 32), Image.BILINEAR, box=tuple(box))


def vary_quality(image, random):
    """Blur, sharpening or JPEG artefacts, each only sometimes."""
    kind = random.random()
    if kind < 0.1:
        return image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 0.8)))
    if kind < 0.2:
        return image.filter(ImageFilter.UnsharpMask(1, random.integers(40, 150), 0))
    if kind < 0.4:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(random.integers(40, 96)))
        return Image.open(buffer)
    return image


def vary_colours(pictures, random):
    """Brightness, contrast and colour casts over a batch of uint8 pictures."""
    count = len(pictures)
    plain = random.random((count, 1, 1, 1)) < 0.4
    contrast = random.uniform(0.75, 1.3, (count, 1, 1, 1))
    saturation = random.uniform(0.6, 1.4, (count, 1, 1, 1))
    cast = random.uniform(0.92, 1.08, (count, 1, 1, 3))
    shift = random.uniform(-25, 25, (count, 1, 1, 1))
    x = pictures.astype(np.float32)
    grey = x.mean(3, keepdims=True)
    y = (grey + (x - grey) * saturation.astype(np.float32)) * cast.astype(np.float32)
    y = (y - 128) * contrast.astype(np.float32) + (128 + shift).astype(np.float32)
    return np.where(plain, pictures, np.clip(y, 0, 255).astype(np.uint8))


def vary(pictures, seed):
    """One epoch's variant of every picture, the same for the same seed."""
    random = np.random.default_rng(seed)
    result = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        if random.random() < 0.5:
            picture = picture[:, ::-1]
        image = vary_geometry(picture, random)
        result[i] = np.asarray(vary_quality(image, random))
    for start in range(0, len(result), 1024):
        part = slice(start, start + 1024)
        result[part] = vary_colours(result[part], random)
    return result
