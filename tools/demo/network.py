"""A small network that learns to read handwritten digits: numpy, one hidden layer, three optimisers."""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np

HIDDEN = 128
CLASSES = 10


class Digits(NamedTuple):
    """Images (rows of 64 pixels from 0 to 1) and the digits on them, to train with and to validate with."""

    train_images: np.ndarray
    train_labels: np.ndarray
    val_images: np.ndarray
    val_labels: np.ndarray

    @classmethod
    def load(cls) -> Self:
        """The 1,797 digits that ship inside scikit-learn; every fifth is kept for validation."""
        from sklearn.datasets import load_digits  # a second's import: only where the data is not at hand

        data = load_digits()
        images, labels = (data.data / 16).astype(np.float32), data.target
        val = np.arange(len(labels)) % 5 == 0
        return cls(images[~val], labels[~val], images[val], labels[val])

    def part(self, index: int, count: int) -> Self:
        """One of `count` equal parts of the training images, with all of the others."""
        return self._replace(
            train_images=self.train_images[index::count], train_labels=self.train_labels[index::count]
        )

    def batches(self, size: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One epoch: the training images in batches, shuffled."""
        order = np.random.default_rng(seed).permutation(len(self.train_labels))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            yield self.train_images[chosen], self.train_labels[chosen]


class Scores(NamedTuple):
    """How well the network did on some images: mean cross-entropy, and the share that it read rightly."""

    loss: float
    accuracy: float


class Network:
    """64 pixels, a hidden layer with ReLU, ten probabilities; `optimizer` is "sgd", "momentum" or "adam"."""

    def __init__(self, optimizer: str, learning_rate: float, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self.weights = [
            random.normal(0, (2 / 64) ** 0.5, (64, HIDDEN)).astype(np.float32),
            np.zeros(HIDDEN, np.float32),
            random.normal(0, (2 / HIDDEN) ** 0.5, (HIDDEN, CLASSES)).astype(np.float32),
            np.zeros(CLASSES, np.float32),
        ]
        self.learning_rate = learning_rate
        self._update = {"sgd": self._sgd, "momentum": self._momentum, "adam": self._adam}[optimizer]
        self._speed = [np.zeros_like(weight) for weight in self.weights]
        self._scale = [np.zeros_like(weight) for weight in self.weights]
        self._steps = 0

    def train(self, images: np.ndarray, labels: np.ndarray) -> Scores:
        """Learn from one batch; return how well it was read before."""
        hidden, chances = self._forward(images)
        scores = _score(chances, labels)
        wrong = chances
        wrong[np.arange(len(labels)), labels] -= 1
        wrong /= len(labels)
        back = (wrong @ self.weights[2].T) * (hidden > 0)
        self._steps += 1
        self._update([images.T @ back, back.sum(0), hidden.T @ wrong, wrong.sum(0)])
        return scores

    def validate(self, images: np.ndarray, labels: np.ndarray) -> Scores:
        """Return how well the images are read, and learn nothing."""
        return _score(self._forward(images)[1], labels)

    def _forward(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.maximum(images @ self.weights[0] + self.weights[1], 0)
        logits = hidden @ self.weights[2] + self.weights[3]
        chances = np.exp(logits - logits.max(1, keepdims=True))
        return hidden, chances / chances.sum(1, keepdims=True)

    def _sgd(self, slopes: list[np.ndarray]) -> None:
        for weight, slope in zip(self.weights, slopes, strict=True):
            weight[...] -= self.learning_rate * slope

    def _momentum(self, slopes: list[np.ndarray]) -> None:
        for weight, slope, speed in zip(self.weights, slopes, self._speed, strict=True):
            speed[...] *= 0.9
            speed[...] += slope
            weight[...] -= self.learning_rate * speed

    def _adam(self, slopes: list[np.ndarray]) -> None:
        rate = self.learning_rate * (1 - 0.999**self._steps) ** 0.5 / (1 - 0.9**self._steps)
        for weight, slope, speed, scale in zip(self.weights, slopes, self._speed, self._scale, strict=True):
            speed[...] += 0.1 * (slope - speed)
            scale[...] += 0.001 * (slope * slope - scale)
            weight[...] -= rate * speed / (np.sqrt(scale) + 1e-8)


def _score(chances: np.ndarray, labels: np.ndarray) -> Scores:
    right = chances[np.arange(len(labels)), labels]
    return Scores(float(-np.log(right + 1e-12).mean()), float((chances.argmax(1) == labels).mean()))
