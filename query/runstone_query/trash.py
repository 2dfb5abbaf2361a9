"""The trash of a repository: where a run's folder goes, in one rename, before its bytes are removed.

An entry is *taken* until it is certain that nothing has happened to the run in the meantime; then it is *doomed*.
After a kill, what was taken goes back to where it was, and what was doomed is removed.
"""

from __future__ import annotations

import contextlib
import os
import shutil

from runstone_indexer.discovery import RunFolder, hinted, look_into
from runstone_indexer.hints import leave_hint
from runstone_writer.layout import Layout, is_link, log_order, make_folder, sync_folder

TAKEN, DOOMED = "taken-", "doomed-"


class Trash:
    """The folder ``trash`` of one repository."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.root = os.path.join(layout.root, "trash")

    def remove(self, run: str, expected: RunFolder, hints: list[str]) -> bool:
        """Remove a run's folder if its logs are as `expected` and no writer has come beside those in `hints`.

        Returns whether it is gone; if not, it is back where it was. Raises OSError.
        """
        if (
            not hints
        ):  # an index that has not heard of the deletion goes by this one: nothing else leads to a run
            hints = [log_order(name)[0] for name in sorted(expected.sizes)[:1]]  # that is not in its folder
            for writer in hints:
                leave_hint(self._layout, run, writer)
        entry = self._take(run)
        if entry is None:
            return True
        taken = Layout(entry)
        # A writer makes its hint before its log: one that began before the folder was taken is seen here.
        came = set(hinted(self._layout).get(run, [])) - set(hints)
        if came or look_into(taken, run).sizes != expected.sizes:
            self._put_back(entry)
            return False
        self._doom(entry)
        return True

    def settle(self) -> None:
        """Finish what was interrupted: put back what was only taken, remove what was doomed."""
        for entry in self.entries():
            name = os.path.basename(entry)
            if is_link(entry):
                continue
            if name.startswith(TAKEN):
                self._put_back(entry)
            elif name.startswith(DOOMED):
                shutil.rmtree(entry, ignore_errors=True)
        self._close()

    def entries(self) -> list[str]:
        """Return the paths of what is being removed, or was when somebody was killed."""
        try:
            return [os.path.join(self.root, name) for name in sorted(os.listdir(self.root))]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _take(self, run: str) -> str | None:
        entry = os.path.join(self.root, f"{TAKEN}{os.urandom(8).hex()}")
        target, source = Layout(entry).run_folder(run), self._layout.run_folder(run)
        make_folder(os.path.dirname(target))
        try:
            os.rename(source, target)
        except FileNotFoundError:
            shutil.rmtree(entry, ignore_errors=True)
            return None
        # Before any log in it is removed the rename is durable: after a power cut there is a whole run or none.
        for folder in (os.path.dirname(target), os.path.dirname(source), self.root, self._layout.root):
            sync_folder(folder)
        return entry

    def _put_back(self, entry: str) -> None:
        taken = Layout(entry)
        for run in taken.runs():
            source, target = taken.run_folder(run), self._layout.run_folder(run)
            make_folder(os.path.dirname(target))
            try:
                os.rename(source, target)
            except OSError:  # somebody has made the folder anew: names of logs are never the same
                for name in os.listdir(source):
                    os.rename(os.path.join(source, name), os.path.join(target, name))
            sync_folder(os.path.dirname(target))
        shutil.rmtree(entry, ignore_errors=True)
        self._close()

    def _doom(self, entry: str) -> None:
        doomed = os.path.join(self.root, DOOMED + os.path.basename(entry).removeprefix(TAKEN))
        os.rename(entry, doomed)
        sync_folder(self.root)
        shutil.rmtree(doomed, ignore_errors=True)
        self._close()

    def _close(self) -> None:
        with contextlib.suppress(OSError):
            os.rmdir(self.root)
