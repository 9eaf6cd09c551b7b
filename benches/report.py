"""The table at the end, and what it was measured with."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

import measure
from tools import PHASES

HEAD = """\
| phase | tool | wall s | CPU s | peak MiB | calls | throttled | in flight |
|---|---|--:|--:|--:|--:|--:|--:|"""


def table(results):
    """Markdown: for each phase a line per tool, the best of its rounds."""
    tools = list(dict.fromkeys(result["tool"] for result in results))
    lines = [HEAD]
    for phase, title in PHASES.items():
        for tool in tools:
            rounds = [result for result in results if (result["phase"], result["tool"]) == (phase, tool)]
            if rounds:
                lines.append(row(title, min(rounds, key=lambda result: result["wall_s"])))
    return "\n".join(lines)


def row(title, result):
    """One line of the table."""
    throttled = f"{result['throttled']} ({100 * result['throttled'] / max(result['calls'], 1):.1f} %)" if result["throttled"] else "0"
    numbers = [f"{result['wall_s']:.2f}", f"{result['cpu_s']:.2f}", f"{result['peak_mib']:.0f}", result["calls"], throttled, f"{result['mean_in_flight']:.0f}"]
    return f"| {title} | {result['tool']} | " + " | ".join(map(str, numbers)) + " |"


def foot(lambdo, emulator, versions, load):
    """Machine, date and versions, and what is measured of the binary alone."""
    size_mb = os.path.getsize(lambdo) / 1e6
    return "\n".join(
        [
            f"{datetime.date.today()} · {processor()}, {os.cpu_count()} cores, {memory_gib():.0f} GiB · Linux {platform.release()}",
            " · ".join([*dict.fromkeys(versions), ministack(emulator)]),
            f"load average {load:.1f} before, {os.getloadavg()[0]:.1f} after",
            f"`lambdo --version` in {measure.start_up_ms([str(lambdo), '--version']):.1f} ms · binary of {size_mb:.1f} MB",
        ]
    )


def ministack(emulator):
    """The version that is installed beside the emulator's script."""
    code = "import importlib.metadata as metadata; print('ministack', metadata.version('ministack'))"
    return subprocess.run([emulator.with_name("python"), "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def processor():
    """What the processor calls itself."""
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def memory_gib():
    """How much memory the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
