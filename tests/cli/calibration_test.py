"""What convert calibrates on, and what it says of it: saved tables beside data, doubtful samples, options of no effect."""

import unittest

from support import IMAGES, MODEL, OCTET, TABLE, Case

PICTURES = sorted(IMAGES.glob("*.png"))


class Calibration(Case):
    def list_of_pictures(self):
        return self.write("list.txt", "".join(f"{p}\n" for p in PICTURES))

    def scales(self, *options):
        """The steps of the integer values by name, and what stderr says."""
        packed = self.folder / "net.octet"
        done = self.run_program(OCTET, "convert", MODEL, "-o", packed, "--calibration", "minmax", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        tensors = self.json_of(OCTET, "inspect", packed, "--json")["tensors"]
        return {t["name"]: t["scale"] for t in tensors if t["dtype"] == "u8"}, done.stderr

    def test_a_table_stays_what_calibrates_when_corrections_rescale_values(self):
        data = ("--data", self.list_of_pictures())
        table = ("--calibration-table", TABLE, *data)
        saved, quiet = self.scales(*table, "--correct", "none")
        kept, said = self.scales(*table, "--correct", "balance+bias")
        few, _ = self.scales(*data, "--correct", "balance+bias")
        self.assertIn("balance+bias: 12 layers", said)
        self.assertIn(" kept ", said)
        # The pool's values were rescaled; what the ten pictures have of them is far from what the thousand samples had.
        self.assertNotEqual(kept["pool_out"], saved["pool_out"])
        self.assertGreater(kept["pool_out"], 1.2 * few["pool_out"])
        self.assertEqual(kept["block1.relu1_out"], saved["block1.relu1_out"])
        self.assertGreater(kept["block1.relu1_out"], 1.2 * few["block1.relu1_out"])
        self.assertRegex(said, rf"corrections rescaled \d+ of \d+ values: their ranges are the table's, .* {len(PICTURES)} samples of --data")
        self.assertNotIn("corrections rescaled", quiet)


if __name__ == "__main__":
    unittest.main()
