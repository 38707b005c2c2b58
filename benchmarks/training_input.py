"""Training input here against a torchvision DataLoader, side by side in one run: `python benchmarks/training_input.py`.

Input only, no model: JPEG files of 512 x 512 pixels become normalised float batches of 224 x 224, augmented as the
paper does (random resized crop, one of three changes, colour jitter, flip; CutMix is the same work in both ways and is
left out). The plain way is the documented one: Pillow decodes in as many workers as there are cores, torchvision's v2
transforms go picture by picture. Ours is the product's own: decode once to uint8 with a short side of 256, keep that,
and augment whole batches on as many threads as there are cores. Every epoch is timed for each way in turn.

Ours keeps 256 pixels where the plain way decodes 512 anew every time, so a second peer reads files of 256 x 256.
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
from prettyuseful.data.pixels import decoded, load_pixels, write_pixels
from prettyuseful.tasks.photos import PHOTOGRAPHS, load_photograph
from prettyuseful.training.augment import normalise_, vary
from prettyuseful.training.augmentations import Augmentation
from prettyuseful.training.draws import draw
from prettyuseful.training.loader import Feed, batches_of

STORED, SIDE = 256, 512


def make_files(folder: Path, count: int) -> list[Path]:
    """JPEG files of quality 95: crops of the bundled photographs, enlarged where they are small, with grain."""
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
    """The same files with sides of 256 pixels."""
    folder.mkdir()
    for file in files:
        shrunk(Image.open(file)).save(folder / file.name, quality=95)
    return [folder / file.name for file in files]


def shrunk(image: Image.Image) -> Image.Image:
    return image.resize((STORED, STORED), Image.Resampling.BICUBIC)


class Pictures(Dataset[torch.Tensor]):
    """Decodes and augments picture by picture: the paper's list in torchvision's v2 transforms."""

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


def peer(files: list[Path], batch: int, workers: int) -> Callable[[], int]:
    """An epoch of the DataLoader; its workers live on between epochs."""
    loader = DataLoader(
        Pictures(files), batch, shuffle=True, num_workers=workers, persistent_workers=True, drop_last=True
    )
    return lambda: sum(len(images) for images in loader)


def ours(files: list[Path], folder: Path, batch: int) -> tuple[Callable[[], int], float]:
    """An epoch of the product's input, and the seconds that decoding took, once."""
    folder.mkdir()
    started = time.perf_counter()
    rows = (Row(file.read_bytes(), file.name, 0, file.name) for file in files)
    write_pixels(folder, decoded(rows, STORED))
    seconds = time.perf_counter() - started
    feed = Feed(load_pixels({path.name: path for path in folder.iterdir()}), "cpu")
    augmentation, generator = Augmentation(), torch.Generator().manual_seed(0)
    canvas = torch.empty(batch, 3, augmentation.size, augmentation.size)

    def epoch() -> int:
        seen = 0
        for images, sizes in feed.batches(batches_of(len(files), batch, generator)):
            seen += len(normalise_(vary(images, draw(augmentation, sizes, generator), out=canvas)))
        return seen

    return epoch, seconds


def measure(ways: dict[str, Callable[[], int]], epochs: int) -> dict[str, dict[str, Any]]:
    """Images per second: in the first epoch, and the median of the `epochs` after it."""
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(epochs + 1):
        for name, epoch in ways.items():
            started = time.perf_counter()
            seen = epoch()
            speeds[name].append(round(seen / (time.perf_counter() - started), 1))
    return {
        name: {"first_epoch": first, "median_later": median(later), "later": later}
        for name, (first, *later) in speeds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=5, help="epochs after the first")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="workers of the peers, threads of ours")
    options = parser.parse_args()
    torch.set_num_threads(options.cores)
    with tempfile.TemporaryDirectory() as place:
        files = make_files(Path(place) / "512", options.images)
        epoch, decode_seconds = ours(files, Path(place) / "stored", options.batch)
        ways = {
            "ours": epoch,
            "dataloader": peer(files, options.batch, options.cores),
            "dataloader_256": peer(smaller(files, Path(place) / "256"), options.batch, options.cores),
        }
        load = os.getloadavg()[0]
        speeds = measure(ways, options.epochs)
    later = {name: found["median_later"] for name, found in speeds.items()}
    found = {
        "machine": platform.processor() or platform.machine(),
        "cores": options.cores,
        "load_before": round(load, 2),
        "images": options.images,
        "batch": options.batch,
        "decode_once_seconds": round(decode_seconds, 2),
        "images_per_second": speeds,
        "ratio": round(later["ours"] / later["dataloader"], 2),
        "ratio_to_256": round(later["ours"] / later["dataloader_256"], 2),
        "note": "ours keeps 256 x 256 pixels; dataloader decodes 512 x 512 every time, dataloader_256 256 x 256",
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
