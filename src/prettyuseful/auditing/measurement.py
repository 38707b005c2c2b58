"""How an audit measures transfer: networks trained from scratch, or linear probes on features of frozen encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prettyuseful.analysis.classifiers import probe_words
from prettyuseful.auditing.result import Budget
from prettyuseful.encoders.packaged_weights import packaged_file
from prettyuseful.encoders.table import EFFICIENTNET_LITE0, ENCODERS
from prettyuseful.errors import prefix_location
from prettyuseful.fields import resolve_plugin
from prettyuseful.hub.commits import cached_snapshot, is_reachable
from prettyuseful.plan.cells import check_encoder_or_architecture
from prettyuseful.training.recipes import FROZEN_FEATURES

AUTO = "auto"
TEST_IMAGES = 1000
"""About the most real test images of a quick audit with an encoder: the standard error of an accuracy is below 1.6
points, less than other real training images change."""
_SMALL_IMAGES = 64  # pixels; larger images are classified by a larger network
_MANY_IMAGES = 1000  # of a data set; with more, fewer draws of real images are embedded
_INSTALL = "pip install 'prettyuseful[photographs]'"


@dataclass(frozen=True)
class Measurement:
    """What an audit trains: `architectures` and `recipes` of the study, for each of the `seeds`.

    `encoders`: the frozen encoders among the architectures. `notes`: for readers of the results.
    """

    architectures: tuple[str, ...]
    recipes: tuple[str, ...]
    seeds: tuple[int, ...]
    encoders: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_frozen(self) -> bool:
        """Whether no network is trained."""
        return self.recipes == (FROZEN_FEATURES,)

    @property
    def words(self) -> str:
        """What the accuracies of the first configuration are."""
        if self.is_frozen:
            return probe_words(ENCODERS.label(self.architectures[0]))
        return f"{self.architectures[0]}, trained from scratch"


def choose_measurement(
    encoder: str | Sequence[str], budget: Budget, side: int, images: int, selects: bool = False
) -> Measurement:
    """Return how an audit measures.

    Args:
        encoder: `auto`, or names of encoders or timm ids.
        budget: of the audit. `quick` uses frozen encoders alone; `standard` and `full` train networks from scratch,
            and use encoders that are named as a second measurement.
        side: median short side of the real images in pixels.
        images: of the largest data set.
        selects: whether selections of images are compared with random ones, of which each seed has another.

    Raises:
        UnknownNameError: an encoder does not exist.
    """
    names = [encoder] if isinstance(encoder, str) else list(encoder)
    # An absolute file, because the study is written to another folder.
    chosen = tuple(dict.fromkeys(resolve_plugin(name, Path.cwd()) for name in names if name != AUTO))
    with prefix_location("encoder"):
        for name in chosen:
            check_encoder_or_architecture(name)
    notes: list[str] = []
    if budget == "quick" and AUTO in names:
        automatic, notes = _automatic(side)
        chosen = tuple(dict.fromkeys([*automatic, *chosen]))
    notes += [_probe_note(name) for name in chosen]
    network = ("small", "default") if side <= _SMALL_IMAGES else ("resnet18", "quick")
    if not chosen:
        return Measurement(network[:1], network[1:], (0, 1, 2), notes=tuple(notes))
    seeds = tuple(range((5 if images <= _MANY_IMAGES else 3) * (1 + selects)))
    if budget == "quick":
        return Measurement(chosen, (FROZEN_FEATURES,), seeds, chosen, tuple(notes))
    return Measurement((network[0], *chosen), (network[1], FROZEN_FEATURES), (0, 1, 2), chosen, tuple(notes))


def _automatic(side: int) -> tuple[tuple[str, ...], list[str]]:
    """Return the encoder for photographs, if its weights are at hand, or why there is none."""
    name = EFFICIENTNET_LITE0.name
    if side <= _SMALL_IMAGES:
        return (), [
            f"Classifiers are trained from scratch, because the images have short sides of about {side} pixels; "
            f"pretrained encoders are for photographs of more than {_SMALL_IMAGES}."
        ]
    if _weights_are_at_hand():
        return (name,), []
    return (), [
        f"Classifiers are trained from scratch, because the weights of the encoder {name} are not on this machine and "
        f"the hub cannot be reached; {_INSTALL} installs them and makes quick audits of photographs faster."
    ]


def _weights_are_at_hand() -> bool:
    package = EFFICIENTNET_LITE0.package
    assert package is not None
    return packaged_file(package) is not None or cached_snapshot(package.hub) is not None or is_reachable(package.hub)


def _probe_note(name: str) -> str:
    probe = probe_words(ENCODERS.label(name))
    return (
        f"Accuracies with the recipe {FROZEN_FEATURES} are those of a {probe}, so they also "
        "depend on what the encoder has learnt before. Budgets quick and standard are different measurements: standard "
        "trains networks from scratch, on the images of each data set alone."
    )
