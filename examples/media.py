"""Media: images, a figure, distributions, texts and sound, and which digits are mistaken for others.

Trains a small network on handwritten digits. Each epoch logs the images that it reads wrongly with what it took
them for, the distribution of its weights, and a report as text; the end logs the confusion matrix, drawn by
matplotlib, and the last mistake as a sound: a digit is a spectrogram, eight chords one after the other.

    pip install runstone scikit-learn matplotlib
    python examples/media.py [FOLDER]     # the run goes to FOLDER/.runstone; ./example-repo if not given
"""

import sys
from collections import Counter

import matplotlib as mpl
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, classification_report
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from runstone import Audio, Distribution, Image, Repo, Run, Text

mpl.use("agg")  # draws without a screen
EPOCHS = 8
RATE = 8000  # samples a second


def main(folder: str) -> None:
    """Train, log, ask."""
    digits = load_digits()
    train_x, val_x, train_y, val_y = train_test_split(digits.data / 16, digits.target, random_state=0)
    network = MLPClassifier((32,), learning_rate_init=0.01, random_state=0)
    with Run(repo=folder, experiment="media") as run:
        for epoch in range(EPOCHS):
            network.partial_fit(train_x, train_y, classes=range(10))
            taken = network.predict(val_x)
            wrong = np.flatnonzero(taken != val_y)
            images = [picture(val_x[k], f"{val_y[k]} taken for {taken[k]}") for k in wrong]
            run.track(images, name="mistakes", step=epoch)  # a list is one point
            for layer, weights in enumerate(network.coefs_):
                run.track(Distribution(weights.ravel()), name="weights", step=epoch, context={"layer": layer})
            report = classification_report(val_y, taken, zero_division=0)
            run.track(Text(report), name="report", step=epoch)
        drawn = ConfusionMatrixDisplay.from_predictions(val_y, taken).figure_
        run["confusion"] = Image(drawn, caption="rows: the digit; columns: what it was taken for")
        run["sound"] = Audio(chords(val_x[wrong[-1]]), rate=RATE, caption=images[-1].caption)
    ask(folder, run.hash)


def picture(pixels: np.ndarray, caption: str) -> Image:
    """An image of 8 by 8 dark pixels on white."""
    return Image((255 * (1 - pixels.reshape(8, 8))).astype(np.uint8), caption=caption)


def chords(pixels: np.ndarray) -> np.ndarray:
    """A digit as sound: columns are moments, rows are tones, the highest above."""
    moments = np.arange(RATE // 8) / RATE
    tones = np.sin(2 * np.pi * np.outer(1760 / 2 ** (np.arange(8) / 4), moments))
    return np.concatenate([column @ tones for column in pixels.reshape(8, 8).T]).astype(np.float32) / 8


def ask(folder: str, run_hash: str) -> None:
    """Captions are known without reading a single image; pixels are read when they are asked for."""
    repo = Repo(folder)
    (mistakes,) = repo.query_images(f'images.name == "mistakes" and run.hash == "{run_hash}"')
    epochs, lists = mistakes.values.sparse_list()
    print("mistakes by epoch:", *(len(images) for images in lists))
    for caption, count in Counter(image.caption for image in lists[-1]).most_common(3):
        print(f"  {count} x {caption}")
    print(f"the last one has {np.asarray(lists[-1][-1].to_pil_image()).shape} pixels")
    (first, *_) = repo.query_distributions(f'run.hash == "{run_hash}" and distributions.context.layer == 0')
    widths = [np.ptp(distribution.range) for distribution in first.values.values_list()]
    print(f"weights of layer 0 span {widths[0]:.2f} at first, {widths[-1]:.2f} at last")
    stored = repo.get_run(run_hash)
    print("report:", stored.get_text_sequence("report").values[epochs[-1]].data.split("\n")[-4].split())
    print(f"{stored['confusion']}, {stored['sound']}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "example-repo")
