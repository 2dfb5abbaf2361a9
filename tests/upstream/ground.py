"""What Aim's tests import as `tests.base` and `tests.utils`, which its distribution leaves out.

Written from what the tests ask of it: all classes share one repository in the current folder, and each knows its own
runs by the parameter `testcase`.
"""

import unittest
from importlib.util import find_spec
from typing import Any

from aim.sdk import Repo, Run


def full_class_name(cls: type) -> str:
    """Return the name of a class with that of its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


def is_package_installed(name: str) -> bool:
    """Tell whether a package can be imported."""
    return find_spec(name) is not None


class TestBase(unittest.TestCase):
    """A test that has a repository."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.repo = Repo.default_repo(init=True)

    @classmethod
    def create_run(cls, **arguments: Any) -> Run:
        """Return a new run that `isolated_query_patch` finds."""
        run = Run(**arguments)
        run["testcase"] = full_class_name(cls)
        return run

    @classmethod
    def isolated_query_patch(cls, query: str = "") -> str:
        """Return the query for the runs of this class alone."""
        own = f'run["testcase"] == "{full_class_name(cls)}"'
        return f"{own} and ({query})" if query else own


class PrefilledDataTestBase(TestBase):
    """A test that has ten runs of four metrics each."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for index in range(10):
            run = cls.create_run(system_tracking_interval=None, capture_terminal_logs=False)
            run["hparams"] = {"lr": 0.001 if index % 2 else 0.002, "batch_size": None}
            run["run_index"] = index
            run.name = f"Run # {index}"
            for is_training in (True, False):
                for name in ("loss", "accuracy"):
                    for step in range(5):
                        run.track(1 / (1 + step), name=name, context={"is_training": is_training})
            run.close()
