"""Checks a diffusers model, with its adapters, by a few images: whether it loads, and what its images depend on."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.conditions.image import ImageToImage
from prettyuseful.generators.contrast import has_contrast
from prettyuseful.generators.pinning import pin_generator
from prettyuseful.generators.settings import resolve_sampling
from prettyuseful.interface_checks import CheckResult, InterfaceError, SingleCheck, run_checks
from prettyuseful.numerics import Numerics

if TYPE_CHECKING:
    from prettyuseful.generators.text_to_image import TextToImage

PROMPT = "a photo of a red apple on a table"
_SEEDS = (3, 2**40 + 5)
_SIDE = 64  # pixels of real images


def check_model(choice: GeneratorChoice, numerics: Numerics, condition: bool = False) -> list[CheckResult]:
    """Make three or four images one by one with the settings of the vendor.

    Args:
        choice: the model and its adapters.
        numerics: device and number format.
        condition: whether images are made from real ones, as with `condition: {kind: image}` in a study.

    Raises:
        UserError: there is no such model, or a file of an adapter cannot be used with it.
    """
    given = ImageToImage() if condition else None
    choice.find(given)
    checks = _ModelChecks(pin_generator(choice, given).whole.source, numerics, given)
    return list(run_checks((*_list_checks(checks), *(_list_image_checks(checks) if condition else ()))))


def _list_checks(checks: _ModelChecks) -> Iterable[SingleCheck]:
    return (
        ("the model can be loaded", checks.check_loading, True),
        ("an image shows something", checks.check_contrast, True),
        ("the same request gives the same image", checks.check_repeat, False),
        ("different seeds give different images", checks.check_seeds, False),
    )


def _list_image_checks(checks: _ModelChecks) -> Iterable[SingleCheck]:
    return (("images depend on their real images", checks.check_real_image, False),)


class _ModelChecks:
    def __init__(self, choice: GeneratorChoice, numerics: Numerics, condition: ImageToImage | None) -> None:
        self.choice, self.numerics, self.condition = choice, numerics, condition

    @cached_property
    def model(self) -> TextToImage:
        from prettyuseful.generators.text_to_image import TextToImage

        self.numerics.apply()
        sampling = resolve_sampling("vendor", self.choice.find(self.condition))
        return TextToImage(self.choice, sampling, self.numerics, self.condition)

    @cached_property
    def reference(self) -> np.ndarray:
        return self.image(_SEEDS[0])

    def image(self, seed: int, real: int = 0) -> np.ndarray:
        embedding = self.model.encode([PROMPT])[PROMPT]
        given = (_real_image(real),) if self.condition else ()
        [image] = np.asarray(self.model.sampler.sample([embedding], (seed,), given).cpu())
        return np.asarray(image)

    def check_loading(self) -> None:
        assert self.model is not None

    def check_contrast(self) -> None:
        if not has_contrast(self.reference):
            raise InterfaceError("the image is of one colour; check the files, dtype and scheduler")

    def check_repeat(self) -> None:
        if not np.array_equal(self.image(_SEEDS[0]), self.reference):
            raise InterfaceError("the images differ; on a GPU, some kernels are not deterministic")

    def check_seeds(self) -> None:
        if np.array_equal(self.image(_SEEDS[1]), self.reference):
            raise InterfaceError("different seeds gave identical images")

    def check_real_image(self) -> None:
        if np.array_equal(self.image(_SEEDS[0], 1), self.reference):
            raise InterfaceError("another real image gave an identical image")


def _real_image(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
