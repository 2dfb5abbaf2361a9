"""The questions that the demo asks in AimQL, and their answers in a form that can be compared."""

from pathlib import Path
from typing import NamedTuple

from runstone import Repo


class Question(NamedTuple):
    """An AimQL expression over runs or over metrics, and what it asks in words."""

    words: str
    text: str
    of_metrics: bool = False


BIG_BATCHES = Question(
    "Which runs had a learning rate above 0.0001 and batches of more than 32?",
    "run.hparams.learning_rate > 0.0001 and run.hparams.batch_size > 32",
)
TRAINING_LOSS = Question(
    "The training loss of every run with a learning rate of at least 0.001:",
    'metric.name == "loss" and metric.context.subset == "train" and run.hparams.learning_rate >= 0.001',
    of_metrics=True,
)
QUESTIONS = (
    BIG_BATCHES,
    TRAINING_LOSS,
    Question(
        "Which runs of the sweep read more than 97 % of the digits rightly in the end?",
        'run.metrics["accuracy", {"subset": "val"}].last > 0.97 and "sweep" in run.tags',
    ),
    Question(
        "Whose validation loss ended well above its minimum: who learned by heart?",
        'metric.name == "loss" and metric.context.subset == "val" and metric.last > 1.2 * metric.min',
        of_metrics=True,
    ),
    Question(
        "Which runs never said that they were done?",
        "run.end_time is None",
    ),
)

Answer = list[tuple[object, ...]]


def answers(path: Path, *, index: bool = True) -> list[Answer]:
    """The full answers to all questions: runs with their parameters, metrics with every step and value."""
    repo = Repo(path, index=index)
    return [
        _metrics(repo, question.text) if question.of_metrics else _runs(repo, question.text)
        for question in QUESTIONS
    ]


def _runs(repo: Repo, text: str) -> Answer:
    runs = [item.run for item in repo.query_runs(text).iter_runs()]
    return sorted((run.hash, run.name, tuple(run.tags), repr(run["hparams"])) for run in runs)


def _metrics(repo: Repo, text: str) -> Answer:
    found = []
    for metric in repo.query_metrics(text):
        steps, values = metric.values.sparse_numpy()
        context = repr(sorted(metric.context.to_dict().items()))
        found.append((metric.run.hash, metric.name, context, steps.tobytes(), values.tobytes()))
    return sorted(found)
