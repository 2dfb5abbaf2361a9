"""PyTorch on a CPU: at which epoch did the network read digits best, and does its checkpoint still do so?

Trains a small convolutional network; logs losses, the learning rate, the distribution of gradients, and a
checkpoint whenever validation gets better. Then takes the checkpoint out of the repository and tries it.

    pip install runstone scikit-learn torch
    python examples/pytorch.py [FOLDER]     # the run goes to FOLDER/.runstone; ./example-repo if not given
"""

import sys
import tempfile
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from runstone import Distribution, Repo, Run

HPARAMS = {"batch_size": 32, "learning_rate": 0.01, "epochs": 8, "channels": [16, 32]}


def main(folder: str) -> None:
    """Train, then ask."""
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32)[:, None]
    data = TensorDataset(images, torch.tensor(digits.target))
    train_data, val_data = random_split(data, [0.8, 0.2])
    run_hash = train(folder, train_data, val_data)
    ask(folder, run_hash, val_data)


def network() -> nn.Module:
    """Two convolutions and a linear layer."""
    one, two = HPARAMS["channels"]
    features = nn.Sequential(nn.Conv2d(1, one, 3, padding=1), nn.ReLU(), nn.Conv2d(one, two, 3), nn.ReLU())
    return nn.Sequential(features, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(two * 9, 10))


def train(folder: str, train_data, val_data) -> str:
    """One run. Tensors of one element are tracked as they are."""
    model, best = network(), 0.0
    optimizer = torch.optim.Adam(model.parameters(), HPARAMS["learning_rate"])
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.7)
    with Run(repo=folder, experiment="pytorch") as run:
        run["hparams"] = HPARAMS
        run["model"] = str(model)
        for epoch in range(HPARAMS["epochs"]):
            for inputs, labels in DataLoader(train_data, HPARAMS["batch_size"], shuffle=True):
                loss = nn.functional.cross_entropy(model(inputs), labels)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.track(loss, name="loss", epoch=epoch, context={"subset": "train"})
            run.track(schedule.get_last_lr()[0], name="learning_rate", step=epoch)
            for name, weights in model.named_parameters():
                run.track(Distribution(weights.grad), name="gradient", step=epoch, context={"layer": name})
            schedule.step()
            right = accuracy(model, val_data)
            run.track(right, name="accuracy", step=epoch, context={"subset": "val"})
            if right > best:
                best = right
                with tempfile.TemporaryDirectory() as place:
                    torch.save(model.state_dict(), Path(place, "best.pt"))
                    run.log_artifact(Path(place, "best.pt"), block=True)  # replaces the one before
    return run.hash


def accuracy(model: nn.Module, data) -> float:
    """The share of images that the model reads rightly."""
    images, labels = next(iter(DataLoader(data, len(data))))
    with torch.no_grad():
        return (model(images).argmax(1) == labels).float().mean().item()


def ask(folder: str, run_hash: str, val_data) -> None:
    """The best epoch, and the checkpoint of it."""
    (metric,) = Repo(folder).query_metrics(f'run.hash == "{run_hash}" and metric.name == "accuracy"')
    epochs, values = metric.values.sparse_numpy()
    print(f"best: {values.max():.1%} at epoch {epochs[values.argmax()]:.0f} of {len(epochs)}")
    model = network()
    with tempfile.TemporaryDirectory() as place:
        model.load_state_dict(torch.load(metric.run.artifacts["best.pt"].download(place)))
    print(f"its checkpoint: {accuracy(model, val_data):.1%}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "example-repo")
