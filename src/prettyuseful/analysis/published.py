"""The values that the paper published, as data. They are never mixed with values measured by this package."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = "arXiv 2602.19946"
LINK = "https://arxiv.org/abs/2602.19946"
CITATION = (
    "Adamkiewicz, Moser, Frolov, Nauen, Raue, Dengel: When Pretty Isn't Useful: Investigating Why Modern Text-to-Image "
    "Models Fail as Reliable Training Data Generators. CVPR 2026"
)
_FILES = (
    "transfer_class_names.csv",
    "transfer_captions.csv",
    "density_coverage.csv",
    "probes_class_names.csv",
    "vae_reencoding.csv",
    "geneval.csv",
)
_FOLDER = Path(__file__).parent / "published"


@dataclass(frozen=True)
class PublishedTransfer:
    """Accuracies of one generator as fractions (0-1); `model` "real" is the baseline with real training images.

    `release`: year-month of the generator; only given for class-name prompts.
    """

    model: str
    prompts: str
    synth_to_real: float
    real_to_synth: float
    release: str | None = None


@dataclass(frozen=True)
class PublishedDistribution:
    """Density (at least 0) and coverage (0-1) of a generator's images with real images as reference."""

    model: str
    prompts: str
    density: float
    coverage: float


@dataclass(frozen=True)
class Published:
    """All published values that the report shows; `notes` are the comments of the source files.

    `probe_accuracies`: for each model, its accuracy under each of `probes`; None where the figure cannot be read.
    `vae_accuracies`: for each VAE, accuracies of real images encoded and decoded by it: without a probe, with the
    high-pass probe and with the low-pass probe. `geneval`: GenEval score (0-1) of each model.
    """

    transfers: tuple[PublishedTransfer, ...]
    distributions: tuple[PublishedDistribution, ...]
    probes: tuple[str, ...]
    probe_accuracies: tuple[tuple[str, tuple[float | None, ...]], ...]
    vae_accuracies: tuple[tuple[str, tuple[float, ...]], ...]
    geneval: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    @property
    def real(self) -> PublishedTransfer:
        """The paper's classifier trained on real images."""
        return next(transfer for transfer in self.transfers if transfer.model == "real")

    @property
    def generated(self) -> tuple[PublishedTransfer, ...]:
        """The classifiers trained on generated images."""
        return tuple(transfer for transfer in self.transfers if transfer.model != "real")


def published() -> Published:
    """Read the packaged CSV files, which hold the values digitised from the paper's figures."""
    transfers = [
        PublishedTransfer(
            model=row["model"],
            prompts=prompts,
            synth_to_real=float(row["synth_to_real"]),
            real_to_synth=float(row["real_to_synth"]),
            release=row.get("release") or None,
        )
        for file, prompts in (("transfer_class_names.csv", "class-name"), ("transfer_captions.csv", "caption"))
        for row in csv.DictReader(_lines(file, comments=False))
    ]
    distributions = [
        PublishedDistribution(row["model"], row["prompts"], float(row["density"]), float(row["coverage"]))
        for row in csv.DictReader(_lines("density_coverage.csv", comments=False))
    ]
    notes = [
        line.removeprefix("#").strip().replace(" (see protocol.md)", "")
        for file in _FILES
        for line in _lines(file, comments=True)
    ]
    names, *probe_accuracies = csv.reader(_lines("probes_class_names.csv", comments=False))
    _, *vae_accuracies = csv.reader(_lines("vae_reencoding.csv", comments=False))
    _, *scores = csv.reader(_lines("geneval.csv", comments=False))
    return Published(
        tuple(transfers),
        tuple(distributions),
        tuple(name.replace("_", "-") for name in names[1:]),
        tuple((model, tuple(float(v) if v else None for v in values)) for model, *values in probe_accuracies),
        tuple((vae, tuple(map(float, values))) for vae, *values in vae_accuracies),
        tuple((model, float(score)) for model, score in scores),
        tuple(notes),
    )


def _lines(file: str, comments: bool) -> Iterator[str]:
    for line in (_FOLDER / file).read_text("utf-8").splitlines():
        if line.startswith("#") is comments:
            yield line
