"""mpirun octet convert: two processes write the bytes of one. Runs where the build has OCTET_MPI."""

import os
import shutil
import unittest

from support import IMAGES, MODEL, OCTET, Case

MPIRUN = shutil.which("mpirun")


@unittest.skipUnless(MPIRUN, "no mpirun")
class Mpi(Case):
    def test_two_processes_give_the_bytes_of_one(self):
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        one, two, table1, table2 = (self.folder / n for n in ("one.octet", "two.octet", "one.json", "two.json"))
        for more in (("--correct", "none"), ("--correct", "none", "--calibration", "moving_average"), ("--correct", "bias,gptaq")):
            convert = (OCTET, "convert", MODEL, "--data", IMAGES, "--threads", 1, *more)
            self.succeed(*convert, "-o", one, "--save-calibration", table1)
            said = self.succeed(MPIRUN, "-n", 2, "--oversubscribe", *convert, "-o", two, "--save-calibration", table2, env=env)
            self.assertEqual(said.count("calibrated by"), 1)
            self.assertEqual(table1.read_bytes(), table2.read_bytes())
            self.assertEqual(one.read_bytes(), two.read_bytes())

    def test_an_error_of_one_ends_all(self):
        env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
        done = self.run_program(MPIRUN, "-n", 2, "--oversubscribe", OCTET, "convert", MODEL, "-o", self.folder / "x.octet",
                                "--data", self.folder / "missing", env=env)
        self.assertEqual(done.returncode, 4, done.stderr)


if __name__ == "__main__":
    unittest.main()
