"""What convert calibrates on, and what it says of it: saved tables beside data, doubtful samples, options of no effect."""

import json
import random
import unittest

from support import IMAGES, MODEL, OCTET, TABLE, Case, npy

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

    def samples(self, odd, odd_count=1, count=8):
        """An .npy of random samples for the network; some numbers of sample 5 are `odd`."""
        rng = random.Random(7)
        values = [rng.uniform(-2, 2) for _ in range(count * 3072)]
        values[5 * 3072 : 5 * 3072 + odd_count] = [odd] * odd_count
        return self.write("x.npy", npy([count, 3, 32, 32], values))

    def test_a_sample_that_is_no_number_is_named_and_not_the_model(self):
        for odd in (float("nan"), float("inf")):
            self.fail_with(4, OCTET, "convert", MODEL, "-o", self.folder / "x.octet", "--data", self.samples(odd),
                           mentions=["x.npy", "sample [5]", "1 NaN or infinite", "3071 finite"])

    def test_what_overflows_inside_of_the_network_is_named_and_corrects_nothing(self):
        packed = self.folder / "x.octet"
        done = self.run_program(OCTET, "convert", MODEL, "-o", packed, "--data", self.samples(3e38, 3072), "--correct", "bias,affine")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"value '[a-z0-9_.]+' has \d+ NaN or infinite numbers beside \d+ finite ones")
        self.succeed(OCTET, "inspect", packed)

    def test_one_sample_corrects_nothing_for_none_is_left_to_judge_by(self):
        one = self.write("one.txt", f"{PICTURES[0]}\n")
        written = []
        for correct in ("none", "auto", "bias"):
            packed = self.folder / f"{correct}.octet"
            done = self.run_program(OCTET, "convert", MODEL, "-o", packed, "--data", one, "--calibration", "mse", "--correct", correct, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("nothing was corrected: that takes at least 2 samples" in done.stderr, correct != "none", done.stderr)
            self.assertEqual(json.loads(done.stdout)["corrections"], [])
            tensors = self.json_of(OCTET, "inspect", packed, "--json")["tensors"]
            written.append([(t["name"], t.get("scale")) for t in tensors])
        self.assertEqual(written[0], written[1])
        self.assertEqual(written[0], written[2])

    def test_a_table_that_counts_twice_is_told_of(self):
        tables = [self.folder / "a.json", self.folder / "b.json"]
        net = self.folder / "net.octet"
        for table, pictures in zip(tables, (PICTURES[:4], PICTURES[4:])):
            data = self.write("some.txt", "".join(f"{p}\n" for p in pictures))
            self.succeed(OCTET, "convert", MODEL, "-o", net, "--data", data, "--correct", "none", "--save-calibration", table)
        for second, is_same in ((0, True), (1, False)):
            merged = f"{tables[0]},{tables[second]}"
            done = self.run_program(OCTET, "convert", MODEL, "-o", net, "--calibration-table", merged, "--correct", "none")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("are the same statistics: their 4 samples count twice" in done.stderr, is_same, done.stderr)

    def test_a_table_of_other_weights_is_told_of(self):
        table, net = self.folder / "t.json", self.folder / "net.octet"
        self.succeed(OCTET, "convert", MODEL, "-o", net, "--data", self.list_of_pictures(), "--correct", "none", "--save-calibration", table)
        saved = json.loads(table.read_text())
        for weights, is_said in ((saved["weights"], False), ("0123456789abcdef", True), ("", False)):
            other = self.write("other.json", json.dumps(saved | {"weights": weights}))
            done = self.run_program(OCTET, "convert", MODEL, "-o", net, "--calibration-table", other, "--correct", "none")
            self.assertEqual(done.returncode, 0, done.stderr)
            said = f"other weights of '{saved['model']}': theirs are 0123456789abcdef, the model's {saved['weights']}"
            self.assertEqual(said in done.stderr, is_said, done.stderr)

    def test_what_was_noticed_is_said_before_an_error_too(self):
        done = self.run_program(OCTET, "convert", MODEL, "-o", self.folder / "x.octet", "--data", self.list_of_pictures(), "--keep-float", "gone")
        self.assertEqual(done.returncode, 2, done.stderr)
        *warnings, error = done.stderr.splitlines()
        self.assertIn("gone", error)
        self.assertTrue(any(f"calibrated on {len(PICTURES)} samples" in line for line in warnings), done.stderr)

    def test_the_method_that_the_order_of_samples_changes_says_so(self):
        ordered = ("--calibration", "moving_average", "--correct", "none")
        convert = (OCTET, "convert", MODEL, "-o", self.folder / "x.octet", "--data", self.list_of_pictures())
        self.assertIn("warning: --calibration moving_average depends on the order of the samples", self.run_program(*convert, *ordered).stderr)
        self.assertNotIn("order", self.run_program(*convert, "--calibration", "minmax", "--correct", "none").stderr)
        self.assertIn("depends on the order of the samples: moving_average", " ".join(self.succeed(OCTET, "convert", "--help").split()))

    def test_options_of_no_effect_are_refused(self):
        packed = self.folder / "idle.octet"
        table = (OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE)
        mixed = ("--precision", "mixed", "--data", self.list_of_pictures())
        for idle in (("--group-size", 16), ("--group-size", 16, "--weight-bits", 4), ("--group-size", 16, *mixed),
                     ("--group-size", 16, "--cost", "bytes", "--weights", "per_channel", *mixed), ("--cost", "bytes"), ("--cost", "latency"),
                     ("--bf16", "always"), ("--bf16", "auto", "--precision", "f32"), ("--percentile", 50, "--calibration", "mse"),
                     ("--percentile", 50, "--precision", "bf16"), ("--percentile", 50, "--precision", "weight_only")):
            self.fail_with(2, *table, *idle, mentions=[idle[0], "no effect"])
        self.fail_with(2, *table, "--max-drop", -200, mentions=["--max-drop is -200", "-100", "100"])
        self.fail_with(2, *table, "--correct", "bias,none", mentions=["'none' stands alone"])
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--calibration-table", "", mentions=["--calibration-table", "names no file"])
        self.assertFalse(packed.exists())
        written = []
        for percentile in (("--percentile", 90), ("--percentile", 99.99), ()):
            self.succeed(*table, "--calibration", "percentile", *percentile)
            written.append(packed.read_bytes())
        self.assertNotEqual(written[0], written[1])
        self.assertEqual(written[1], written[2])


if __name__ == "__main__":
    unittest.main()
