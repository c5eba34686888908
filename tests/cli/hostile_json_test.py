"""JSON models of a few hundred KB that ask for minutes or gigabytes: each is refused, or converted, within seconds."""

import json
import os
import subprocess
import unittest

import support

UNSUPPORTED, INVALID = 3, 4


def layer(kind, name, reads, **config):
    """One call of a TensorFlow.js layer on one other."""
    return {"class_name": kind, "name": name, "config": {"name": name, **config},
            "inbound_nodes": [[[source, 0, 0, {}] for source in reads]] if reads else []}  # fmt: skip


def functional(layers, output):
    x = layer("InputLayer", "x", [], batch_input_shape=[None, 2])
    config = {"name": "m", "layers": [*layers, x], "input_layers": [["x", 0, 0]], "output_layers": [[output, 0, 0]]}
    return {"weightsManifest": [], "modelTopology": {"class_name": "Functional", "config": config}}


class HostileJson(support.Case):
    def convert(self, model):
        path = self.write("model.json", json.dumps(model))
        # 4 GB of address space, as in broken_models_test.py, and 25 s of a CPU, whatever else runs; it takes 4, and took
        # 50 where each node looked at all others. (Sanitizers take terabytes, and their time.)
        space, seconds = ("unlimited", "unlimited") if os.environ.get("OCTET_SANITIZED") else ("4000000", "25")
        return subprocess.run(
            ["sh", "-c", f'ulimit -v {space}; ulimit -t {seconds}; exec "$@"', "sh", str(support.OCTET), "convert", str(path), "-o",
             str(self.folder / "out.octet"), "--precision", "f32"], capture_output=True, text=True, timeout=support.HANGS_S)  # fmt: skip

    def test_layers_may_stand_from_the_last_to_the_first(self):
        names = ["x", *(f"l{i}" for i in range(18000))]
        layers = [layer("LSTM", name, [source]) for source, name in zip(names, names[1:])]
        done = self.convert(functional(layers[::-1], names[-1]))
        self.assertEqual(done.returncode, UNSUPPORTED, done.stderr)
        self.assertIn("octet does not know this layer (and 17999 more)", done.stderr)

    def test_nodes_may_all_have_one_name(self):
        nodes = [{"op": "relu", "name": "n", "inputs": [f"v{i}"], "outputs": [f"v{i + 1}"]} for i in range(19990)]
        done = self.convert({"format": "octet", "version": 1, "inputs": [{"name": "v0", "shape": ["N", 2]}],
                             "outputs": ["v19990"], "nodes": nodes, "tensors": []})  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_name_of_megabytes_is_no_message_of_megabytes(self):
        name = "n" * (1 << 20)
        node = {"op": "relu", "inputs": ["x"], "outputs": [name]}
        done = self.convert({"format": "octet", "version": 1, "inputs": [{"name": "x", "shape": ["N", 2]}],
                             "outputs": [name], "nodes": [node, node], "tensors": []})  # fmt: skip
        self.assertEqual(done.returncode, INVALID, done.stderr[:4000])
        self.assertLess(len(done.stderr), 2200)
        self.assertRegex(done.stderr, r"the name 'n+\.\.\.\(\d+ bytes\)\.\.\.n+_2'\n$")


if __name__ == "__main__":
    unittest.main()
