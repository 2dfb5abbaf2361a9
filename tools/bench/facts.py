"""What the numbers were measured on."""

import os
import platform
import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def machine_facts(data: Path) -> dict[str, str]:
    """CPU, cores, kernel, file system under the data folder, load, and the commit that was measured."""
    return {
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "file system": file_system(data),
        "load": load(),
        "commit": _commit(),
    }


def load() -> str:
    """The load averages: above the number of cores, absolute times say little."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def file_system(path: Path) -> str:
    """Type of the file system that holds `path`: of its longest mount point."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    here = path.resolve()
    holders = [(len(fields[1]), fields[2]) for fields in mounts if here.is_relative_to(fields[1])]
    return max(holders, default=(0, "unknown"))[1]


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _commit() -> str:
    command = ["git", "-C", HERE, "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
