"""Draws the bundled sample pictures, the same ones every time."""

import argparse
import os

from PIL import Image

import animals
import vehicles

SCENES = {
    "airplane": vehicles.airplane,
    "automobile": vehicles.automobile,
    "bird": animals.bird,
    "cat": animals.cat,
    "deer": animals.deer,
    "dog": animals.dog,
    "frog": animals.frog,
    "horse": animals.horse,
    "ship": vehicles.ship,
    "truck": vehicles.truck,
}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which pictures; all by default")
    parser.add_argument("--folder", default=here, help="where to write them")
    parser.add_argument("--size", type=int, default=384)
    options = parser.parse_args()
    for name in options.names or SCENES:
        picture = SCENES[name]().render(options.size, options.size)
        path = os.path.join(options.folder, f"{name}.png")
        Image.fromarray(picture).save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    main()
