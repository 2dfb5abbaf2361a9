"""The environments that peers are installed into, apart from ours: nobody's packages bind another's."""

import os
import subprocess
import sys
import venv
from pathlib import Path

from stores import Store


class InstallError(Exception):
    """A peer could not be installed; the text is the installer's last line."""


def interpreter(folder: Path, store: Store) -> Path:
    """The interpreter of a store's environment, which is made on first use (about half a minute)."""
    home = folder / store.pins[0].replace("==", "-")
    python, stamp = home / "bin" / "python", home / "stamp"
    wanted = "\n".join((*store.pins, sys.version.split()[0]))
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(home, clear=True, symlinks=os.name != "nt", with_pip=True)
        _install(python, store.pins)
        stamp.write_text(wanted)
    return python


def _install(python: Path, pins: tuple[str, ...]) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *pins]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["pip failed without a word"]
        raise InstallError(lines[-1])
