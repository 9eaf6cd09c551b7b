"""Runs one command and says what it cost: wall time, processor time, and the memory of all its processes together."""

import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

SAMPLE_EVERY_S = 0.02


@dataclass
class Cost:
    """What a command cost."""

    code: int
    wall_s: float
    cpu_s: float
    peak_mib: float


def run(command, folder, environment, log):
    """Runs `command` to its end; what it prints goes to the file `log`."""
    with open(log, "w") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        memory = Memory(process.pid)
        # Its own time and that of all children that it waited for.
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(process.returncode, wall_s, usage.ru_utime + usage.ru_stime, memory.peak_mib())


class Memory:
    """Looks at the memory of a process and its descendants from time to time.

    The kernel's own high-water mark in `wait4` knows only the largest process, and counts what this script had in memory.
    """

    def __init__(self, root):
        self.root, self.peak_kib, self.ended = root, 0, threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(SAMPLE_EVERY_S):
            sizes = [memory_kib(process) for process in tree(self.root)]
            now = sum(resident for resident, _ in sizes)
            highest_of_root = sizes[0][1] if sizes else 0
            self.peak_kib = max(self.peak_kib, now, highest_of_root)

    def peak_mib(self):
        """The highest sum that was seen; the watching ends."""
        self.ended.set()
        self.thread.join()
        return self.peak_kib / 1024


def tree(root):
    """A process and all its descendants, that one first."""
    found = [root]
    for process in found:
        try:
            for children in Path(f"/proc/{process}/task").glob("*/children"):
                found += map(int, children.read_text().split())
        except OSError:
            pass  # The thread or the process ended while it was looked at.
    return found


def memory_kib(process):
    """What is resident of a process now, and at its highest; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS:", "VmHWM:")))
    kib = {name: int(size.split()[0]) for name, size in sizes.items()}
    return kib.get("VmRSS", 0), kib.get("VmHWM", 0)


def start_up_ms(command, times=20):
    """The shortest time in which a command starts and ends."""
    return min(once_ms(command) for _ in range(times))


def once_ms(command):
    """How long one run takes."""
    discarded = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    started = time.monotonic()
    os.waitpid(os.posix_spawn(command[0], command, os.environ, file_actions=discarded), 0)
    return (time.monotonic() - started) * 1000
