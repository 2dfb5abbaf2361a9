"""Whom Runstone is compared with: what a user would pick instead, as of the day the goals were measured.

Aim answers queries, so it takes part in everything. The others have a writer, and no query that could be compared
(MLflow keeps parameters as text; W&B and TensorBoard have none without a server): they take part in the writer's rows.
"""

from dataclasses import dataclass

WRITER = frozenset({"P1", "P2", "P3"})


@dataclass(frozen=True)
class Store:
    """How a peer is installed, driven and imported; `rows` are those it takes part in (None: all).

    `caveat` says what a reader of its figures has to know.
    """

    name: str
    pins: tuple[str, ...]
    importing: str
    rows: frozenset[str] | None = WRITER
    caveat: str = ""

    @property
    def driver(self) -> str:
        """The script that drives it, beside this one."""
        return f"{self.name.lower()}_driver.py"


AIM = Store(
    "aim",
    (
        "aim==3.29.1",
        # what Aim's speed and answers hang on
        "aimrocks==0.5.2",
        "filelock==3.32.7",
        "numpy==2.4.6",
        "RestrictedPython==9.0",
        "SQLAlchemy==2.1.9",
        # Aim imports pkg_resources, which later ones have dropped
        "setuptools<81",
    ),
    "from aim import Run",
    rows=None,
)
STORES = {
    store.name: store
    for store in (
        AIM,
        Store("mlflow", ("mlflow==3.17.2",), "import mlflow", caveat="on SQLite, its default"),
        Store(
            "wandb",
            ("wandb==0.31.0",),
            "import wandb",
            caveat="offline; calls return before anything is written",
        ),
        Store(
            "tensorboardX",
            ("tensorboardX==2.6.5",),
            "from tensorboardX import SummaryWriter",
            caveat="calls return before anything is written",
        ),
        Store(
            "trackio",
            ("trackio==0.43.0",),
            "import trackio",
            caveat="calls return before anything is written",
        ),
    )
}
