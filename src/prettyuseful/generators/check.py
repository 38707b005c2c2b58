"""Checks a generator class against the interface, on small requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from PIL import Image

from prettyuseful.data.images import to_square
from prettyuseful.generators.base import Generator, Request
from prettyuseful.generators.custom import as_array, open_custom, output_problem
from prettyuseful.interface_checks import CheckResult, InterfaceCheck, InterfaceError, SingleCheck, run_checks

_SEEDS = (3, 2**63 - 1, 17, 2**40 + 5)
_TWIN = 2**32 + 3  # equal to the first seed if 63 bits are truncated to 32
_THUMBNAIL, _COPY = 8, 6.0  # pixels, and grey levels below which two thumbnails of noise are of one image


def check_generator(
    make: Callable[[], Generator],
    classes: Sequence[tuple[str, str]] = (("cat", "cat"), ("dog", "dog")),
    condition: bool = False,
) -> list[CheckResult]:
    """Check a generator on four seeds and two classes, in several orders and with two objects.

    Args:
        make: creates the generator.
        classes: two pairs (class name, prompt) whose images should differ.
        condition: whether requests hold real images, as with `condition` in a study.
    """
    checks = _GeneratorChecks(make, classes, condition)
    return list(run_checks((*_list_checks(checks), *(_list_image_checks(checks) if condition else ()))))


def check_own_generator(name: str, condition: bool = False) -> list[CheckResult]:
    """Run `check_generator` on a user-defined class given as `module:Class`."""
    return check_generator(lambda: open_custom(name), condition=condition)


CHECK = InterfaceCheck("generator", "turns prompts and seeds into images", check_own_generator)


def _list_checks(checks: _GeneratorChecks) -> tuple[SingleCheck, ...]:
    return (
        ("the class can be instantiated", checks.check_creation, True),
        ("images have the right shape and type", checks.check_shape, True),
        ("the same request gives the same images", checks.check_repeat, False),
        ("a new object gives the same images", checks.check_new_object, False),
        ("images do not depend on the order of the batch", checks.check_order, False),
        ("images do not depend on the other seeds of the batch", checks.check_batch_independence, False),
        ("different seeds give different images", checks.check_seeds, False),
        ("different classes give different images", checks.check_class_dependence, False),
        ("applied() returns a dict that JSON can hold", checks.check_applied_is_json, False),
    )


def _list_image_checks(checks: _GeneratorChecks) -> tuple[SingleCheck, ...]:
    return (
        ("images depend on their real images", checks.check_own_image, False),
        ("images are no copies of their real images", checks.check_copies, False),
        ("real images are left as they are", checks.check_untouched, False),
        ("images do not depend on the other real images of the batch", checks.check_image_independence, False),
    )


class _GeneratorChecks:
    """The checks, simplest first."""

    def __init__(
        self, make: Callable[[], Generator], classes: Sequence[tuple[str, str]], condition: bool = False
    ) -> None:
        self.make = make
        self.request, self.other_request = (
            Request(prompt, name, label, _SEEDS, _real_images(label) if condition else None)
            for label, (name, prompt) in enumerate(classes[:2])
        )

    @cached_property
    def generator(self) -> Generator:
        return self.make()

    @cached_property
    def reference(self) -> np.ndarray:
        return self.images(self.request).copy()

    def images(self, request: Request, generator: Generator | None = None) -> np.ndarray:
        if request.images is not None:  # copies, because a class may write into them
            request = replace(request, images=tuple(image.copy() for image in request.images))
        return self._images(request, generator)

    def _images(self, request: Request, generator: Generator | None = None) -> np.ndarray:
        images = (generator or self.generator).generate(request)
        if problem := output_problem(images, request):
            raise InterfaceError(f"{problem}; return (N, height, width, 3) uint8, one image per seed")
        return as_array(images)

    def check_creation(self) -> None:
        assert self.generator is not None

    def check_shape(self) -> None:
        try:
            assert self.reference is not None
        except Exception:
            if self.request.images is None and self._works_with_images():
                raise InterfaceError(
                    "it needs real images, and request.images is None without them; check it with --condition, and "
                    "write condition: {kind: image} in the data set"
                ) from None
            raise

    def _works_with_images(self) -> bool:
        try:
            self.images(replace(self.request, images=_real_images(0)))
        except Exception:  # of any kind, from the code of any class
            return False
        return True

    def check_repeat(self) -> None:
        if not np.array_equal(self.images(self.request), self.reference):
            raise InterfaceError("the images differ; take all randomness from the seeds")

    def check_new_object(self) -> None:
        if not np.array_equal(self.images(self.request, self.make()), self.reference):
            raise InterfaceError("the images differ; initialise weights and state in the same way every time")

    def check_order(self) -> None:
        order = [2, 0, 3, 1]
        real = self.request.images
        reordered = replace(
            self.request,
            seeds=tuple(_SEEDS[i] for i in order),
            images=None if real is None else tuple(real[i] for i in order),
        )
        if not np.array_equal(self.images(reordered), self.reference[order]):
            raise InterfaceError("the order changes the images; image i may depend on seeds[i], not on its position")

    def check_batch_independence(self) -> None:
        other_batch = replace(self.request, seeds=(_SEEDS[0], 101, 102, 103))
        if not np.array_equal(self.images(other_batch)[0], self.reference[0]):
            raise InterfaceError("an image changed with the other seeds of its batch; draw random numbers per image")

    def check_seeds(self) -> None:
        other = self.images(replace(self.request, seeds=(101, *_SEEDS[1:])))
        if any(np.array_equal(self.reference[0], image) for image in (*self.reference[1:], other[0])):
            raise InterfaceError("different seeds gave identical images; use the seeds")
        if np.array_equal(self.images(replace(self.request, seeds=(_TWIN, *_SEEDS[1:])))[0], self.reference[0]):
            raise InterfaceError("seeds that differ only in the upper bits gave identical images; use all 63 bits")

    def check_class_dependence(self) -> None:
        if np.array_equal(self.images(self.other_request), self.reference):
            raise InterfaceError(
                "two classes gave identical images; use the prompt, class_name or label of the request"
            )

    def check_own_image(self) -> None:
        if np.array_equal(self._with_others((0,))[0], self.reference[0]):
            raise InterfaceError("another real image gave an identical image; use request.images[i] for image i")

    def check_image_independence(self) -> None:
        if not np.array_equal(self._with_others((1, 2, 3))[0], self.reference[0]):
            raise InterfaceError("an image changed with the other real images of its batch; use only its own one")

    def check_copies(self) -> None:
        real = self.request.images
        assert real is not None
        if copies := sum(_is_copy(image, source) for image, source in zip(self.reference, real, strict=True)):
            raise InterfaceError(
                f"{copies} of {len(real)} images are their real images, at most resized: classifiers would be trained "
                "on real images; change them"
            )

    def check_untouched(self) -> None:
        given = _real_images(0)
        self._images(replace(self.request, images=given))
        if not all(np.array_equal(image, real) for image, real in zip(given, _real_images(0), strict=True)):
            raise InterfaceError("it wrote into request.images, which cannot be written in a study; work on copies")

    def _with_others(self, positions: Sequence[int]) -> np.ndarray:
        """Return the images of the request with other real images in these positions."""
        real, others = self.request.images, _real_images(2)
        assert real is not None
        given = tuple(others[i] if i in positions else image for i, image in enumerate(real))
        return self.images(replace(self.request, images=given))

    def check_applied_is_json(self) -> None:
        applied = self.generator.applied()
        if not isinstance(applied, dict):
            raise InterfaceError(f"it returned a {type(applied).__name__}, not a dict")
        try:
            json.dumps(applied, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InterfaceError(f"its result cannot be written as JSON: {error}") from None


def _is_copy(image: np.ndarray, real: np.ndarray) -> bool:
    """Whether a generated image is a real one, resized or cropped to a square at most."""
    whole = Image.fromarray(real)
    squares = (whole, Image.fromarray(to_square(whole, min(whole.size))))
    made = _thumbnail(Image.fromarray(image))
    return any(float(np.abs(made - _thumbnail(square)).mean()) < _COPY for square in squares)


def _thumbnail(image: Image.Image) -> np.ndarray:
    return np.asarray(image.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX), np.float32)


def _real_images(number: int) -> tuple[np.ndarray, ...]:
    """Return an image for each seed, of different sizes as real images have them; another number gives other images."""
    generator = np.random.default_rng(number)
    return tuple(generator.integers(0, 256, (40 + 8 * i, 56 - 8 * i, 3), np.uint8) for i in range(len(_SEEDS)))
