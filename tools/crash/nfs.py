"""Two real NFS clients: the same repository written, read and indexed from both, v3 and v4.2.

    python tools/crash/nfs.py --only writers-v3 --seed 7

A virtual machine (QEMU, without KVM if need be) runs a file server and two clients of it. It needs no rights; what
has to be installed is said where it is missing.
"""

from __future__ import annotations

import json
import sys
from functools import partial

from campaign import Options, Row, from_json, main
from virtual.machine import Machine, MachineError, missing

VERSIONS = ("3", "4.2")
# How many trials the full campaign makes of each.
FULL = {
    "writers": 1,
    "killed": 5,
    "follow": 2,
    "held": 2,
    "readers": 2,
    "indexers": 2,
    "cut": 2,
    "restart": 2,
}
TRIAL_SECONDS = 900.0  # that a trial may take at most; on an idle machine it is a minute or two

_machine: Machine | None = None


def machine() -> Machine:
    """Return the machine that all campaigns of this process share; a new one if the last one failed."""
    global _machine  # noqa: PLW0603
    if _machine is None:
        _machine = Machine()
    return _machine


def switch_off() -> None:
    global _machine  # noqa: PLW0603
    if _machine is not None:
        _machine.end()
        _machine = None


def campaign(name: str, version: str, options: Options) -> Row:
    row = Row("", f"{name}, NFS v{version}", skipped=missing())
    if row.skipped:
        return row
    trials = options.count(FULL[name])
    order = ["/code/tools/crash/virtual/trials.py", name, version, str(options.seed), str(trials)]
    try:
        text = machine().run(order, TRIAL_SECONDS * max(trials, 1), stream=True)
        return from_json(json.loads(text.splitlines()[-1]))
    except MachineError as error:
        switch_off()
        row.failures.append(f"seed {options.seed}: {error}")
        row.trials = trials
        return row


CAMPAIGNS = {f"{name}-v{version}": partial(campaign, name, version) for name in FULL for version in VERSIONS}


if __name__ == "__main__":
    try:
        sys.exit(main(__doc__, CAMPAIGNS))
    finally:
        switch_off()
