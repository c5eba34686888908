"""The bundled network, end to end: convert, classify, run, evaluate, compare, benchmark."""

import hashlib
import json
import os
import random
import re
import sys
import unittest

from support import ROOT, BENCHMARK, BUILD, CLASSIFY, IMAGES, MODEL, OCTET, PACKED, TABLE, Case, npy, read_npy

CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
PICTURES = sorted(p for p in IMAGES.iterdir() if p.stem in CLASSES and p.suffix in (".png", ".jpg"))


class BundledModel(Case):
    def convert(self, *more):
        packed = self.folder / "net.octet"
        self.succeed(OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE, *more)
        return packed

    def labels(self):
        return self.write("labels.txt", "".join(f"{p.name} {CLASSES.index(p.stem)}\n" for p in PICTURES))

    def list_of_pictures(self):
        return self.write("list.txt", "".join(f"{p}\n" for p in PICTURES))

    def test_the_readme_shows_the_embedding_that_is_compiled(self):
        self.assertIn((ROOT / "samples" / "embed_minimal.cpp").read_text(), (ROOT / "README.md").read_text())
        self.assertIn("class ", self.succeed(BUILD / "samples" / "embed_minimal", PACKED))

    def test_converting_twice_gives_the_same_bytes(self):
        first = self.convert().read_bytes()
        self.assertEqual(self.convert().read_bytes(), first)
        self.assertEqual(PACKED.read_bytes(), first)

    def test_inspect_verifies_the_sha256_that_the_file_carries(self):
        import hashlib

        packed = self.convert()
        data = bytearray(packed.read_bytes())
        expected = hashlib.sha256(data[:56] + bytes(8) + data[64:-32]).hexdigest()
        self.assertIn(f"sha256 {expected} (verified)", self.succeed(OCTET, "inspect", packed, "--verify"))
        self.assertEqual(self.json_of(OCTET, "inspect", packed, "--verify", "--json")["sha256"], expected)
        self.assertNotIn("sha256", self.json_of(OCTET, "inspect", packed, "--json"))
        self.fail_with(4, OCTET, "inspect", MODEL, "--verify", mentions=("not an octet file",))

    def test_every_bundled_picture_gets_its_label(self):
        self.assertGreaterEqual(len(PICTURES), 4)
        found = self.json_of(CLASSIFY, *PICTURES, "--json", "--top", 3)
        for entry, picture in zip(found["images"], PICTURES, strict=True):
            self.assertEqual(entry["predictions"][0]["label"], picture.stem)
            self.assertEqual(len(entry["predictions"]), 3)
            self.assertGreater(entry["predictions"][0]["probability"], 0.5)

    def test_classify_works_word_for_word_in_the_build_folder(self):
        picture = self.write("image.png", PICTURES[0].read_bytes())
        said = self.succeed("samples/classify", picture, cwd=BUILD)
        self.assertIn(PICTURES[0].stem, said)

    def test_classify_feeds_pixels_and_gives_the_answer_of_the_normalized_image(self):
        rng = random.Random(4)
        mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        for _ in range(3):
            pixels = bytes(rng.randrange(256) for _ in range(3 * 32 * 32))
            image = self.write("image.ppm", b"P6 32 32 255\n" + pixels)
            entry = self.json_of(CLASSIFY, image, "--json", "--top", 10)["images"][0]
            x = [(p * (1 / 255) - mean[c]) / std[c] for c in range(3) for p in pixels[c::3]]
            out = self.folder / "out"
            self.succeed(OCTET, "run", PACKED, "--input", f"image={self.write('x.npy', npy([1, 3, 32, 32], x))}", "--output-dir", out)
            expected = read_npy(out / "probabilities.npy")[1]
            self.assertEqual({row["index"]: row["probability"] for row in entry["predictions"]}, dict(enumerate(expected)))

    def test_float_and_packed_run_through_the_same_command(self):
        rng = random.Random(1)
        x = self.write("x.npy", npy([2, 3, 32, 32], [rng.gauss(0, 1) for _ in range(2 * 3072)]))
        results = []
        for model in (MODEL, self.convert()):
            out = self.folder / "out"
            self.succeed(OCTET, "run", model, "--input", f"image={x}", "--output-dir", out)
            shape, values = read_npy(out / "probabilities.npy")
            self.assertEqual(shape, (2, 10))
            self.assertAlmostEqual(sum(values), 2, places=4)
            results.append(values)
        # Eight bits: close, not equal.
        self.assertLess(max(abs(a - b) for a, b in zip(*results)), 0.2)
        self.assertNotEqual(*results)

    def test_the_same_bytes_for_one_and_two_threads_and_for_a_batch(self):
        rng = random.Random(2)
        samples = [[rng.gauss(0, 1) for _ in range(3072)] for _ in range(3)]
        packed = self.convert()

        def outputs(values, count, threads):
            x = self.write("x.npy", npy([count, 3, 32, 32], values))
            out = self.folder / "out"
            self.succeed(OCTET, "run", packed, "--input", f"image={x}", "--output-dir", out, "--threads", threads)
            return read_npy(out / "probabilities.npy")[1]

        together = outputs([v for sample in samples for v in sample], 3, 1)
        self.assertEqual(outputs([v for sample in samples for v in sample], 3, 2), together)
        for i, sample in enumerate(samples):
            self.assertEqual(outputs(sample, 1, 1), together[10 * i : 10 * i + 10])

    def test_evaluate_counts_labels_and_agreement(self):
        found = self.json_of(OCTET, "evaluate", self.convert(), "--against", MODEL, "--data", self.list_of_pictures(),
                             "--labels", self.labels(), "--json")
        self.assertEqual(found["count"], len(PICTURES))
        self.assertEqual((found["top1"], found["top5"], found["agreement"], found["drop"]), (100, 100, 100, 0))
        self.assertGreater(found["sqnr_db"], 15)
        self.assertGreater(found["compression"], 3)
        for key in ("bytes", "against_bytes", "latency_ms", "against_latency_ms", "speedup"):
            self.assertGreater(found[key], 0)
        for key in ("top1", "top5", "against_top1", "agreement", "drop"):
            low, high = found[key + "_interval"]
            self.assertTrue(low - 1e-9 <= found[key] <= high + 1e-9, key)

    def test_calibrating_on_pictures_saves_a_table_that_gives_the_same_file(self):
        table, direct, again = (self.folder / n for n in ("table.json", "direct.octet", "again.octet"))
        by_mse = ("--calibration", "mse", "--correct", "none")
        self.succeed(OCTET, "convert", MODEL, "-o", direct, "--data", self.list_of_pictures(), *by_mse, "--save-calibration", table)
        self.succeed(OCTET, "convert", MODEL, "-o", again, "--calibration-table", table, *by_mse)
        self.assertEqual(direct.read_bytes(), again.read_bytes())

    def test_merged_shards_give_the_bytes_of_one_run(self):
        net, whole, merged = (self.folder / n for n in ("net.octet", "whole.json", "merged.json"))
        shards = []
        for i, pictures in enumerate((PICTURES[:3], PICTURES[3:])):
            shards.append(self.folder / f"shard{i}.json")
            data = self.write(f"shard{i}.txt", "".join(f"{p}\n" for p in pictures))
            self.succeed(OCTET, "convert", MODEL, "-o", net, "--data", data, "--correct", "none", "--save-calibration", shards[-1])
        self.succeed(OCTET, "convert", MODEL, "-o", net, "--data", self.list_of_pictures(), "--calibration", "mse", "--correct", "none",
                     "--save-calibration", whole)
        one_run = net.read_bytes()
        for tables in (shards, shards[::-1]):
            self.succeed(OCTET, "convert", MODEL, "-o", net, "--calibration-table", ",".join(map(str, tables)), "--calibration", "mse", "--correct", "none",
                         "--save-calibration", merged)
            self.assertEqual(merged.read_bytes(), whole.read_bytes())
            self.assertEqual(net.read_bytes(), one_run)

    def test_auto_judges_ranges_by_data_and_tells_its_trials(self):
        said = self.run_program(OCTET, "convert", MODEL, "-o", self.folder / "net.octet", "--calibration-table", TABLE,
                                "--data", self.list_of_pictures())
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertIn("calibrated by auto (", said.stdout)
        for method in ("minmax", "percentile", "mse", "kl", "entropy", "omse", "mix"):
            self.assertIn(f"calibration: {method}: output SQNR", said.stderr)
        self.fail_with(2, OCTET, "convert", MODEL, "-o", self.folder / "net.octet", "--calibration-table", TABLE, "--calibration",
                       "moving_average", mentions=["moving_average", "order"])

    def test_convert_reports_what_each_layer_lost(self):
        page, packed = self.folder / "report.html", self.folder / "net.octet"
        self.succeed(OCTET, "convert", MODEL, "-o", packed, "--data", self.list_of_pictures(), "--report", page)
        self.assertIn("stem", page.read_text())
        self.assertIn("</html>", page.read_text())
        self.assert_summary(page, packed)
        # What was tried, kept or not, with the figures that decided it.
        self.assertRegex(page.read_text(), r"<td>mix</td><td></td><td>[0-9.]+</td><td>[0-9.]+</td>")
        for chain in ("bias", r"balance\+revive\+bias", "gptaq"):
            self.assertRegex(page.read_text(), rf"<td>{chain}</td><td>(kept|rejected)</td><td>[0-9]+</td><td>[0-9.]+</td>")
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE, "--report", page, mentions=["--data"])

    def test_every_calibration_method_makes_a_working_network(self):
        for method in ("minmax", "percentile", "mse", "kl"):
            found = self.json_of(OCTET, "evaluate", self.convert("--calibration", method), "--data",
                                 self.list_of_pictures(), "--labels", self.labels(), "--json")
            self.assertEqual(found["top1"], 100, method)

    def test_inspect_shows_integers_from_the_input_to_the_last_layer(self):
        model = self.json_of(OCTET, "inspect", self.convert(), "--json")
        self.assertEqual(model["inputs"][0]["name"], "image")
        types = {t["name"]: t["dtype"] for t in model["tensors"]}
        first = [n["op"] for n in model["nodes"]].index("quantize")  # before it pixels become what they were in the file
        self.assertEqual([n["op"] for n in model["nodes"][:first]], ["pad", "binary", "binary"])
        inner = [n for n in model["nodes"][first:] if n["op"] not in ("quantize", "dequantize", "softmax")]
        for node in inner:
            self.assertEqual(types[node["inputs"][0]], "u8", node)
        for node in inner[:-1]:
            self.assertEqual(types[node["outputs"][0]], "u8", node)
        self.assertGreater(model["macs"], 10e6)
        self.assertEqual(model["bytes"], self.convert().stat().st_size)
        self.assertIn("conv2d", self.succeed(OCTET, "inspect", MODEL))

    def assert_summary(self, page, packed):
        """Bytes, latency and signal over noise, before any other table."""
        top = page.read_text().split("</table>")[0]
        self.assertIn(f"<td>bytes</td><td>{packed.stat().st_size}</td>", top)
        self.assertRegex(top, r"[2-9][.0-9]+ times smaller")
        self.assertRegex(top, r"<td>latency, ms</td><td>[0-9.]+</td><td>[0-9.]+, [0-9.]+ times as fast</td>")
        self.assertRegex(top, r"<td>SQNR of probabilities, dB</td><td>[0-9.]+</td>")

    def test_compare_lists_every_layer_and_gates_on_sqnr(self):
        packed = self.convert()
        page = self.folder / "page.html"
        arguments = (OCTET, "compare", MODEL, packed, "--data", self.list_of_pictures())
        found = self.json_of(*arguments, "--json", "--html", page, "--min-sqnr", 1)
        self.assertEqual(found["outputs"][0]["name"], "probabilities")
        self.assertGreater(len(found["layers"]), 8)
        for layer in found["layers"]:
            for key in ("name", "mse", "relative_error", "sqnr_db", "isolated_sqnr_db", "cosine", "max_error", "clip_rate"):
                self.assertIn(key, layer)
            self.assertGreater(layer["sqnr_db"], 10, layer)
        self.assertIn("</html>", page.read_text())
        self.assertNotIn("http", page.read_text())
        self.assert_summary(page, packed)
        # The input and every layer show where their values lie in their range, layers with weights theirs too.
        weighted = [layer for layer in found["layers"] if layer["weight_range_ratio"] is not None]
        self.assertGreater(len(weighted), 8)
        self.assertGreaterEqual(page.read_text().count('class="hist"'), len(weighted) + len(found["layers"]))
        for layer in found["layers"]:
            if layer["range"]:
                self.assertLess(layer["range"][0], layer["range"][1])
        self.assertEqual(found["per_channel_recommended"], "")
        # Names of tensors, as the rows have them, mean the nodes that make them.
        rows = [layer for layer in weighted if layer["name"] != layer["node"]][:2]
        kept = self.convert("--keep-float", ",".join(layer["name"] for layer in rows))
        self.assertEqual(self.float_layers(kept), {layer["node"] for layer in rows})
        for layer in weighted:
            for key in ("histogram", "weight_histogram"):
                self.assertGreater(sum(layer[key]["counts"]), 0)
            low, high = layer["weight_histogram"]["range"]
            self.assertEqual((layer["weight_histogram"]["first"], layer["weight_histogram"]["last"]), (low, high))
        table = self.succeed(*arguments)
        for column in ("SQNR dB", "isolated", "cosine", "MSE", "rel. error", "max error", "clip %", "w ratio", "--keep-float"):
            self.assertIn(column, table)
        self.fail_with(6, *arguments, "--json", "--min-sqnr", 200, mentions=["probabilities", "200"])

    def test_compare_speaks_the_units_that_corrections_gave_the_network(self):
        packed, page = self.folder / "net.octet", self.folder / "page.html"
        self.succeed(OCTET, "convert", MODEL, "-o", packed, "--data", self.list_of_pictures(), "--calibration", "mse",
                     "--correct", "balance+revive+bias", "--report", page)
        metadata = self.json_of(OCTET, "inspect", packed, "--json")["metadata"]
        self.assertEqual(metadata["correct"], "balance+revive+bias")
        self.assertLess(len(metadata["rescaling"]), 4000)
        self.assertIn("block2.relu1_out", metadata["rescaling"])
        reported = re.findall(r"<td>conv2d</td><td>([-0-9.]+)</td><td>([-0-9.]+)</td>", page.read_text())
        self.assertGreater(len(reported), 8)
        self.assertGreater(min(float(db) for row in reported for db in row), 25)
        found = self.json_of(OCTET, "compare", MODEL, packed, "--data", self.list_of_pictures(), "--json")
        for layer in found["layers"]:
            self.assertFalse(layer["rescaled"])
            self.assertGreater(layer["sqnr_db"], 25, layer)
            self.assertGreater(layer["isolated_sqnr_db"], 30, layer)
            self.assertEqual(layer["isolated"]["sqnr_db"], layer["isolated_sqnr_db"])
            self.assertLessEqual(layer["isolated"]["mse"], layer["mse"] * 1.01, layer)
            self.assertLessEqual(set(layer["isolated"]), set(layer))
        self.assertEqual(found["bytes"], packed.stat().st_size)
        self.assertAlmostEqual(found["compression"] * found["bytes"], found["against_bytes"], places=3)
        self.assertAlmostEqual(found["speedup"] * found["latency_ms"], found["against_latency_ms"], places=6)

    def test_compare_recommends_per_channel_scales_where_channels_are_unlike(self):
        packed = self.convert("--weights", "per_tensor")
        found = self.json_of(OCTET, "compare", MODEL, packed, "--data", self.list_of_pictures(), "--json")
        unlike = [layer["node"] for layer in found["layers"] if (layer["weight_range_ratio"] or 0) > 2]
        self.assertGreater(len(unlike), 2)
        self.assertEqual(found["per_channel_recommended"], ",".join(unlike))

    def test_sensitivity_ranks_every_layer_and_its_list_can_be_pasted(self):
        page = self.folder / "page.html"
        arguments = (OCTET, "sensitivity", MODEL, "--data", self.list_of_pictures(), "--labels", self.labels())
        found = self.json_of(*arguments, "--json", "--html", page, "--bits", "4,8,16,32")
        self.assertEqual(len({layer["name"] for layer in found["layers"]}) * 4, len(found["layers"]))
        errors = [layer["error"] for layer in found["layers"]]
        self.assertEqual(errors, sorted(errors, reverse=True))
        for layer in found["layers"]:
            self.assertEqual(layer["error"] == 0, layer["bits"] == 32, layer)
            self.assertEqual("drop" in layer, layer["bits"] < 32)
        self.assertIn("</html>", page.read_text())
        self.assertNotIn("http", page.read_text())
        listed = found["keep_float"].split(",")
        self.assertIn(next(l["name"] for l in found["layers"] if l["bits"] == 8), listed)
        self.assertEqual(self.float_layers(self.convert("--keep-float", ",".join(listed))), set(listed))
        self.assertEqual(len(self.float_layers(self.convert("--keep-float", "first,last"))), 2)
        by_hessian = self.json_of(*arguments, "--json", "--method", "hessian")
        self.assertEqual(len(by_hessian["layers"]) * 4, len(found["layers"]))

    def float_layers(self, packed):
        """The layers whose weights are f32."""
        found = self.json_of(OCTET, "inspect", packed, "--json")
        types = {tensor["name"]: tensor["dtype"] for tensor in found["tensors"]}
        return {node["name"] for node in found["nodes"]
                if node["op"] in ("conv2d", "fully_connected") and types[node["inputs"][1]] == "f32"}

    def test_mixed_precision_keeps_the_layers_it_names_float(self):
        packed = self.folder / "mixed.octet"
        for cost in ("latency", "bytes"):
            found = self.json_of(OCTET, "convert", MODEL, "-o", packed, "--data", self.list_of_pictures(), "--calibration", "mse",
                                 "--correct", "none", "--precision", "mixed", "--cost", cost, "--json")
            table = found["pareto"]
            self.assertEqual(table[-1]["error"] < 1e-9, True)  # all float
            for rung in table:
                self.assertEqual(set(rung), {"float_layers", "bf16_layers", "int4_layers", "latency_ms", "bytes", "cost", "expected_error", "error", "agreement"})
                self.assertGreater(rung["latency_ms"], 0)
            chosen = table[found["chosen"]]
            int8 = next(rung for rung in table if not any(rung[f"{kind}_layers"] for kind in ("float", "bf16", "int4")))
            self.assertLessEqual(chosen["error"], 0.2 * int8["error"])
            # Weights of 4 bits spare bytes and no time.
            self.assertEqual(any(rung["int4_layers"] for rung in table), cost == "bytes")
            self.assertEqual(table[0]["bytes"] < int8["bytes"], cost == "bytes")
            self.assertEqual([name for name in found["keep_float"].split(",") if name], chosen["float_layers"])
            self.assertEqual(self.float_layers(packed), set(chosen["float_layers"]))
            self.assertEqual(found["bytes"], packed.stat().st_size)
        # What the user keeps float comes first, and where nothing else is, alone.
        mixed = (OCTET, "convert", MODEL, "-o", packed, "--data", self.list_of_pictures(), "--calibration", "mse", "--correct", "none",
                 "--precision", "mixed", "--json")
        for keep in (("--keep-float", "last"), ()):
            done = self.run_program(*mixed, *keep)
            found = json.loads(done.stdout)
            names = [*keep[1:], *found["pareto"][found["chosen"]]["float_layers"]]
            self.assertEqual(found["keep_float"], ",".join(names))
            said = next(line for line in done.stderr.splitlines() if line.startswith("mixed: chosen: "))
            self.assertIn("; --keep-float " + ",".join(names) if names else "mixed", said)
            self.assertEqual("--keep-float" in said, bool(names))
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE, "--precision", "mixed", mentions=["--data"])

    def test_by_bytes_the_gate_starts_at_the_smallest_network_of_4_bits(self):
        packed = self.folder / "gated.octet"
        page = self.folder / "page.html"
        gated = (OCTET, "convert", MODEL, "-o", packed, "--report", page, "--data", self.list_of_pictures(), "--labels", self.labels(),
                 "--calibration", "mse", "--correct", "none", "--max-drop", 0, "--json")
        self.json_of(*gated)
        int8_bytes = packed.stat().st_size
        found = self.json_of(*gated, "--cost", "bytes")
        self.assertTrue(found["gate"]["passed"])
        self.assertEqual(found["bytes"], packed.stat().st_size)
        self.assertLess(found["bytes"], 0.8 * int8_bytes)
        chosen = found["pareto"][found["chosen"]]
        inspected = self.json_of(OCTET, "inspect", packed, "--json")
        tensors = {tensor["name"]: tensor for tensor in inspected["tensors"]}
        weights = {node["name"]: tensors[node["inputs"][1]] for node in inspected["nodes"] if node["op"] in ("conv2d", "fully_connected")}
        narrow = {name for name, tensor in weights.items() if tensor.get("bits") == 4}
        self.assertEqual(narrow, set(chosen["int4_layers"]))
        self.assertIn(64, {weights[name]["group_size"] for name in narrow})
        self.assertIn("int4 layers", page.read_text())
        # Groups are of the layers' own; channels, where that is said; all 4 bits, and nothing is left to offer.
        for more, groups in ((("--group-size", 32), 32), (("--weights", "per_channel"), 0)):
            self.json_of(*gated, "--cost", "bytes", *more)
            inspected = self.json_of(OCTET, "inspect", packed, "--json")
            self.assertEqual({t["group_size"] for t in inspected["tensors"] if t.get("bits") == 4} - {0}, {groups} - {0}, more)
        self.assertNotIn("pareto", self.json_of(*gated, "--cost", "bytes", "--weight-bits", 4))

    def test_bf16_is_offered_when_asked_for_and_what_makes_no_sense_is_refused(self):
        packed = self.folder / "mixed.octet"
        mixed = (OCTET, "convert", MODEL, "-o", packed, "--data", self.list_of_pictures(), "--calibration", "mse", "--correct", "none",
                 "--precision", "mixed", "--cost", "bytes", "--json")
        table = self.json_of(*mixed, "--bf16", "never")["pareto"]
        self.assertFalse(any(rung["bf16_layers"] for rung in table))
        found = self.json_of(*mixed, "--bf16", "always")
        chosen = found["pareto"][found["chosen"]]
        self.assertGreater(len(chosen["bf16_layers"]), 0)
        inspected = self.json_of(OCTET, "inspect", packed, "--json")
        types = {tensor["name"]: tensor["dtype"] for tensor in inspected["tensors"]}
        narrow = {n["name"] for n in inspected["nodes"] if n["op"] in ("conv2d", "fully_connected") and types[n["inputs"][1]] == "bf16"}
        self.assertEqual(narrow, set(chosen["bf16_layers"]))
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--precision", "bf16", "--max-drop", 1, "--labels", self.labels(),
                       mentions=["--max-drop", "bf16"])
        kept = self.convert("--precision", "bf16", "--keep-float", "first,last")
        self.assertEqual(len(self.float_layers(kept)), 2)

    def test_f16_halves_the_weights_in_the_file_and_is_multiplied_as_f32(self):
        plain, packed = (self.folder / name for name in ("f32.octet", "f16.octet"))
        whole = self.json_of(OCTET, "convert", MODEL, "-o", plain, "--precision", "f32", "--json")["bytes"]
        self.assertLess(self.json_of(OCTET, "convert", MODEL, "-o", packed, "--precision", "f16", "--json")["bytes"], 0.52 * whole)
        found = self.json_of(OCTET, "evaluate", packed, "--against", plain, "--data", self.list_of_pictures(), "--json")
        self.assertEqual(found["agreement"], 100)
        self.assertGreater(found["sqnr_db"], 55)
        self.assertIn("weights of 16 bits", self.succeed(OCTET, "inspect", packed))
        some = self.json_of(OCTET, "convert", MODEL, "-o", packed, "--precision", "f16", "--keep-float", "first,last", "--json")["bytes"]
        self.assertGreater(some, 0.5 * whole)
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--precision", "f16", "--max-drop", 1, "--labels", self.labels(),
                       mentions=["--max-drop", "f16"])

    def test_what_is_about_integers_is_refused_where_there_are_none(self):
        packed = self.folder / "float.octet"
        for precision in ("f32", "f16", "bf16"):
            for more in (("--portable",), ("--weight-bits", 4), ("--weights", "per_tensor"), ("--activations", "symmetric"),
                         ("--scale", "pow2"), ("--correct", "gptq"), ("--save-calibration", self.folder / "t.json")):
                self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--precision", precision, *more, mentions=[more[0], precision])
        for precision, bits in (("weight_only_int8", 4), ("weight_only_int4", 8)):
            self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--precision", precision, "--weight-bits", bits,
                           mentions=[precision, str(bits)])
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--data", self.list_of_pictures(), "--correct", "awq",
                       mentions=["awq", "int8"])
        self.assertFalse(packed.exists())

    def test_the_accuracy_gate_writes_the_best_network_and_exits_5(self):
        packed = self.folder / "gated.octet"
        page = self.folder / "page.html"
        gated = (OCTET, "convert", MODEL, "-o", packed, "--report", page, "--data", self.list_of_pictures(), "--labels", self.labels(),
                 "--calibration", "mse", "--correct", "none", "--json")
        # Nothing is lost, so that any drop is allowed: integers throughout.
        found = self.json_of(*gated, "--max-drop", "0")
        self.assertIn("<td>top-1 on held-out samples, %</td><td>100.00</td><td>100.00, a drop of 0.00 points</td>", page.read_text())
        low, high = found["gate"].pop("drop_interval")
        self.assertEqual(found["gate"], {"count": 2, "float_right": 2, "right": 2, "drop": 0, "max_drop": 0, "passed": True})
        # Two samples tell next to nothing, and that is said: (Agresti and Min) 1.96 sqrt(1 / 4 / 4) of them all.
        self.assertAlmostEqual(high, 49, delta=0.1)
        self.assertAlmostEqual(low, -49, delta=0.1)
        self.assertNotIn("pareto", found)
        self.assertEqual(self.float_layers(packed), set())
        # A point better than a float network that is always right: no rung of the ladder can be.
        packed.unlink()
        missed = self.run_program(*gated, "--max-drop=-1")
        self.assertEqual(missed.returncode, 5, missed.stderr)
        self.assertIn("the accuracy gate is missed", missed.stderr.splitlines()[-1])
        self.assertIn("a drop of 0.00 points (95 %: -49.00 to 49.00), allowed -1.00", missed.stderr.splitlines()[-1])
        self.assertIn("--max-drop is judged on 2 held-out samples", missed.stderr)
        self.assertFalse(json.loads(missed.stdout)["gate"]["passed"])
        self.assertEqual({rung["drop"] for rung in json.loads(missed.stdout)["pareto"]}, {0})
        self.succeed(OCTET, "inspect", packed)
        self.assertIn("Mixed precision", page.read_text())
        # Without mixed precision the gate judges and raises nothing.
        missed = self.run_program(*gated, "--max-drop=-1", "--precision", "int8")
        self.assertEqual(missed.returncode, 5, missed.stderr)
        self.assertNotIn("pareto", json.loads(missed.stdout))
        table = (OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE)
        for wrong in (("--max-drop", 1), ("--labels", self.labels()), ("--max-drop", "nan", "--labels", self.labels()),
                      ("--max-drop", 1, "--labels", self.labels())):
            self.fail_with(2, *table, *wrong)

    def test_convert_knows_its_schemes(self):
        default = self.convert()
        size, x = len(default.read_bytes()), self.list_of_pictures()
        for more, share in ((("--activations", "symmetric"), 1), (("--scale", "pow2"), 1), (("--weight-bits", "4"), 0.56),
                            (("--weight-bits", "4", "--weights", "per_group", "--group-size", "32"), 0.58)):
            packed = self.convert(*more)
            self.assertLessEqual(len(packed.read_bytes()), share * size * 1.001, more)
            found = self.json_of(OCTET, "evaluate", packed, "--against", MODEL, "--data", x, "--json")
            self.assertGreaterEqual(found["agreement"], 70, more)
        self.fail_with(2, OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE, "--weights", "per_group",
                       mentions=["per_group", "--weight-bits 4"])

    def test_benchmark_reports_its_keys(self):
        found = self.json_of(BENCHMARK, self.convert(), "--runs", 5, "--warmup", 1, "--threads", 1, "--profile", "--input-u8", "--json")
        for key in ("min", "median", "mean", "p90", "p99"):
            self.assertGreater(found["latency_ms"][key], 0)
        for key in ("load_ms", "peak_rss_mb", "arena_bytes", "threads", "batch", "runs", "isa"):
            self.assertIn(key, found)
        self.assertEqual((found["threads"], found["batch"], found["runs"]), (1, 1, 5))
        for step in found["steps"]:
            for key in ("name", "op", "kernel", "ms", "gops"):
                self.assertIn(key, step)
        self.assertEqual(found["ms_per_image"]["min"], found["latency_ms"]["min"])
        self.assertGreater(found["latency_u8_ms"]["min"], 0)
        self.assertIn("from u8", self.succeed(BENCHMARK, PACKED, "--runs", 2, "--batch", 3, "--input-u8"))

    def test_a_float_model_has_no_path_from_pixels(self):
        packed = self.convert("--precision", "f32")
        self.fail_with(3, BENCHMARK, packed, "--runs", 1, "--input-u8", mentions=["'image'", "pixels"])
        ship = IMAGES / "ship.png"
        self.assertEqual(self.json_of(CLASSIFY, ship, "--json", "--model", packed)["images"][0]["predictions"][0]["label"], "ship")

    def test_the_profile_names_every_step_and_its_share_of_the_measured_peak(self):
        packed = self.convert()
        found = self.json_of(BENCHMARK, packed, "--runs", 5, "--threads", 1, "--profile", "--json")
        peak, steps = found["peak"], found["steps"]
        self.assertGreater(peak["int8_gops"], 1)
        self.assertGreater(peak["f32_gops"], 1)
        self.assertAlmostEqual(sum(step["share"] for step in steps), 1, places=6)
        self.assertAlmostEqual(steps[-1]["cumulative_share"], 1, places=6)
        shares = [step["cumulative_share"] for step in steps]
        self.assertEqual(shares, sorted(shares))
        for step in steps:
            self.assertAlmostEqual(step["peak_share"], step["gops"] / peak["int8_gops"], places=6)
            self.assertEqual(step["gops"] > 0, step["macs"] > 0)
        self.assertEqual(sum(step["macs"] for step in steps), self.json_of(OCTET, "inspect", packed, "--json")["macs"])
        table = self.succeed(BENCHMARK, packed, "--runs", 2, "--batch", 2, "--profile")
        for text in ("latency", "an image", "peak ", "of peak", *(step["name"] for step in steps)):
            self.assertIn(text, table)

    def test_the_comparison_with_a_peer_skips_where_there_is_none(self):
        script = ROOT / "tests" / "bench" / "compare_onnxruntime.py"
        alone = {k: v for k, v in os.environ.items() if k not in ("ORT_BENCH", "OCTET_PEER_MODELS")}
        self.fail_with(77, sys.executable, script, env=alone, mentions=["--models", "$OCTET_PEER_MODELS"])
        self.fail_with(77, sys.executable, script, "--models", self.folder, env=alone, mentions=[self.folder])

    def test_a_layer_that_falls_to_plain_code_is_marked(self):
        # Without any instruction set no convolution has a fast kernel.
        steps = {}
        for isa in ("any", "avx512_vnni"):
            said = self.run_program(BENCHMARK, PACKED, "--runs", 1, "--profile", "--json", env={**os.environ, "OCTET_MAX_ISA": isa})
            self.assertEqual(said.returncode, 0, said.stderr)
            found = json.loads(said.stdout)
            steps[found["isa"]] = found["steps"]
        for step in steps["any"]:
            self.assertEqual(step["reference"], step["macs"] > 0 and step["kernel"] == "reference", step)
        if "avx512_vnni" in steps:  # no cap on another architecture
            self.assertTrue(any(step["reference"] for step in steps["any"]))
        for step in steps.get("avx512_vnni", []):
            self.assertFalse(step["reference"], step)


if __name__ == "__main__":
    unittest.main()
