"""clang-tidy over all rooms and what the tests share, each source as the build folder compiles it.

  tidy.py BUILD_DIR [FOLDER ...]      of these folders, or of all; exit code 1: there are findings

A source that was clean is looked at again when it, what it includes, the checks or clang-tidy itself changed: the build
folder keeps sums of what was clean.
"""
import hashlib
import json
import os
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ["kernels", "runtime", "converter", "samples", "tests/support"]


def output(command, **options):
    return subprocess.run(command, capture_output=True, check=True, **options).stdout


def check(command, clean, rules):
    """What clang-tidy says of one source; nothing where it was clean before."""
    words = shlex.split(command["command"])
    del words[words.index("-o") : words.index("-o") + 2]
    # With comments: they may switch checks off.
    text = output([*words, "-E", "-CC", "-w"], cwd=command["directory"])
    stamp = clean / hashlib.sha256(rules + command["command"].encode() + text).hexdigest()
    if stamp.exists():
        return ""
    tidy = subprocess.run(
        ["clang-tidy", "--quiet", command["file"], "--", *words[1:]],
        cwd=command["directory"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if tidy.returncode == 0:
        stamp.touch()
    return tidy.stdout or (f"{command['file']}: clang-tidy fails\n" if tidy.returncode else "")


def main(build, *folders):
    build = Path(build)
    wanted = {str(path) for folder in folders or FOLDERS for path in (ROOT / folder).rglob("*.cpp")}
    # The first command of each: some are compiled again with other options, for a test.
    commands = {}
    for command in json.loads((build / "compile_commands.json").read_text()):
        if command["file"] in wanted:
            commands.setdefault(command["file"], command)
    clean = build / "clean"
    clean.mkdir(exist_ok=True)
    rules = (ROOT / ".clang-tidy").read_bytes() + output(["clang-tidy", "--version"])
    findings = set()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for said in pool.map(lambda command: check(command, clean, rules), commands.values()):
            if said and said not in findings:
                print(said, end="", flush=True)
            findings.add(said)
    for name in sorted(wanted - commands.keys()):
        print(f"{name}: not looked at, this build leaves it out")
    return 1 if findings - {""} else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: analyze.sh clang-tidy BUILD_DIR [FOLDER ...]")
    sys.exit(main(*sys.argv[1:]))
