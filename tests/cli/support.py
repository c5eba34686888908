"""What the tests of the command line share: running programs, and files made with nothing but the standard library."""

import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import zlib

ROOT = pathlib.Path(os.environ["OCTET_ROOT"])
BUILD = pathlib.Path(os.environ["OCTET_BUILD"])
SHARED = ROOT.parent / "shared" / "data"
OCTET = BUILD / "converter" / "octet"
CLASSIFY = BUILD / "samples" / "classify"
BENCHMARK = BUILD / "samples" / "benchmark"
MODEL = ROOT / "samples" / "models" / "cifar10_resnet.json"
TABLE = ROOT / "samples" / "models" / "cifar10_resnet.calibration.json"
PACKED = BUILD / "samples" / "models" / "cifar10_resnet.octet"
IMAGES = ROOT / "samples" / "images"
# What has not ended by then hangs: sanitizers, and other work on the cores, take their time.
HANGS_S = 1800 if os.environ.get("OCTET_SANITIZED") else 300


class Case(unittest.TestCase):
    """A test with a scratch folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="octet-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_program(self, *arguments, **options):
        return subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=HANGS_S, **options)

    def succeed(self, *arguments, **options):
        done = self.run_program(*arguments, **options)
        self.assertEqual(done.returncode, 0, f"{arguments}\n{done.stdout}{done.stderr}")
        return done.stdout

    def fail_with(self, code, *arguments, mentions=(), **options):
        """The program ends with `code` and says why in one line on stderr that mentions all of `mentions`."""
        done = self.run_program(*arguments, **options)
        said = done.stderr.strip()
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}{done.stderr}")
        lines = [line for line in said.splitlines() if ": warning: " not in line]
        self.assertEqual(len(lines), 1, f"{arguments}: not one line: {said}")
        for text in mentions:
            self.assertIn(str(text), lines[0])
        return lines[0]

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def json_of(self, *arguments):
        return json.loads(self.succeed(*arguments))


def npy(shape, values, descr="<f4", code="f"):
    """The bytes of an .npy file, version 1."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}{code}", *values)


def read_npy(path):
    """Shape and f32 values of an .npy file."""
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    header = eval(data[10 : 10 + size].decode(), {})  # a literal that the program under test wrote
    values = data[10 + size :]
    return header["shape"], struct.unpack(f"<{len(values) // 4}f", values)


def png(width, height, channels=3, bits=8, pixel=lambda x, y, c: (x * 7 + y * 13 + c * 50) % 256):
    """The bytes of a PNG: 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha."""
    color = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b""
    for y in range(height):
        values = [pixel(x, y, c) for x in range(width) for c in range(channels)]
        rows += b"\0" + (bytes(values) if bits == 8 else b"".join(struct.pack(">H", v * 257) for v in values))

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
