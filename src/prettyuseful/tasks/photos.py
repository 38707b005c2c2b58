"""The bundled task: classify crops by the photograph that they come from. It needs no download.

Each photograph is cut into a checkerboard of 64-pixel blocks. Training crops come from its black fields and test crops
from its white fields, so they share no pixel. Crops of the same block overlap, so the block is the group.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.images import encode_png
from prettyuseful.engine.keys import derive_seed
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import Split, check_available

BLOCK, CROP, SIDE = 64, 48, 32
_AVAILABLE: dict[Split, int] = {"train": 300, "test": 200}
_COLOUR: dict[Split, int] = {"train": 0, "test": 1}
_ROWS = ("upper", "middle", "lower")
_COLUMNS = ("left", "centre", "right")


@dataclass(frozen=True)
class Photograph:
    """One class: the file of its photograph in an installed package, its licence, and the SHA-256 of its pixels (first
    16 hex digits).
    """

    name: str
    file: str
    licence: str
    credit: str
    sha256: str


PHOTOGRAPHS: tuple[Photograph, ...] = (
    Photograph(
        "astronaut",
        "skimage/data/astronaut.png",
        "public domain",
        "Eileen Collins, NASA Great Images database",
        "a8c429c18afa7b0f",
    ),
    Photograph("brick", "skimage/data/brick.png", "CC0", "Bricks25, CC0Textures", "3501e216fb0968c3"),
    Photograph("camera", "skimage/data/camera.png", "CC0", "Lav Varshney", "13e2b4aa92cb1649"),
    Photograph("cat", "skimage/data/chelsea.png", "CC0", "Stéfan van der Walt", "416b729128bfb2c3"),
    Photograph(
        "coffee",
        "skimage/data/coffee.png",
        "CC0",
        "Rachel Michetti, courtesy of Pikolo Espresso Bar",
        "0ce2b51640b9c95f",
    ),
    Photograph(
        "coins",
        "skimage/data/coins.png",
        "no known copyright restrictions",
        "Brooklyn Museum Collection",
        "aaecc2ad43bd43e2",
    ),
    Photograph(
        "flower",
        "sklearn/datasets/images/flower.jpg",
        "CC BY 2.0",
        "vultilion / danielbuechele, Flickr, as credited by scikit-learn",
        "3202904ed246795b",
    ),
    Photograph("grass", "skimage/data/grass.png", "CC0", "linolafett, DeviantArt", "c7ca5c984d6b5a27"),
    Photograph("gravel", "skimage/data/gravel.png", "CC0", "Gravel04, CC0Textures", "e73bd88250cbfd7f"),
    Photograph(
        "galaxy",
        "skimage/data/hubble_deep_field.jpg",
        "public domain",
        "Hubble eXtreme Deep Field, NASA",
        "9a3ea9548188f81e",
    ),
    Photograph(
        "moon",
        "skimage/data/moon.png",
        "licence not stated by scikit-image",
        "surface of the Moon, distributed with scikit-image",
        "a641c47851a3252e",
    ),
    Photograph(
        "motorcycle",
        "skimage/data/motorcycle_left.png",
        "licence not stated by scikit-image",
        "Middlebury 2014 stereo data set, D. Scharstein et al.",
        "ca829467c1d4f427",
    ),
    Photograph("retina", "skimage/data/retina.jpg", "CC0", "Mikael Häggström", "3670e389d0dae9f7"),
    Photograph("rocket", "skimage/data/rocket.jpg", "public domain", "SpaceX", "3d4435cc745752b7"),
    Photograph(
        "temple",
        "sklearn/datasets/images/china.jpg",
        "CC BY 2.0",
        "danielbuechele, Flickr, as credited by scikit-learn",
        "e701459344fd6979",
    ),
    Photograph(
        "tissue",
        "skimage/data/ihc.png",
        "no known copyright restrictions",
        "Center for Microscopy And Molecular Imaging",
        "c5b3ef509a92f16d",
    ),
)


class PhotosTask:
    """32-pixel crops of 16 photographs that are bundled with scikit-image and scikit-learn; chance level 1/16."""

    name = "photos"
    classes = tuple(photograph.name for photograph in PHOTOGRAPHS)
    licence = "; ".join(f"{photograph.name}: {photograph.licence}, {photograph.credit}" for photograph in PHOTOGRAPHS)
    source = "photographs bundled with scikit-image and scikit-learn"
    definitions: Mapping[str, str] = MappingProxyType({})
    notes: tuple[str, ...] = ()

    def fingerprint(self) -> str:
        # The digests in PHOTOGRAPHS pin the pixels; `load_photograph` checks them.
        return f"photos-v1-{derive_seed([p.sha256 for p in PHOTOGRAPHS]):016x}"

    def counts(self, split: Split) -> tuple[int, ...]:
        return (_AVAILABLE[split],) * len(PHOTOGRAPHS)

    def images(self, split: Split, per_class: ClassCounts | int) -> Iterator[Row]:
        per_class = check_available(self, split, per_class)
        for label, photograph in enumerate(PHOTOGRAPHS):
            yield from _sample_crops(photograph, label, split, per_class[label])


def _sample_crops(photograph: Photograph, label: int, split: Split, count: int) -> Iterator[Row]:
    pixels = load_photograph(photograph)
    rows, columns = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    blocks = [(r, c) for r in range(rows) for c in range(columns) if (r + c) % 2 == _COLOUR[split]]
    rng = np.random.default_rng(derive_seed("photos", photograph.name, split))
    order = rng.permutation(len(blocks))
    free = BLOCK - CROP + 1
    # A permutation of the offsets in each block ensures that no crop is repeated.
    offsets = [rng.permutation(free * free) for _ in blocks]
    for i in range(count):
        block = order[i % len(blocks)]
        row, column = blocks[block]
        dy, dx = divmod(int(offsets[block][i // len(blocks)]), free)
        top, left = row * BLOCK + dy, column * BLOCK + dx
        crop = Image.fromarray(pixels[top : top + CROP, left : left + CROP])
        yield Row(
            data=encode_png(np.asarray(crop.resize((SIDE, SIDE), Image.Resampling.BICUBIC))),
            path=f"{split}/{photograph.name}/{i:04d}.png",
            label=label,
            group=f"{photograph.name}/{row:02d}-{column:02d}",
            place=f"{_ROWS[row * 3 // rows]} {_COLUMNS[column * 3 // columns]}",
        )


@cache
def load_photograph(photograph: Photograph) -> np.ndarray:
    """Return the whole photograph, (H, W, 3) uint8.

    Raises:
        DataError: the photograph in the installed package differs from the one that this task was made with.
    """
    package, _, name = photograph.file.partition("/")
    spec = find_spec(package)  # finds it without importing it, which takes seconds
    path = Path(spec.origin).parent / name if spec and spec.origin else Path(photograph.file)
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise _unusable(photograph, f"cannot be read ({error.strerror or error})") from error
    sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
    if sha256 != photograph.sha256:
        raise _unusable(photograph, f"has the SHA-256 {sha256}, not {photograph.sha256}")
    return pixels


def _unusable(photograph: Photograph, problem: str) -> DataError:
    return DataError(
        f"photograph {photograph.name!r} ({photograph.file}) {problem}; "
        "install the scikit-image and scikit-learn versions in constraints.txt"
    )
