"""Files to be written: none destroys what is read, and one that cannot be written is known before the work."""

import json
import os
import shutil
import unittest

from support import IMAGES, MODEL, OCTET, PACKED, TABLE, Case, npy

USAGE, FILE, RESOURCE = 2, 4, 1


class OutputsThatAreInputs(Case):
    """Refused with both names, and nothing has changed."""

    def setUp(self):
        super().setUp()
        self.model = shutil.copy(MODEL, self.folder / "m.json")
        self.weights = shutil.copy(MODEL.parent / json.loads(MODEL.read_text())["weights"], self.folder)
        self.table = shutil.copy(TABLE, self.folder / "table.json")
        self.packed = shutil.copy(PACKED, self.folder / "c.octet")
        self.convert = (OCTET, "convert", self.model, "--calibration-table", self.table)

    def contents(self):
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}

    def refuse(self, *arguments, mentions):
        before = self.contents()
        self.fail_with(USAGE, *arguments, mentions=["is the same file as", *mentions], cwd=self.folder)
        self.assertEqual(self.contents(), before)

    def test_the_model(self):
        self.refuse(*self.convert, "-o", "m.json", mentions=["--output 'm.json'", "MODEL", self.model])
        self.refuse(OCTET, "export", "c.octet", "--onnx", "./c.octet", mentions=["--onnx './c.octet'", "FILE 'c.octet'"])
        compare = (OCTET, "compare", "m.json", "c.octet", "--data", IMAGES)
        self.refuse(*compare, "--html", "m.json", mentions=["--html", "MODEL"])
        self.refuse(*compare, "--html", self.packed, mentions=["--html", "PACKED 'c.octet'"])
        self.refuse(OCTET, "sensitivity", "m.json", "--data", IMAGES, "--html", "m.json", mentions=["--html", "MODEL"])

    def test_links_to_it(self):
        os.symlink("m.json", self.folder / "soft")
        os.link(self.model, self.folder / "hard")
        for name in ("soft", "hard"):
            self.refuse(*self.convert, "-o", name, mentions=[f"--output '{name}'", "MODEL"])

    def test_the_weights_of_the_model(self):
        name = os.path.basename(self.weights)
        self.refuse(*self.convert, "-o", name, mentions=[f"--output '{name}'", "the model's file", self.weights])
        self.refuse(*self.convert, "-o", "x.octet", "--save-calibration", name, mentions=["--save-calibration", "the model's file"])
        self.refuse(OCTET, "compare", "m.json", "c.octet", "--data", IMAGES, "--html", name, mentions=["--html", "the model's file"])
        self.refuse(OCTET, "sensitivity", "m.json", "--data", IMAGES, "--html", name, mentions=["--html", "the model's file"])

    def test_tables_names_labels_and_data(self):
        self.refuse(*self.convert, "-o", "table.json", mentions=["--output 'table.json'", f"--calibration-table '{self.table}'"])
        self.write("names.txt", "a\n" * 10)
        self.refuse(*self.convert, "-o", "names.txt", "--class-names", "names.txt", mentions=["--output", "--class-names"])
        self.write("labels.txt", "a 1\n")
        self.refuse(*self.convert, "-o", "labels.txt", "--data", IMAGES, "--labels", "labels.txt", "--max-drop", 1,
                    mentions=["--output", "--labels"])
        self.write("x.npy", npy((1, 3, 32, 32), [0.0] * 3072))
        for data in ("x.npy", "image=x.npy"):
            self.refuse(*self.convert, "-o", "x.npy", "--data", data, mentions=["--output 'x.npy'", "--data 'x.npy'"])
            self.refuse(OCTET, "compare", "m.json", "c.octet", "--data", data, "--html", "x.npy", mentions=["--html", "--data"])

    def test_an_input_of_run(self):
        model = json.loads(self.folder.joinpath("m.json").read_text())
        name = model["outputs"][0] if isinstance(model["outputs"][0], str) else model["outputs"][0]["name"]
        self.write(f"{name}.npy", npy((1, 3, 32, 32), [0.0] * 3072))
        self.refuse(OCTET, "run", "c.octet", "--input", f"image={name}.npy", "--output-dir", ".",
                    mentions=["--output-dir", f"--input '{name}.npy'"])

    def test_another_output(self):
        self.refuse(*self.convert, "-o", "r", "--data", IMAGES, "--report", "./r", mentions=["--report './r'", "--output 'r'"])
        self.refuse(*self.convert, "-o", "r", "--save-calibration", "r", mentions=["--save-calibration 'r'", "--output 'r'"])
        os.mkdir(self.folder / "sub")
        os.symlink(self.folder, self.folder / "sub" / "up")
        self.refuse(*self.convert, "-o", "r", "--save-calibration", "sub/up/r", mentions=["--save-calibration", "--output"])

    def test_a_device_is_no_file_that_could_be_destroyed(self):
        self.succeed(*self.convert, "-o", "/dev/null", "--save-calibration", "/dev/null")


class OutputsThatCannotBeWritten(Case):
    """Known before the work: nothing else has been written."""

    def options(self, path):
        data = ("--data", IMAGES)
        packed = self.folder / "o.octet"
        table = (OCTET, "convert", MODEL, *data, "--calibration-table", TABLE)
        return {"--output": (*table, "-o", path),
                "--report": (*table, "-o", packed, "--report", path),
                "--save-calibration": (OCTET, "convert", MODEL, *data, "-o", packed, "--save-calibration", path),
                "--onnx": (OCTET, "export", PACKED, "--onnx", path),
                "--html": (OCTET, "compare", MODEL, PACKED, *data, "--html", path),
                "sensitivity": (OCTET, "sensitivity", MODEL, *data, "--html", path)}

    def refuse(self, path, *mentions, **options):
        before = sorted(self.folder.iterdir())
        for name, command in self.options(path).items():
            option = name if name.startswith("--") else "--html"
            self.fail_with(RESOURCE, *command, mentions=[f"{option}: cannot write '{path}': ", *mentions], **options)
            self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_no_folder(self):
        self.refuse(self.folder / "nope" / "x", f"the folder '{self.folder / 'nope'}': No such file or directory")

    def test_a_folder_that_is_a_file(self):
        self.refuse(self.write("file", "") / "x", "Not a directory")

    def test_a_folder_in_the_place_of_the_file(self):
        (self.folder / "x").mkdir()
        self.refuse(self.folder / "x", "it is a folder")

    def test_a_name_that_is_too_long(self):
        self.refuse(self.folder / ("x" * 300), "File name too long")

    def test_no_name(self):
        for command in self.options("").values():
            self.fail_with(USAGE, *command, mentions=["names no file"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_permissions(self):
        # Root may do everything: be somebody else.
        user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        owner = user.get("user", -1)
        os.chown(self.folder, owner, -1)
        try:
            self.succeed(OCTET, "check", MODEL, **user)
        except (AssertionError, PermissionError) as error:
            self.skipTest(f"nobody else may run octet here: {error}")
        locked, kept = self.folder / "locked", self.write("kept", "")
        locked.mkdir()
        for path in (locked, kept):
            os.chown(path, owner, -1)
        for mode in (0o500, 0o600, 0o000):
            locked.chmod(mode)
            self.addCleanup(locked.chmod, 0o700)
            self.refuse(locked / "x", "Permission denied", **user)
        kept.chmod(0o400)
        self.refuse(kept, "Permission denied", **user)

    def test_a_full_device_is_taken_as_it_is(self):
        said = self.fail_with(RESOURCE, OCTET, "convert", MODEL, "--calibration-table", TABLE, "-o", "/dev/full")
        self.assertIn("No space left", said)


class TablesThatAreNoFiles(Case):
    def test_are_called_what_they_are(self):
        os.mkfifo(self.folder / "pipe")
        missing = self.folder / "missing"
        for path, why in ((self.folder, "not a regular file"), (self.folder / "pipe", "not a regular file"),
                          ("/dev/zero", "not a regular file"), (missing, "No such file or directory"),
                          (self.write("file", "") / "x", "Not a directory")):
            self.fail_with(FILE, OCTET, "convert", MODEL, "-o", self.folder / "x.octet", "--calibration-table", path,
                           mentions=[f"'{path}': {why}"])


if __name__ == "__main__":
    unittest.main()
