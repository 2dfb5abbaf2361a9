"""The command line: `runstone`. Exit codes: 0 all well, 1 it failed or damage was found, 2 a wrong call."""

from .main import main

__all__ = ["main"]
