"""Compare the speed of the training input with a torchvision DataLoader: `python benchmarks/training_input.py`.

Only the input is measured, without a model. JPEG files of 512 x 512 pixels become normalised float batches of 224 x 224
with the augmentation of the paper: random resized crop, one of three changes, colour jitter and flip. CutMix costs the
same in both and is omitted. `dataloader` is the documented way: Pillow decodes in one worker per core, and the v2
transforms of torchvision process each image. `ours` is the input of this package: decode once to uint8 with a short
side of 256 pixels, store the result, and augment whole batches with one thread per core. Epochs alternate between both.

`ours` stores 256 pixels while `dataloader` decodes 512 pixels in every epoch. `dataloader_256` therefore reads files of
256 x 256 pixels.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2  # type: ignore[import-untyped]

from prettyuseful.data.dataset import Row
from prettyuseful.data.pixels import decode_rows, load_pixels, write_pixels
from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph
from prettyuseful.training.augment import augment, normalise_
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.loader import BatchLoader, shuffled_batches
from prettyuseful.training.sampling import sample_parameters

STORED, SIDE = 256, 512


def make_files(folder: Path, count: int) -> list[Path]:
    """Write JPEG files of quality 95: crops of the bundled photographs, resized, with noise."""
    folder.mkdir()
    rng, files = np.random.default_rng(0), []
    photographs = [Image.fromarray(load_photograph(photograph)) for photograph in PHOTOGRAPHS]
    for i in range(count):
        photograph = photographs[i % len(photographs)]
        side = int(min(photograph.size) * rng.uniform(0.6, 1))
        left, top = (int(rng.integers(length - side + 1)) for length in photograph.size)
        crop = photograph.resize((SIDE, SIDE), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
        grainy = np.asarray(crop) + rng.normal(0, 4, (SIDE, SIDE, 1))
        files.append(folder / f"{i:05d}.jpg")
        Image.fromarray(grainy.clip(0, 255).astype(np.uint8)).save(files[-1], quality=95)
    return files


def smaller(files: list[Path], folder: Path) -> list[Path]:
    """Write the same files with sides of 256 pixels."""
    folder.mkdir()
    for file in files:
        small = Image.open(file).resize((STORED, STORED), Image.Resampling.BICUBIC)
        small.save(folder / file.name, quality=95)
    return [folder / file.name for file in files]


class ImageFiles(Dataset[torch.Tensor]):
    """Image files, decoded and augmented one by one with the v2 transforms of torchvision."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(224, interpolation=InterpolationMode.BICUBIC),
                v2.RandomChoice([v2.Grayscale(3), v2.RandomSolarize(128, p=1), v2.GaussianBlur(7, (0.2, 2.0))]),
                v2.ColorJitter(0.3, 0.3, 0.3),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> torch.Tensor:
        with Image.open(self.files[i]) as image:
            return torch.as_tensor(self.transform(image.convert("RGB")))


def dataloader(files: list[Path], batch: int, workers: int) -> Callable[[], int]:
    """Return a function that runs an epoch of the DataLoader. Its workers persist between epochs."""
    loader = DataLoader(
        ImageFiles(files), batch, shuffle=True, num_workers=workers, persistent_workers=True, drop_last=True
    )
    return lambda: sum(len(images) for images in loader)


def ours(files: list[Path], folder: Path, batch: int) -> tuple[Callable[[], int], float]:
    """Return a function that runs an epoch of our input, and the seconds of decoding, which happens once."""
    folder.mkdir()
    started = time.perf_counter()
    rows = (Row(file.read_bytes(), file.name, 0, file.name) for file in files)
    write_pixels(folder, decode_rows(rows, STORED))
    seconds = time.perf_counter() - started
    loader = BatchLoader(load_pixels({path.name: path for path in folder.iterdir()}), "cpu")
    augmentation, generator = Augmentation(), torch.Generator().manual_seed(0)
    canvas = torch.empty(batch, 3, augmentation.size, augmentation.size)

    def epoch() -> int:
        count = 0
        for images, sizes in loader.batches(shuffled_batches(len(files), batch, generator)):
            count += len(normalise_(augment(images, sample_parameters(augmentation, sizes, generator), out=canvas)))
        return count

    return epoch, seconds


def measure(inputs: dict[str, Callable[[], int]], epochs: int) -> dict[str, dict[str, Any]]:
    """Return images per second in the first epoch, and their median over the `epochs` after it."""
    speeds: dict[str, list[float]] = {name: [] for name in inputs}
    for _ in range(epochs + 1):
        for name, epoch in inputs.items():
            started = time.perf_counter()
            count = epoch()
            speeds[name].append(round(count / (time.perf_counter() - started), 1))
    return {
        name: {"first_epoch": first, "median_later": median(later), "later": later}
        for name, (first, *later) in speeds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5, help="epochs after the first")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="workers of the DataLoader, threads of ours")
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        files = make_files(folder / "512", options.images)
        epoch, decode_seconds = ours(files, folder / "stored", options.batch)
        inputs = {
            "ours": epoch,
            "dataloader": dataloader(files, options.batch, options.cores),
            "dataloader_256": dataloader(smaller(files, folder / "256"), options.batch, options.cores),
        }
        load = os.getloadavg()[0]
        speeds = measure(inputs, options.epochs)
    later = {name: speed["median_later"] for name, speed in speeds.items()}
    results = {
        "machine": platform.processor() or platform.machine(),
        "cores": options.cores,
        "load_before": round(load, 2),
        "images": options.images,
        "batch": options.batch,
        "decode_once_seconds": round(decode_seconds, 2),
        "images_per_second": speeds,
        "ratio": round(later["ours"] / later["dataloader"], 2),
        "ratio_to_256": round(later["ours"] / later["dataloader_256"], 2),
        "note": "ours stores 256 x 256 pixels; dataloader decodes 512 x 512 in every epoch, dataloader_256 256 x 256",
    }
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
