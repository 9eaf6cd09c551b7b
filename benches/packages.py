"""Measures how fast lambdo makes packages, and in how much memory. Called by `scripts/measure packages`.

Prints a line for each measure, and ends with 1 when one misses its bound. Needs `zip`; Go where it is measured.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEGABYTE = 1_000_000
HEADER = 'project = "measure"\n\n[aws]\nregion = "eu-central-1"\n\n'
GO = "package main\n\nfunc main() { println(%d) }\n"


def run(*command, folder):
    """Runs a program to its end: seconds, and the most memory that it had, in MB."""
    started = time.monotonic()
    with open(folder / "said.txt", "w") as said:
        child = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - started
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{(folder / 'said.txt').read_text()}")
    return took, usage.ru_maxrss / 1024


class Measures:
    """What was measured, each with its bound."""

    def __init__(self):
        self.missed = []

    def add(self, what, value, unit, most=None):
        bound = "" if most is None else f" (at most {most:g})"
        print(f"{what}: {value:.2f} {unit}{bound}", flush=True)
        if most is not None and value > most:
            self.missed.append(what)


def binary(lambdo, folder, measures):
    """A program of 53 MB: its package is packed to see whether it fits into a call."""
    (folder / "dir").mkdir()
    (folder / "dir/bootstrap").write_text("#!/bin/sh\n")
    # In pieces: the most memory of a program begins with what this one had when it started it.
    with open(folder / "dir/program", "wb") as program:
        while program.tell() < 53 * MEGABYTE:
            with open(lambdo, "rb") as source:
                while program.tell() < 53 * MEGABYTE and (piece := source.read(MEGABYTE)):
                    program.write(piece)
    (folder / "config.toml").write_text(HEADER + '[function.f]\ncode = { dir = "dir" }\n')
    ours, theirs = [], []
    for _ in range(3):
        shutil.rmtree(folder / "state", ignore_errors=True)
        (folder / "theirs.zip").unlink(missing_ok=True)
        ours.append(run(lambdo, "build", folder=folder)[0])
        theirs.append(run("zip", "-6", "-q", "-X", "-r", "theirs.zip", "dir", folder=folder)[0])
    measures.add("53 MB program, `zip -6`", min(theirs), "s")
    measures.add("53 MB program, hashed and packed", min(ours), "s")
    measures.add("53 MB program, ours : theirs", min(ours) / min(theirs), "", 1.5)


def small_files(lambdo, folder, measures):
    """100,000 modules."""
    (folder / "config.toml").write_text(HEADER + '[function.f]\nruntime = "nodejs24.x"\nhandler = "index.handler"\ncode = { dir = "dir" }\n')
    for number in range(100_000):
        place = folder / f"dir/{number // 1000:03}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        (place / f"module-{number:06}.js").write_text(f"module.exports = {number};\n" * 8)
    (folder / "dir/index.js").write_text("exports.handler = async () => 1;\n")
    for which in ["first time", "second time", "unchanged"]:
        took, memory = run(lambdo, "build", folder=folder)
        measures.add(f"100,000 files, {which}", took, "s")
        measures.add(f"100,000 files, {which}, most memory", memory, "MB", 200)
        time.sleep(0.1)


def go_folders(lambdo, folder, measures):
    """100 programs in Go that did not change."""
    if not shutil.which("go"):
        print("100 Go folders: not measured, since there is no `go`")
        return
    (folder / "config.toml").write_text(HEADER + '[discover.api]\nroot = "api"\n')
    (folder / "go.mod").write_text("module example.com/measure\n\ngo 1.21\n")
    for number in range(100):
        place = folder / f"api/f{number:03}"
        place.mkdir(parents=True)
        (place / "main.go").write_text(GO % number)
    measures.add("100 Go folders, built", run(lambdo, "build", folder=folder)[0], "s")
    time.sleep(0.1)
    run(lambdo, "build", folder=folder)
    measures.add("100 Go folders, unchanged", min(run(lambdo, "build", folder=folder)[0] for _ in range(3)), "s", 0.5)


def second_up(lambdo, folder, measures):
    """100 functions, brought up twice: the second time nothing is built or packed."""
    function = '[function.f{0}]\nbuild = {{ command = "echo >> ../runs && cp main.sh ../out{0}", path = "src{0}", inputs = ["*"], output = "../out{0}" }}\n\n'
    (folder / "config.toml").write_text(HEADER + "".join(function.format(number) for number in range(100)))
    for number in range(100):
        place = folder / f"src{number}"
        place.mkdir()
        (place / "main.sh").write_text(f"#!/bin/sh\necho {number}\n")
        (place / "main.sh").chmod(0o755)
    measures.add("100 functions, first `up` on the local cloud", run(lambdo, "--local", "up", "--yes", folder=folder)[0], "s")
    time.sleep(0.1)
    runs = (folder / "runs").read_text()
    measures.add("100 functions, second `up`", run(lambdo, "--local", "up", "--yes", folder=folder)[0], "s")
    if (folder / "runs").read_text() != runs:
        measures.missed.append("100 functions, second `up`: something was built")


def main():
    lambdo = Path(sys.argv[1]).resolve()
    measures = Measures()
    for measure in [binary, small_files, go_folders, second_up]:
        with tempfile.TemporaryDirectory() as folder:
            measure(lambdo, Path(folder), measures)
    if measures.missed:
        sys.exit(f"missed: {', '.join(measures.missed)}")


main()
