"""Plain Python: which learning rate reads handwritten digits best?

Trains one classifier of scikit-learn for each of four learning rates, a run each, and asks the repository.

    pip install runstone scikit-learn
    python examples/plain.py [FOLDER]     # the runs go to FOLDER/.runstone; ./example-repo if not given
"""

import sys

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from runstone import Repo, Run

RATES = 0.00001, 0.001, 0.1, 10.0
EPOCHS = 15


def main(folder: str) -> None:
    """Train, then ask."""
    digits = load_digits()
    parts = train_test_split(digits.data / 16, digits.target, test_size=0.25, random_state=0)
    for rate in RATES:
        train(folder, rate, *parts)
    ask(folder)


def train(folder, rate, train_images, val_images, train_labels, val_labels):
    """One run: its parameters, and two metrics for each of two parts of the data."""
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate, random_state=0)
    subsets = {"train": (train_images, train_labels), "val": (val_images, val_labels)}
    with Run(repo=folder, experiment="plain") as run:
        run.name = f"digits at {rate:g}"
        run["hparams"] = {"rate": rate, "epochs": EPOCHS, "model": type(model).__name__}
        for epoch in range(EPOCHS):
            model.partial_fit(train_images, train_labels, classes=range(10))
            for subset, (images, labels) in subsets.items():
                loss = log_loss(labels, model.predict_proba(images))
                run.track(loss, name="loss", step=epoch, context={"subset": subset})
                right = model.score(images, labels)
                run.track(right, name="accuracy", step=epoch, context={"subset": subset})


def ask(folder):
    """The answers come from the repository: from these runs, and from those of earlier calls."""
    repo = Repo(folder)
    validation = 'run.experiment == "plain" and metric.name == "accuracy" and metric.context.subset == "val"'
    print("rate    best   at epoch")
    for metric in repo.query_metrics(validation, order_by="metric.max", descending=True, limit=len(RATES)):
        epochs, values = metric.values.sparse_numpy()
        print(f"{metric.run['hparams', 'rate']:<7g} {values.max():.1%}  {epochs[values.argmax()]:.0f}")
    slow = repo.query_runs('run.experiment == "plain" and run.metrics["loss", {"subset": "val"}].last > 2')
    print("Hardly learned:", *sorted({run.name for run in slow}))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "example-repo")
