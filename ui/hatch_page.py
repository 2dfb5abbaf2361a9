"""Puts the built page into the wheel. Run by hatchling; a person runs `make page`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HOW = "Everything else works. Node.js 20 or newer, with npm, and network are needed for it; then `make page`."


class PageHook(BuildHookInterface):
    """Builds ui/web where Node.js is at hand. Without it, the wheel is complete but for the page.

    RUNSTONE_PAGE=required makes that an error: a wheel for others must have it.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page for a wheel; one installed for editing shows what `make page` has left."""
        if version == "editable":
            return
        web, page = Path(self.root, "ui", "web"), Path(self.root, "ui", "runstone_ui", "page")
        trouble = "" if _is_fresh(web, page) else _built(web)
        if trouble:
            if os.environ.get("RUNSTONE_PAGE") == "required":
                raise RuntimeError(f"the page of `runstone up` could not be built: {trouble}")
            self.app.display_warning(f"The page of `runstone up` is left out: {trouble}. {HOW}")
            shutil.rmtree(page, ignore_errors=True)
            return
        build_data["artifacts"].append("ui/runstone_ui/page/**")


def _is_fresh(web: Path, page: Path) -> bool:
    index = page / "index.html"
    if not index.exists():
        return False
    sources = [path for path in web.rglob("*") if "node_modules" not in path.parts and path.is_file()]
    return all(path.stat().st_mtime <= index.stat().st_mtime for path in sources)


def _built(web: Path) -> str:
    """Build the page. Returns why that failed, or nothing."""
    npm = shutil.which("npm")
    if npm is None:
        return "there is no npm"
    for command in ("install", "run build"):
        done = subprocess.run(
            [npm, *command.split()],
            cwd=web,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            return f"`npm {command}` failed: {said[-1] if said else done.returncode}"
    return ""
