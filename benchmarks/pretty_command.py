"""Does the command `test-title` say what is planted? Small folders of digits, each run through the command line.

    python benchmarks/pretty_command.py --nulls 10 --planted 5

The images are scikit-learn's digits with a random contrast and tint, so that their score `prettiness` has nothing to do
with what they show. Planted: three fifths of the images in the prettier half of each class folder show another digit
(harmful), or of those in the less pretty half (helpful), or half as many in all (harmless). The printed sentence about
the prettier half is read.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

Planted = Literal["harmful", "helpful", "harmless"]
_CLASSES, _PER_CLASS, _TEST, _WRONG = 10, 24, 40, 0.6
_PROGRAM = [sys.executable, "-c", "from prettyuseful.cli import main; main()"]
_ENCODER = """
import numpy as np
from prettyuseful.encoders.table import EncoderRow

class Strokes:
    def features(self, pixels):
        grey = [pixels[i].mean(axis=2).reshape(8, 4, 8, 4).mean(axis=(1, 3)).ravel() for i in range(len(pixels))]
        return np.array([(image - image.mean()) / (image.std() + 1e-6) for image in grey], np.float32)

def make(weights, numerics):
    return Strokes()

STROKES = EncoderRow("strokes", "an image of 8 x 8 grey levels of equal contrast", make)
"""
_STUDY = """
version: 1
task: {real: real, test: test}
datasets: {base: {generator: base, images_per_class: all}}
train: {architectures: [strokes.py:STROKES], recipes: [frozen-features], seeds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}
metrics: []
"""


def write_folders(folder: Path, planted: Planted, rng: np.random.Generator) -> None:
    images, digits = load_digits(return_X_y=True)
    rows = {digit: rng.permutation(np.flatnonzero(digits == digit)).tolist() for digit in range(_CLASSES)}

    def write(split: str, label: int, digit: int, contrast: float) -> None:
        place = folder / split / f"digit-{label}"
        place.mkdir(parents=True, exist_ok=True)
        grey = np.kron(images[rows[digit].pop()].reshape(8, 8) / 16 - 0.5, np.ones((4, 4)))
        tint = 1 + 0.4 * contrast * rng.uniform(-1, 1, 3)
        pixels = np.clip(128 + 254 * contrast * grey[..., None] * tint, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{len(list(place.iterdir())):03d}.png")

    for label in range(_CLASSES):
        for _ in range(_TEST):
            write("test", label, label, rng.uniform(0.3, 1))
        for _ in range(_PER_CLASS):
            write("real", label, label, rng.uniform(0.3, 1))
    for label in range(_CLASSES):
        for number in range(_PER_CLASS):
            pretty = number % 2 == 0
            share = {"harmful": _WRONG * pretty, "helpful": _WRONG * (not pretty), "harmless": _WRONG / 2}[planted]
            digit = (label + rng.integers(1, _CLASSES)) % _CLASSES if rng.random() < share else label
            write("base", label, int(digit), rng.uniform(0.8, 1) if pretty else rng.uniform(0.3, 0.5))
    (folder / "strokes.py").write_text(_ENCODER)
    (folder / "study.yaml").write_text(_STUDY)


def verdict(folder: Path) -> tuple[str, str]:
    """Run the command; return `less`, `more` or `silent` of the prettier half, and the sentence."""
    command = [*_PROGRAM, "-q", "test-title", "study.yaml", "--workers", "1"]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    sentence = next(line for line in printed.splitlines() if line.startswith("The prettier half of base "))
    if "shows no clear difference" in sentence:
        return "silent", sentence
    found = re.search(r"\] (less|more) than a random half", sentence)
    assert found is not None
    return found[1], sentence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nulls", type=int, default=10)
    parser.add_argument("--planted", type=int, default=5)
    options = parser.parse_args()
    cases: tuple[tuple[Planted, int], ...] = (
        ("harmful", options.planted),
        ("helpful", options.planted),
        ("harmless", options.nulls),
    )
    for case, (planted, count) in enumerate(cases):
        said: Counter[str] = Counter()
        for number in range(count):
            with tempfile.TemporaryDirectory() as name:
                write_folders(Path(name), planted, np.random.default_rng([case, number]))
                word, sentence = verdict(Path(name))
            said[word] += 1
            print(f"{planted} {number}: {sentence}", flush=True)
        print(f"{planted}: {dict(said)} of {count}", flush=True)


if __name__ == "__main__":
    main()
