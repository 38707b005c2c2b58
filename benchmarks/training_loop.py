"""Compare the speed of the training loop with timm's: `python benchmarks/training_loop.py`.

Both train the same networks from random weights on the same images, on the CPU with the same number of threads: `small`
at 32 px with the recipe `small`, and `resnet18` of timm at 128 px with the recipe `quick`. Epochs alternate, and
another loop begins each time.

- `ours`: `prettyuseful.training.loop.train` on decoded pixels, with the default settings of a study.
- `timm files`: the loop of timm's `train.py` with `timm.data.create_loader` on JPEG files, decoded by Pillow in every
  epoch, with timm's optimiser, scheduler, loss and gradient clipping.
- `timm memory`: the same on decoded images, so that nothing is read or decoded.
- `timm memory, channels last`: the same with the option `--channels-last` of `train.py`.

The files have the size that ours stores (32 and 144 px), which is to timm's advantage: originals are larger. Batch
size, crops, flips and the ranges of colour changes are equal; instead of shifts of up to 3 of 32 px, timm crops and
resizes 66 to 100% of the area. All loops run in one process, so timm's profits from memory that ours keeps. With
`--workers`, timm's loader uses so many processes besides the threads.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import timm.data
import timm.loss
import timm.optim
import timm.scheduler
import timm.utils
import torch
from PIL import Image
from timm.data.dataset import ImageDataset
from torch.utils.data import Dataset

from prettyuseful.data.images import decode
from prettyuseful.data.pixels import Pixels
from prettyuseful.study.numerics import StudyNumerics
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.training.augmentations import SmallAugmentation
from prettyuseful.training.checkpoints import Checkpoints
from prettyuseful.training.classifier import Design
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.loop import train
from prettyuseful.training.recipes import QUICK, SMALL, Recipe


@dataclass(frozen=True)
class Case:
    """What is trained: an architecture with a recipe, on a number of images per class."""

    architecture: str
    recipe: Recipe
    images_per_class: int

    @property
    def side(self) -> int:
        """Height and width in pixels of the stored images."""
        return int(self.recipe.stored_size)


CASES = {
    "small": Case("small", replace(SMALL, epochs=1), 100),
    "resnet18": Case("resnet18", replace(QUICK, epochs=1), 8),
}


def load_images(case: Case) -> Pixels:
    """Return crops of the bundled photographs, enlarged to the size that the recipe stores."""
    rows = list(PhotosTask().images("train", case.images_per_class))
    sides = (case.side, case.side)
    images = [decode(row.data, row.path).resize(sides, Image.Resampling.BICUBIC) for row in rows]
    arrays, labels = np.stack([np.asarray(image) for image in images]), np.array([row.label for row in rows])
    return Pixels.from_array(arrays, labels, np.array([str(i) for i in range(len(rows))]))


class DecodedImages(Dataset[tuple[Any, int]]):
    """Decoded images as Pillow images, for timm's loader."""

    transform: Callable[[Image.Image], Any]  # set by the loader

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self.pixels[i])), int(self.pixels.labels[i])


def write_files(pixels: Pixels, folder: Path) -> Path:
    """Write class folders of JPEG files."""
    for i, label in enumerate(pixels.labels):
        path = folder / f"{label:02d}" / f"{i:05d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[i]).save(path, quality=95)
    return folder


def ours(case: Case, pixels: Pixels, folder: Path, threads: int) -> Callable[[], float]:
    """Return a function that trains one epoch and returns its seconds."""
    numerics = StudyNumerics(threads=threads).training_numerics()
    design = Design(case.architecture, len(PhotosTask.classes), case.recipe.augmentation.size)
    numerics.apply()

    def epoch() -> float:
        classifier = init_classifier(design, 0, None).to(numerics)
        checkpoints = Checkpoints(folder / "checkpoints", float("inf"))
        started = time.perf_counter()
        train(classifier, pixels, case.recipe, 0, folder / "log.jsonl", checkpoints, lambda _: None)
        return time.perf_counter() - started

    return epoch


def theirs(case: Case, images: Any, threads: int, workers: int, channels_last: bool = False) -> Callable[[], float]:
    """Return a function that trains one epoch as timm's `train.py` does, and returns its seconds."""
    recipe, augmentation = case.recipe, case.recipe.augmentation
    if isinstance(augmentation, SmallAugmentation):
        scale, jitter = (0.66, 1.0), augmentation.jitter
    else:
        scale, jitter = augmentation.scale or (1.0, 1.0), 0.0
    loader = timm.data.create_loader(
        images,
        input_size=(3, augmentation.size, augmentation.size),
        batch_size=recipe.batch_size,
        is_training=True,
        scale=scale,
        ratio=(3 / 4, 4 / 3),
        hflip=0.5,
        color_jitter=(jitter, jitter, 0.0) if jitter else 0.0,
        interpolation="bicubic",
        num_workers=workers,
        persistent_workers=workers > 0,
        device=torch.device("cpu"),
    )
    memory_format = torch.channels_last if channels_last else torch.contiguous_format

    def epoch() -> float:
        torch.set_num_threads(threads)
        design = Design(case.architecture, len(PhotosTask.classes), augmentation.size)
        model: Any = init_classifier(design, 0, None).network.to(memory_format=memory_format)
        model.train()
        optimiser = timm.optim.create_optimizer_v2(
            model, opt="adamw", lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        scheduler, _ = timm.scheduler.create_scheduler_v2(
            optimiser, num_epochs=1, step_on_epochs=False, updates_per_epoch=len(loader)
        )
        loss_function, losses = timm.loss.LabelSmoothingCrossEntropy(recipe.label_smoothing), timm.utils.AverageMeter()
        started = time.perf_counter()
        optimiser.zero_grad()
        for step, (batch, targets) in enumerate(loader):
            batch = batch.contiguous(memory_format=memory_format)
            loss = loss_function(model(batch), targets)
            loss.backward()
            timm.utils.dispatch_clip_grad(model.parameters(), value=recipe.clip_norm, mode="norm")
            optimiser.step()
            optimiser.zero_grad()
            losses.update(loss.item(), len(batch))
            scheduler.step_update(num_updates=step + 1, metric=losses.avg)
        return time.perf_counter() - started

    return epoch


def measure(case: Case, folder: Path, epochs: int, threads: int, workers: int) -> dict[str, Any]:
    """Return images per second of every loop: all epochs after the first, and their median."""
    pixels = load_images(case)
    files = ImageDataset(str(write_files(pixels, folder / "files")))
    loops = {
        "ours": ours(case, pixels, folder, threads),
        "timm files": theirs(case, files, threads, workers),
        "timm memory": theirs(case, DecodedImages(pixels), threads, workers),
        "timm memory, channels last": theirs(case, DecodedImages(pixels), threads, workers, channels_last=True),
    }
    images = len(pixels) // case.recipe.batch_size * case.recipe.batch_size
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    names = list(loops)
    for turn in range(epochs + 1):
        for i in range(len(names)):  # in turns, because the speed of the machine changes
            name = names[(turn + i) % len(names)]
            speeds[name].append(images / loops[name]())
    later = {name: [round(speed, 1) for speed in values[1:]] for name, values in speeds.items()}
    return {name: {"median": median(values), "all": values} for name, values in later.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=[*CASES])
    parser.add_argument("--epochs", type=int, default=5, help="epochs of each loop after the first")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes of timm's loader; 0: none")
    options = parser.parse_args()
    results = {}
    for name in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = measure(CASES[name], Path(folder), options.epochs, options.threads, options.workers)
    print(json.dumps({"threads": options.threads, "workers": options.workers, "images_per_second": results}, indent=1))


if __name__ == "__main__":
    main()
