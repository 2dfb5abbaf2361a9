"""Storage that really refuses: a full file system, no inodes left, a limit on files or descriptors; then it gives way.

    python tools/crash/storage.py --seed 7

The script and the oracle are those of faults.py.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

from campaign import Options, Row, lacking, main
from failing import Fault, Nursery, Orders, Say, remove
from faults import (
    check_training,
    control_writer,
    train,
    workshop,
)

from runstone_writer.layout import open_repo


def train_with_little(say: Say, orders: Orders, repo: str, what: str, amount: int) -> None:
    """Train while the kernel itself refuses: files may not grow, or there are no more descriptors."""
    orders.lift()
    kind = {"FSIZE": resource.RLIMIT_FSIZE, "NOFILE": resource.RLIMIT_NOFILE}[what]
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(kind)
    real = orders.lift

    def lift() -> None:
        resource.setrlimit(kind, before)
        real()

    orders.lift = lift  # type: ignore[method-assign]
    opened = len(os.listdir("/proc/self/fd")) if what == "NOFILE" else 0
    resource.setrlimit(kind, (amount + opened, before[1]))
    train(say, orders, repo, "", "written", True)


def train_on_small_storage(say: Say, orders: Orders, repo: str, mount: str, how: str) -> None:
    """Train on a tmpfs that is too small for a while."""
    orders.lift()
    real = orders.lift
    ballast = Path(mount, "ballast")

    def lift() -> None:
        if how == "size":
            ballast.unlink(missing_ok=True)
        else:
            subprocess.run(["mount", "-o", "remount,nr_inodes=4000", mount], check=True)
        real()

    orders.lift = lift  # type: ignore[method-assign]
    train(say, orders, repo, "", "written", True)


def real(options: Options) -> Row:
    """Limits of the kernel's, and small file systems that are filled and freed."""
    row = Row("R7", "storage that really refuses", "runs", control="what waits is forgotten")
    row.skipped = lacking("cc", "mount", root=True)
    if row.skipped:
        return row
    with workshop() as (folder, nursery):
        for number in range(options.count(120)):
            draw, place = random.Random(f"{options.seed}-{number}"), folder / "repo"
            remove(place)
            what = ("FSIZE", "NOFILE", "size", "inodes")[number % 4]
            if what in ("FSIZE", "NOFILE"):
                open_repo(place, create=True)
                amount = draw.randrange(400, 4000) if what == "FSIZE" else draw.randrange(6)
                done = nursery.run(train_with_little, Fault(), place, place, what, amount)
                failures = check_training(place, done)
            else:
                failures, amount = _on_tmpfs(folder, nursery, draw, what)
            row.trials += 1
            row.failures += [
                f"seed {options.seed}, run {number}, {what} {amount}: {text}" for text in failures
            ]
        control_writer(row, folder, nursery)
    return row


def _on_tmpfs(folder: Path, nursery: Nursery, draw: random.Random, what: str) -> tuple[list[str], int]:
    mount = folder / "small"
    mount.mkdir(exist_ok=True)
    amount = draw.randrange(0, 9) if what == "size" else draw.randrange(9, 30)
    limit = "size=1m,nr_inodes=4000" if what == "size" else f"size=16m,nr_inodes={amount}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", limit, "tmpfs", str(mount)], check=True)
    try:
        place = mount / "repo"
        open_repo(place, create=True)
        if what == "size":  # leave a few pages
            free = os.statvfs(mount).f_bavail - amount
            (mount / "ballast").write_bytes(bytes(free * os.statvfs(mount).f_bsize))
        done = nursery.run(train_on_small_storage, Fault(), place, place, str(mount), what)
        if what == "size":
            (mount / "ballast").unlink(missing_ok=True)
        subprocess.run(["mount", "-o", "remount,size=64m,nr_inodes=9000", str(mount)], check=True)
        return check_training(place, done), amount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=False)


CAMPAIGNS = {"real": real}

if __name__ == "__main__":
    sys.exit(main(__doc__, CAMPAIGNS))
