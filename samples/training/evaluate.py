"""Tells how well a checkpoint knows labelled pictures and the bundled ones."""

import argparse
import os

import numpy as np
import torch
from PIL import Image

import pictures
from export import load_checkpoint
from network import CLASS_NAMES, IMAGE_SIZE, normalise
from train import accuracy


def prepare(path):
    """The middle square of a picture, scaled down."""
    image = Image.open(path).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    return np.array(image.resize((IMAGE_SIZE, IMAGE_SIZE), Image.BILINEAR))


def print_labels(network, paths):
    for path in sorted(paths):
        pixels = torch.from_numpy(prepare(path))[None]
        with torch.no_grad():
            probabilities = torch.softmax(network(normalise(pixels)), 1)[0]
        best = probabilities.argmax().item()
        print(
            f"{os.path.basename(path)}: {CLASS_NAMES[best]} {probabilities[best]:.3f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="checkpoint.pt that train.py wrote")
    parser.add_argument("--labelled", help="folder of 32x32 pictures with labels.txt")
    parser.add_argument("--pictures", nargs="*", default=[], help="files of any size")
    options = parser.parse_args()
    network = load_checkpoint(options.checkpoint)
    if options.labelled:
        pixels, labels = map(torch.from_numpy, pictures.read_folder(options.labelled))
        share = accuracy(network, pixels, labels)
        print(f"{100 * share:.2f} % of {len(labels)} pictures")
    print_labels(network, options.pictures)


if __name__ == "__main__":
    main()
