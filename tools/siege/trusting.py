"""The negative control of W3: `runstone up` that follows links."""

import os

import runstone_ui.blobs
from runstone.cli.main import main


def opened(path: str) -> int:
    return os.open(path, os.O_RDONLY)


runstone_ui.blobs.is_link = lambda _path: False
runstone_ui.blobs.open_file = opened
main(prog_name="runstone")
