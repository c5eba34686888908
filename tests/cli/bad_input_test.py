"""Wrong command lines and damaged files: one clear line, the exit code of the contract, nothing half-written."""

import json
import os
import signal
import subprocess
import time
import unittest

from support import BENCHMARK, BUILD, CLASSIFY, IMAGES, MODEL, OCTET, PACKED, TABLE, Case, npy, png

USAGE, UNSUPPORTED, FILE, RESOURCE = 2, 3, 4, 1


class WrongUsage(Case):
    def test_every_command_has_help_and_version(self):
        for command in ("convert", "check", "inspect", "run", "evaluate", "compare", "sensitivity", "export"):
            self.assertIn("--help", self.succeed(OCTET, command, "--help"))
            self.assertIn("octet ", self.succeed(OCTET, command, "--version"))
        for program in (OCTET, CLASSIFY, BENCHMARK):
            self.assertIn("--help", self.succeed(program, "--help"))
            self.assertRegex(self.succeed(program, "--version"), r"^octet \d+\.\d+\.\d+\n$")

    def test_an_unknown_option_names_the_nearest(self):
        self.fail_with(USAGE, OCTET, "convert", MODEL, "-o", "x", "--calibrashun", "kl", mentions=["'--calibrashun'", "'--calibration'"])
        self.fail_with(USAGE, CLASSIFY, IMAGES / "ship.png", "--thread", 1, mentions=["'--threads'"])
        self.fail_with(USAGE, BENCHMARK, PACKED, "--run", 1, mentions=["'--runs'"])

    def test_a_level_of_instructions_that_there_is_not_is_refused(self):
        for level in ("avx-512", "AVX2", "avx2 ", "\n"):
            environment = {**os.environ, "OCTET_MAX_ISA": level}
            said = ["OCTET_MAX_ISA is '" + level.replace("\n", "?") + "', not one of any, sse41, avx2, avx512, avx512_vnni"]
            self.fail_with(USAGE, OCTET, "inspect", PACKED, env=environment, mentions=said)
            self.fail_with(USAGE, BENCHMARK, PACKED, "--runs", 1, env=environment, mentions=said)
            self.fail_with(USAGE, CLASSIFY, IMAGES / "ship.png", env=environment, mentions=said)
        for level in ("", "any"):
            self.succeed(OCTET, "inspect", PACKED, env={**os.environ, "OCTET_MAX_ISA": level})

    def test_parse_errors_are_usage_errors(self):
        for arguments in (["convert"], ["convert", MODEL], ["bogus"], [], ["run", MODEL], ["evaluate", MODEL],
                          ["convert", MODEL, "-o", "x", "--calibration", "bogus"],
                          ["convert", MODEL, "-o", "x", "--samples", "-1"],
                          ["convert", MODEL, "-o", "x", "--percentile", "seven"],
                          ["convert", MODEL, "-o", "x", "--input-shape", "image", "--calibration-table", TABLE],
                          ["convert", MODEL, "-o", "x", "--preprocess", "colour=rgb", "--calibration-table", TABLE],
                          ["convert", MODEL, "-o", "x", "--keep-float", "bogus", "--calibration-table", TABLE],
                          ["sensitivity", MODEL], ["sensitivity", MODEL, "--data", IMAGES, "--method", "bogus"],
                          ["sensitivity", MODEL, "--data", IMAGES, "--bits", "8,5"],
                          ["sensitivity", MODEL, "--data", IMAGES, "--bits", "8,x"]):
            self.fail_with(USAGE, OCTET, *arguments)
        for program in (CLASSIFY, BENCHMARK):
            self.fail_with(USAGE, program)

    def test_benchmark_refuses_numbers_that_mean_nothing(self):
        for option, values in (("--runs", (0, -1, "ten", 1.5, "", 10**30)), ("--warmup", (-1, "x")),
                               ("--threads", (0, -1, 1000000, "two")), ("--batch", (0, -1, "1e3", 10**12))):
            for value in values:
                self.fail_with(USAGE, BENCHMARK, PACKED, f"{option}={value}", mentions=[option])

    def test_benchmark_refuses_a_batch_that_the_model_cannot_have(self):
        packed = self.folder / "fixed.octet"
        self.succeed(OCTET, "convert", MODEL, "-o", packed, "--calibration-table", TABLE, "--input-shape", "image=2x3x32x32")
        self.assertEqual(self.json_of(BENCHMARK, packed, "--runs", 1, "--json")["batch"], 2)
        self.fail_with(USAGE, BENCHMARK, packed, "--runs", 1, "--batch", 8, mentions=["batch of 8", "2x3x32x32"])

    def test_a_batch_or_a_second_shape_beside_a_shape_is_refused(self):
        shape = ("--input-shape", "image=1x3x32x32")
        self.fail_with(USAGE, BENCHMARK, PACKED, "--runs", 1, *shape, "--batch", 2, mentions=["--input-shape", "--batch"])
        self.succeed(BENCHMARK, PACKED, "--runs", 1, *shape)
        twice = (*shape, "--input-shape", "image=4x3x32x32")
        for command in ((BENCHMARK, PACKED), (CLASSIFY, IMAGES / "ship.png"), (OCTET, "check", MODEL)):
            self.fail_with(USAGE, *command, *twice, mentions=["'image'", "1x3x32x32", "4x3x32x32"])

    def test_numbers_that_are_none_are_wrong_usage(self):
        convert = (OCTET, "convert", MODEL, "-o", self.folder / "x.octet", "--calibration-table", TABLE)
        for option in (["--samples", "0"], ["--samples", "99999999999999999999"], ["--seed", "-1"], ["--percentile", "nan"]):
            self.fail_with(USAGE, *convert, *option)
        self.fail_with(USAGE, OCTET, "compare", MODEL, PACKED, "--data", IMAGES, "--min-sqnr", "nan")
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_unknown_words_are_named_before_missing_ones(self):
        self.fail_with(USAGE, OCTET, "chekc", MODEL, mentions=["'chekc'", "'check'"])
        self.fail_with(USAGE, CLASSIFY, "--bogus", mentions=["'--bogus'"])

    def test_what_makes_no_sense_together_is_refused(self):
        out = self.folder / "x.octet"
        self.fail_with(USAGE, OCTET, "convert", MODEL, "-o", MODEL, "--calibration-table", TABLE, mentions=[MODEL])
        self.fail_with(USAGE, OCTET, "evaluate", PACKED, "--data", IMAGES, mentions=["--labels", "--against"])
        self.fail_with(FILE, OCTET, "compare", PACKED, MODEL, "--data", IMAGES, mentions=[PACKED])
        self.fail_with(FILE, OCTET, "convert", MODEL, "-o", out, "--calibration-table", TABLE, "--preprocess", "tf,size=32x32",
                       mentions=[TABLE])
        self.fail_with(FILE, OCTET, "check", PACKED, mentions=[PACKED])

    def test_names_that_the_network_does_not_have_are_named(self):
        convert = (OCTET, "convert", MODEL, "-o", self.folder / "x.octet")
        self.fail_with(USAGE, *convert, "--precision", "f32", "--keep-float", "bogus", mentions=["'bogus'"])
        self.fail_with(USAGE, *convert, "--data", "bogus=x.npy", mentions=["'bogus=x.npy'", "'image'"])

    def test_int8_without_data_is_wrong_usage(self):
        self.fail_with(USAGE, OCTET, "convert", MODEL, "-o", self.folder / "x.octet", mentions=["--data", "--calibration-table"])
        self.assertEqual(list(self.folder.iterdir()), [])


class DamagedFiles(Case):
    def test_a_missing_or_empty_model(self):
        empty = self.write("empty.onnx", b"")
        for path in (self.folder / "missing.onnx", self.folder / "missing.octet", empty, self.folder):
            for command in (["check"], ["inspect"]):
                self.fail_with(FILE, OCTET, *command, path, mentions=[path])

    def test_a_pipe_is_refused_and_not_waited_for(self):
        for name in ("x.onnx", "x.json", "x.octet"):
            os.mkfifo(self.folder / name)
            self.fail_with(FILE, OCTET, "check", self.folder / name, mentions=[name])

    def test_a_truncated_or_altered_packed_file(self):
        data = PACKED.read_bytes()
        altered = bytearray(data)
        altered[len(data) // 2] ^= 1
        for name, content in (("short.octet", data[:-1]), ("half.octet", data[: len(data) // 2]), ("tiny.octet", data[:20]),
                              ("altered.octet", bytes(altered)), ("long.octet", data + b"\0")):
            path = self.write(name, content)
            self.fail_with(FILE, BENCHMARK, path, mentions=[path])
            self.fail_with(FILE, OCTET, "inspect", path, mentions=[path])
            self.fail_with(FILE, CLASSIFY, IMAGES / "ship.png", "--model", path, mentions=[path])

    def model_with(self, change):
        model = json.loads(MODEL.read_text())
        (self.folder / model["weights"]).write_bytes((MODEL.parent / model["weights"]).read_bytes())
        change(model)
        return self.write("model.json", json.dumps(model))

    def test_json_that_is_no_json_or_lacks_a_field(self):
        self.fail_with(FILE, OCTET, "check", self.write("a.json", "{ not json"))
        for field in ("format", "inputs", "outputs", "nodes", "tensors"):
            self.fail_with(FILE, OCTET, "check", self.model_with(lambda m: m.pop(field)))

    def test_names_of_outputs_that_no_file_can_have(self):
        def with_outputs(*names):
            def change(model):
                model["outputs"] = list(names)
                model["nodes"][-1]["outputs"] = [names[0]]
                model["nodes"] += [{"name": f"n{i}", "op": "softmax", "inputs": [names[0]], "outputs": [name], "attributes": {"axis": 1}}
                                   for i, name in enumerate(names[1:])]

            return self.model_with(change)

        image, out = self.write("x.npy", npy((1, 3, 32, 32), [0.5] * 3072)), self.folder / "out"
        run = ("--input", f"image={image}", "--output-dir", out)
        self.fail_with(UNSUPPORTED, OCTET, "run", with_outputs("a\0b", "a/b"), *run, mentions=["would both be a_b.npy"])
        self.assertFalse(out.exists())
        self.succeed(OCTET, "run", with_outputs("a\0b", "a\x1b[31m"), *run)
        self.assertEqual(sorted(file.name for file in out.iterdir()), ["a_[31m.npy", "a_b.npy"])

    def test_a_tensor_named_twice_or_beyond_its_file(self):
        first = json.loads(MODEL.read_text())["tensors"][0]
        self.fail_with(FILE, OCTET, "check", self.model_with(lambda m: m["tensors"].append(first)), mentions=[first["name"]])

        def beyond(model):
            model["tensors"][0]["offset"] = 1 << 40

        self.fail_with(FILE, OCTET, "check", self.model_with(beyond), mentions=[first["name"], (MODEL.parent / "cifar10_resnet.bin").stat().st_size])

    def test_weights_that_are_missing_or_truncated(self):
        path = self.model_with(lambda m: m.update(weights="gone.bin"))
        self.fail_with(FILE, OCTET, "check", path, mentions=["gone.bin"])
        path = self.model_with(lambda m: None)
        weights = self.folder / json.loads(MODEL.read_text())["weights"]
        weights.write_bytes(weights.read_bytes()[:-4])
        self.fail_with(FILE, OCTET, "check", path)

    def test_weights_that_are_no_numbers_have_no_integers(self):
        path = self.model_with(lambda m: None)
        weights = self.folder / json.loads(MODEL.read_text())["weights"]
        weights.write_bytes(b"\xff" * 4 + weights.read_bytes()[4:])
        self.fail_with(FILE, OCTET, "convert", path, "-o", self.folder / "x.octet", "--calibration-table", TABLE, mentions=["nan"])

    def test_an_unknown_op_is_listed_with_every_other(self):
        def unknown(model):
            model["nodes"][0]["op"] = "frobnicate"
            model["nodes"][-1]["op"] = "defenestrate"

        done = self.run_program(OCTET, "check", self.model_with(unknown))
        self.assertEqual(done.returncode, UNSUPPORTED, done.stderr)
        self.assertIn("frobnicate", done.stdout)
        self.assertIn("defenestrate", done.stdout)

    def test_class_names_and_preprocessing_of_the_file_itself_are_checked(self):
        for change in (lambda m: m.update(class_names=["a"]), lambda m: m.update(preprocess="foo")):
            path = self.model_with(change)
            self.fail_with(FILE, OCTET, "convert", path, "-o", self.folder / "x.octet", "--calibration-table", TABLE, mentions=[path])

    def test_a_cycle_and_a_wrong_shape(self):
        def cycle(model):
            model["nodes"][0]["inputs"][0] = model["nodes"][3]["outputs"][0]

        self.fail_with(FILE, OCTET, "inspect", self.model_with(cycle))

        def shape(model):
            model["inputs"][0]["shape"] = ["N", 4, 32, 32]

        done = self.run_program(OCTET, "check", self.model_with(shape))
        self.assertIn(done.returncode, (UNSUPPORTED, FILE))


class SmallModels(Case):
    def pack(self, name, inputs, node, *more, **fields):
        """The packed file of a model of one node, from the inputs to y."""
        node = {"name": "n", "inputs": [i["name"] for i in inputs], "outputs": ["y"], **node}
        model = {"format": "octet", "version": 1, "name": name, "inputs": inputs, "outputs": ["y"], "tensors": [],
                 "nodes": [node], **fields}
        packed = self.folder / f"{name}.octet"
        self.succeed(OCTET, "convert", self.write(f"{name}.json", json.dumps(model)), "-o", packed, "--precision", "f32", *more)
        return packed

    def test_the_sample_of_embedding_checks_what_it_is_given(self):
        sample = BUILD / "samples" / "embed_minimal"
        self.fail_with(USAGE, sample, mentions=["usage"])
        self.fail_with(FILE, sample, self.folder / "none.octet", mentions=["none.octet"])
        u8 = self.pack("u8", [{"name": "pixels", "dtype": "u8", "shape": [1, 65536, 64]}], {"op": "cast", "attributes": {"to": "f32"}})
        self.fail_with(UNSUPPORTED, sample, u8, mentions=["'pixels'", "u8"])
        s32 = self.pack("s32", [{"name": "x", "dtype": "f32", "shape": [1, 4]}], {"op": "cast", "attributes": {"to": "s32"}})
        self.fail_with(UNSUPPORTED, sample, s32, mentions=["'y'", "s32"])
        image = {"dtype": "f32", "shape": [1, 4]}
        two = self.pack("two", [{"name": "a", **image}, {"name": "b", **image}], {"op": "add"})
        self.fail_with(UNSUPPORTED, sample, two, mentions=["two"])
        self.fail_with(RESOURCE, "/bin/sh", "-c", f'"{sample}" "{PACKED}" >/dev/full', mentions=["stdout"])

    def test_control_characters_of_files_do_not_reach_the_terminal(self):
        image = [{"name": "x", "dtype": "f32", "shape": [1, 3, 2, 2]}]
        outputs = ["y\x1b[7m"]
        evil = {"op": "global_average_pool", "name": "no\x1b[31mde", "outputs": outputs}
        names = ["a\x1b]0;b\x07", "\u009b2Jc", "d"]
        packed = self.pack("net", image, evil, "--preprocess", "raw", outputs=outputs, class_names=names)
        picture = self.write("pic\x1bture.png", png(2, 2))
        said = self.succeed(CLASSIFY, picture, "--model", packed)
        for text in ("pic?ture.png", "a?]0;b?", "??2Jc"):
            self.assertIn(text, said)
        self.assertIn("no?[31mde", self.succeed(BENCHMARK, packed, "--runs", 1, "--profile"))
        target = self.folder / "to\x1b.onnx"
        self.assertIn("to?.onnx: ", self.succeed(OCTET, "export", packed, "--onnx", target))
        done = self.run_program(OCTET, "convert", self.folder / "net.json", "-o", self.folder / "to\x1b.octet", "--precision", "f32",
                                "--dump-passes")
        self.assertIn("to?.octet: ", done.stdout)
        self.assertIn("no?[31mde = ", done.stderr)
        self.assertIn("x?.json: ", self.succeed(OCTET, "check", self.write("x\x1b.json", (self.folder / "net.json").read_text())))
        x = self.write("x.npy", npy([1, 3, 2, 2], [0.0] * 12))
        self.assertIn("ou?t/y_[7m.npy: ", self.succeed(OCTET, "run", packed, "--input", f"x={x}", "--output-dir", self.folder / "ou\x1bt"))
        page = self.folder / "page.html"
        self.succeed(OCTET, "compare", self.folder / "net.json", packed, "--data", f"x={x}", "--html", page)
        self.assertIn("y?[7m", page.read_text())
        for text in (page.read_text(), said, done.stdout, done.stderr):
            self.assertNotRegex(text, r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    def test_scores_that_are_not_finite_are_warned_of(self):
        image = [{"name": "x", "dtype": "f32", "shape": [1, 3, 2, 2]}]
        packed = self.pack("net", image, {"op": "log"}, "--preprocess", "raw")
        done = self.run_program(CLASSIFY, self.write("black.png", png(2, 2, pixel=lambda x, y, c: 0)), "--model", packed)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"warning: .*black\.png': 12 of 12 scores are not finite")
        self.assertEqual(self.run_program(CLASSIFY, IMAGES / "ship.png").stderr, "")


class Images(Case):
    def test_no_image(self):
        for name, content in (("text.png", b"hello"), ("empty.png", b""), ("cut.png", png(64, 64)[:200])):
            path = self.write(name, content)
            self.fail_with(FILE, CLASSIFY, path, mentions=[path])
        self.fail_with(FILE, CLASSIFY, self.folder / "missing.png", mentions=["missing.png"])

    def test_other_channels_and_bits_are_taken_and_said_once(self):
        for channels, bits in ((1, 8), (2, 8), (4, 8), (3, 16)):
            paths = [self.write(f"{i}_{channels}_{bits}.png", png(40, 30, channels, bits)) for i in range(2)]
            done = self.run_program(CLASSIFY, *paths)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 2 if channels == 2 else 1, done.stderr)

    def test_extreme_sizes(self):
        for width, height in ((1, 1), (20000, 1), (1, 20000)):
            self.succeed(CLASSIFY, self.write(f"{width}x{height}.png", png(width, height)))


class Data(Case):
    def evaluate(self, *more):
        return (OCTET, "evaluate", PACKED, "--data", IMAGES, *more)

    def test_labels_with_a_bad_line(self):
        self.fail_with(FILE, *self.evaluate("--labels", self.write("a\nb", "\1\2")))
        for content in ("ship.png eight\n", "ship.png\n", "ship.png 8 9 10\n", "ship.png -1\n"):
            labels = self.write("labels.txt", content)
            self.fail_with(FILE, *self.evaluate("--labels", labels), mentions=["labels.txt"])
        self.fail_with(FILE, *self.evaluate("--labels", self.folder / "none"), mentions=["none"])

    def test_labels_that_miss_a_sample_or_exceed_the_classes(self):
        self.fail_with(FILE, *self.evaluate("--labels", self.write("l", "nothing.png 1\n")))
        names = [p.name for p in IMAGES.rglob("*.png")]
        self.fail_with(FILE, *self.evaluate("--labels", self.write("m", "".join(f"{n} 10\n" for n in names))), mentions=["10"])

    def test_class_names_of_a_wrong_count(self):
        names = self.write("names.txt", "one\ntwo\n")
        self.fail_with(FILE, OCTET, "convert", MODEL, "-o", self.folder / "x.octet", "--calibration-table", TABLE,
                       "--class-names", names, mentions=["2", "10"])

    def test_empty_or_missing_data(self):
        (self.folder / "empty").mkdir()
        for path in (self.folder / "empty", self.folder / "missing"):
            self.fail_with(FILE, OCTET, "evaluate", PACKED, "--against", MODEL, "--data", path, mentions=[path])

    def test_a_wrong_input_name_shape_or_type_in_run(self):
        out = self.folder / "out"
        good = self.write("good.npy", npy([1, 3, 32, 32], [0.0] * 3072))
        wrong_shape = self.write("shape.npy", npy([1, 3, 32, 31], [0.0] * (3 * 32 * 31)))
        wrong_type = self.write("type.npy", npy([1, 3, 32, 32], [0] * 3072, "<i4", "i"))
        no_npy = self.write("no.npy", b"hello")
        for model in (PACKED, MODEL):
            run = (OCTET, "run", model, "--output-dir", out)
            self.fail_with(FILE, *run, "--input", f"picture={good}", mentions=["'picture'", "'image'"])
            self.fail_with(FILE, *run, "--input", f"image={wrong_shape}", mentions=["1x3x32x31"])
            self.fail_with(FILE, *run, "--input", f"image={wrong_type}", mentions=["s32", "f32"])
            self.fail_with(FILE, *run, "--input", f"image={no_npy}", mentions=["no.npy"])
            self.fail_with(USAGE, *run, "--input", "image")
        self.assertFalse(out.exists())


class Outputs(Case):
    def test_an_output_that_cannot_be_written_leaves_nothing(self):
        target = self.folder / "no" / "such" / "folder" / "x.octet"
        self.fail_with(RESOURCE, OCTET, "convert", MODEL, "-o", target, "--calibration-table", TABLE, mentions=["x.octet"])
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_a_failed_conversion_keeps_the_old_file(self):
        old = self.write("x.octet", b"old")
        self.fail_with(FILE, OCTET, "convert", self.folder / "missing.json", "-o", old, "--calibration-table", TABLE)
        self.fail_with(FILE, OCTET, "convert", MODEL, "-o", old, "--calibration-table", self.write("bad.json", "{}"))
        self.assertEqual(old.read_bytes(), b"old")
        self.assertEqual(sorted(os.listdir(self.folder)), ["bad.json", "x.octet"])

    def test_an_interrupted_conversion_leaves_the_old_file_or_the_new_one(self):
        whole = PACKED.read_bytes()
        old = self.write("x.octet", b"old")
        command = [str(a) for a in (OCTET, "convert", MODEL, "-o", old, "--calibration-table", TABLE)]
        for number in (signal.SIGINT, signal.SIGTERM):
            for wait in (0.01, 0.05, 0.1, 0.2):
                old.write_bytes(b"old")
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(wait)
                process.send_signal(number)
                done = process.wait(timeout=60)
                self.assertIn(done, (0, -number))
                self.assertEqual(os.listdir(self.folder), ["x.octet"])
                self.assertIn(old.read_bytes(), (b"old", whole))

    def test_a_file_that_may_not_grow_is_an_error_and_leaves_the_old_one(self):
        old = self.write("x.octet", b"old")
        command = f'ulimit -f 20; exec "{OCTET}" convert "{MODEL}" -o "{old}" --calibration-table "{TABLE}"'
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
        self.assertEqual(done.returncode, RESOURCE, done.stderr)
        self.assertIn("x.octet", done.stderr)
        self.assertEqual(old.read_bytes(), b"old")
        self.assertEqual(os.listdir(self.folder), ["x.octet"])

    def test_two_conversions_to_one_file_leave_it_whole(self):
        target = self.folder / "x.octet"
        convert = [str(a) for a in (OCTET, "convert", MODEL, "-o", target)]
        unlike = (["--calibration-table", str(TABLE)], ["--precision", "f32"])
        whole = []
        for options in unlike:
            subprocess.run(convert + options, check=True, capture_output=True)
            whole.append(target.read_bytes())
        self.assertEqual(whole[0], PACKED.read_bytes())
        self.assertNotEqual(len(whole[0]), len(whole[1]))
        for _ in range(10):
            both = [subprocess.Popen(convert + options, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for options in unlike]
            self.assertEqual([process.wait(timeout=60) for process in both], [0, 0])
            self.assertIn(target.read_bytes(), whole)
            self.assertEqual(os.listdir(self.folder), ["x.octet"])

    def test_a_full_disk_is_an_error(self):
        self.fail_with(RESOURCE, OCTET, "inspect", PACKED, "--json", stdout_to="/dev/full")
        for more in (["--json"], ["--profile"]):
            self.fail_with(RESOURCE, BENCHMARK, PACKED, "--runs", 1, *more, stdout_to="/dev/full")

    def run_program(self, *arguments, stdout_to=None, **options):
        if stdout_to is None:
            return super().run_program(*arguments, **options)
        return super().run_program("/bin/sh", "-c", f'exec "$@" >{stdout_to}', "sh", *arguments, **options)


if __name__ == "__main__":
    unittest.main()
