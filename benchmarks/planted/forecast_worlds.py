"""Studies of many data sets for `benchmarks/forecast.py`: made degradations of photographs, and the pocket family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from prettyuseful.transforms.colour import ChannelGain, Colour, ColourShift
from prettyuseful.transforms.degradation import Blur, Jpeg, LowResolution

_ENCODER = f"{Path(__file__).parent / 'small_encoder.py'}:LITE0_96"
_TRAIN, _TEST = 150, 100
"""Real training and test images of a class; the other training images of the source are the pool of the data sets."""


@dataclass(frozen=True)
class World:
    """N data sets: `values` (N, p) of predictors, by `names`, on the scales on which they predict; accuracies (N,)."""

    title: str
    names: tuple[str, ...]
    values: np.ndarray
    accuracies: np.ndarray


def degraded_study(source: Path, folder: Path, sets: int = 45, per_class: int = 60, seed: int = 0) -> Path:
    """Write a task and data sets that are damaged choices of other real images to `folder`; return the study file.

    `source`: folders `train` and `test` of class folders, such as CIFAR-10. Each data set has one or two of: blur,
    noise, JPEG, low resolution, a colour cast, grey images, low contrast, wrong labels, few distinct images, few
    distinct images in half of the classes, images near the mean colour of their class, and vivid images.
    """
    rng = np.random.default_rng(seed)
    classes = sorted(path.name for path in (source / "train").iterdir() if path.is_dir())
    pool: list[list[np.ndarray]] = []
    for name in classes:
        images = [_read(path) for path in sorted((source / "train" / name).iterdir())]
        _write(images[:_TRAIN], folder / "task" / "train" / name)
        tests = [_read(path) for path in sorted((source / "test" / name).iterdir())[:_TEST]]
        _write(tests, folder / "task" / "test" / name)
        pool.append(images[_TRAIN:])
    datasets = {}
    for index in range(sets):
        kinds = [] if index == 0 else list(rng.choice(len(_DAMAGES), 1 + (rng.random() < 0.4), replace=False))
        chosen = [[images[i] for i in rng.permutation(len(images))] for images in pool]
        names = [list(_DAMAGES)[kind] for kind in kinds]
        for name in sorted(names, key=list(_DAMAGES).index):  # choices of images first, then changes, then labels
            chosen = _DAMAGES[name](chosen, per_class, rng)
        title = "-".join([f"set-{index:02}", *names])
        for name, images in zip(classes, chosen, strict=True):
            _write(images[:per_class], folder / "sets" / title / name)
        datasets[title] = {"generator": str(folder / "sets" / title), "images_per_class": per_class}
    return _write_study(folder, {"folder": str(folder / "task")}, datasets)


def photos_study(folder: Path, per_class: int = 30) -> Path:
    """Write a study of the pocket family: models, guidance and steps; selections and changes of their images."""
    folder.mkdir(parents=True, exist_ok=True)
    datasets: dict[str, Any] = {
        name: {"generator": generator, "sampling": sampling, "images_per_class": per_class}
        for name, (generator, sampling) in _GENERATED.items()
    }
    for of in _CHANGED:
        for by in ("prettiness", "sharpness", "saturation"):
            for keep in ("top 50%", "bottom 50%"):
                select = {"of": of, "by": by, "keep": keep, "without_control": "a forecast compares all sets"}
                datasets[f"{of}-{keep.split()[0]}-{by}"] = {"select": select}
        for name, transform in _CHANGES.items():
            datasets[f"{of}-{name}"] = {"of": of, "transform": transform, "images_per_class": per_class}
    return _write_study(folder, "photos", datasets, networks_only=True)


_GENERATED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "base": ("pocket-base", {"cfg": 1.0, "steps": 10}),
    "base-cfg-2.5": ("pocket-base", {"cfg": 2.5, "steps": 10}),
    "base-cfg-5": ("pocket-base", {"cfg": 5.0, "steps": 10}),
    "base-2-steps": ("pocket-base", {"cfg": 1.0, "steps": 2}),
    "turbo": ("pocket-turbo", {"cfg": 1.0, "steps": 4}),
    "curated": ("pocket-curated", {"cfg": 1.0, "steps": 4}),
}
_CHANGED = ("base", "base-cfg-2.5", "turbo")
_CHANGES: Mapping[str, dict[str, Any]] = {
    "blur-2": {"kind": "blur", "width": 0.02},
    "blur-6": {"kind": "blur", "width": 0.06},
    "noise-10": {"kind": "noise", "deviation": 0.1},
    "noise-25": {"kind": "noise", "deviation": 0.25},
    "grey": {"kind": "colour", "saturation": 0.0},
    "vivid": {"kind": "colour", "saturation": 2.5},
    "pale": {"kind": "colour-shift", "contrast": 0.4},
    "jpeg-5": {"kind": "jpeg", "quality": 5},
}


def _write_study(folder: Path, task: Any, datasets: Mapping[str, Any], networks_only: bool = False) -> Path:
    """Write a study that trains short networks and, as a second cell, linear probes on frozen features."""
    probes = [] if networks_only else [("frozen-features", _ENCODER)]
    study = {
        "version": 1,
        "task": task,
        "datasets": dict(datasets),
        "recipes": {"short": {"like": "small", "epochs": 5}},
        "train": {
            "architectures": ["small", *(encoder for _, encoder in probes)],
            "recipes": ["short", *(recipe for recipe, _ in probes)],
            "seeds": [0],
        },
        "encoders": ["real-trained", *(encoder for _, encoder in probes)],
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    return path


_Chosen = list[list[np.ndarray]]
"""The images of each class."""


def _changed(chosen: _Chosen, per_class: int, change: Any) -> _Chosen:
    return [[change.transform_image(image) for image in images[:per_class]] for images in chosen]


def _blur(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    return _changed(chosen, per_class, Blur(width=rng.uniform(0.01, 0.12)))


def _jpeg(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    return _changed(chosen, per_class, Jpeg(quality=int(rng.integers(3, 40))))


def _low_resolution(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    return _changed(chosen, per_class, LowResolution(factor=rng.uniform(0.15, 0.7)))


def _cast(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    return _changed(chosen, per_class, ChannelGain(gains=tuple(rng.uniform(0.4, 1.4, 3))))


def _saturation(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    return _changed(chosen, per_class, Colour(saturation=float(rng.choice([0.0, 0.4, 2.0, 3.5]))))


def _contrast(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    return _changed(chosen, per_class, ColourShift(contrast=rng.uniform(0.2, 0.7)))


def _noise(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    deviation = rng.uniform(0.03, 0.3)

    def noisy(image: np.ndarray) -> np.ndarray:
        return np.clip(image + 255 * deviation * rng.normal(size=image.shape), 0, 255).astype(np.uint8)

    return [[noisy(image) for image in images[:per_class]] for images in chosen]


def _wrong_labels(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    share = rng.uniform(0.1, 0.8)
    wrong = [(label, i) for label in range(len(chosen)) for i in range(per_class) if rng.random() < share]
    moved = [chosen[label][i] for label, i in wrong]
    order = rng.permutation(len(wrong))
    result = [list(images[:per_class]) for images in chosen]
    for (label, i), source in zip(wrong, order, strict=True):
        result[label][i] = moved[source]
    return result


def _few(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    count = int(rng.integers(2, 30))
    return [[images[i % count] for i in range(per_class)] for images in chosen]


def _few_in_half(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:
    count, half = int(rng.integers(1, 8)), rng.permutation(len(chosen))[: len(chosen) // 2]
    return [
        [images[i % count] for i in range(per_class)] if label in half else images
        for label, images in enumerate(chosen)
    ]


def _typical(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:  # noqa: ARG001
    def distance(image: np.ndarray, centre: np.ndarray) -> float:
        return float(np.abs(image.mean(axis=(0, 1)) - centre).sum())

    centres = [np.mean([image.mean(axis=(0, 1)) for image in images], axis=0) for images in chosen]
    return [
        sorted(images, key=lambda image, centre=centre: distance(image, centre))
        for images, centre in zip(chosen, centres, strict=True)
    ]


def _vivid(chosen: _Chosen, per_class: int, rng: np.random.Generator) -> _Chosen:  # noqa: ARG001
    return [sorted(images, key=lambda image: -float(np.ptp(image, axis=2).mean())) for images in chosen]


_DAMAGES = {
    "typical": _typical,
    "vivid": _vivid,
    "few": _few,
    "few-in-half": _few_in_half,
    "blur": _blur,
    "low-resolution": _low_resolution,
    "cast": _cast,
    "saturation": _saturation,
    "contrast": _contrast,
    "noise": _noise,
    "jpeg": _jpeg,
    "labels": _wrong_labels,
}


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _write(images: list[np.ndarray], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{index:03}.png")
