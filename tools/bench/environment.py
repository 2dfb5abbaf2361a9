"""The environment that a peer is installed into, apart from ours: neither's packages bind the other's."""

import os
import subprocess
import sys
import venv
from pathlib import Path

AIM = "aim==3.29.1"
PINS = (
    AIM,
    # what Aim's speed and answers hang on, as of the day the goals were measured
    "aimrocks==0.5.2",
    "filelock==3.32.7",
    "numpy==2.4.6",
    "RestrictedPython==9.0",
    "SQLAlchemy==2.1.9",
    # Aim imports pkg_resources, which later ones have dropped
    "setuptools<81",
)


class InstallError(Exception):
    """The peer could not be installed; the text is the installer's last line."""


def aim_interpreter(folder: Path) -> Path:
    """The interpreter of Aim's environment, which is made on first use (about half a minute)."""
    home = folder / AIM.replace("==", "-")
    python, stamp = home / "bin" / "python", home / "stamp"
    wanted = "\n".join((*PINS, sys.version.split()[0]))
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(home, clear=True, symlinks=os.name != "nt", with_pip=True)
        _install(python)
        stamp.write_text(wanted)
    return python


def _install(python: Path) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed without a word"]
        raise InstallError(lines[-1])
