from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from tests.checks.pictures import clean, encoded, image_set, picture

from prettyuseful.checks import set_checks
from prettyuseful.checks.base import Hit
from prettyuseful.checks.image_set import ImageSet, Sets


def several(counts: dict[str, int], **options: object) -> dict[str, bytes]:
    """Return this many pictures of each class."""
    return {
        f"{name}/{i:03d}.jpg": encoded(picture(1000 * label + i), "JPEG", **{"quality": 95, **options})
        for label, (name, count) in enumerate(counts.items())
        for i in range(count)
    }


REAL = image_set(several({"cat": 12, "dog": 12, "red fox": 12}), "train", "real")


@pytest.mark.parametrize(
    ("check", "images", "words"),
    [
        (
            "missing_classes",
            several({"cat": 12, "Red_Fox": 12}),
            "made has no images of 1 of the 3 classes of real: dog.",
        ),
        ("few_images", several({"cat": 12, "dog": 3}), "1 of 2 classes of made have fewer than 10 images: dog."),
        ("imbalance", several({"cat": 30, "dog": 10}), "30 images of 'cat', 10 of 'dog'."),
        (
            "imbalance_against_real",
            several({"cat": 26, "dog": 26, "red fox": 4}),
            "1 of 3 classes have other shares in made than in real: 'red fox' makes up 7.1% instead of 33.3%.",
        ),
        (
            "formats_differ",
            {path.replace("jpg", "png"): encoded(picture(i)) for i, path in enumerate(clean(0))},
            "100% of the images of made are PNG files, but 100% of the images of real are JPEG files.",
        ),
        ("qualities_differ", several({"cat": 5}, quality=60), "The median JPEG quality is 60 in made and 95 in real."),
        (
            "sizes_differ",
            {f"cat/{i}.jpg": encoded(picture(i, (96, 120)), "JPEG") for i in range(3)},
            "The median short side is 96 px in made and 48 px in real.",
        ),
    ],
)
def test_a_planted_difference_is_found_and_a_clean_set_is_not(check: str, images: dict[str, bytes], words: str) -> None:
    function: Callable[[Sets], Iterator[Hit]] = getattr(set_checks, check)
    hits = list(function(Sets((image_set(images, "synthetic", "made"),), (REAL,))))
    assert [hit.words for hit in hits if hit.words.endswith(words)] == [hits[0].words]
    same = image_set(several({"cat": 12, "dog": 12, "red fox": 12}), "synthetic", "made")
    assert not list(function(Sets((same,), (REAL,))))


def test_places_without_a_role_are_compared_with_the_first_one() -> None:
    first, second = image_set(several({"cat": 2, "dog": 2}), "other", "one"), image_set(several({"cat": 2}), name="two")
    (hit,) = set_checks.missing_classes(Sets((first, second)))
    assert (hit.set, hit.against, hit.examples) == ("two", "one", ("dog",))


def frames(groups: Callable[[int], str] | None = None) -> ImageSet:
    paths = [f"cat/video{v}_frame_{f}.png" for v in range(3) for f in range(4)]
    images = {path: encoded(picture(i)) for i, path in enumerate(paths)}
    by_path = {path: groups(i // 4) for i, path in enumerate(paths)} if groups else None
    return image_set(images, "train", "real", by_path)


def test_frames_without_groups_are_found() -> None:
    (hit,) = set_checks.ungrouped(Sets((frames(),)))
    assert (hit.count, hit.total) == (12, 12)
    assert hit.words == (
        "12 of 12 images of real (100.0%) have names like frames, crops or copies of 3 sources, but no groups."
    )
    assert not list(set_checks.ungrouped(Sets((frames(lambda video: f"video {video}"),))))
    assert not list(set_checks.ungrouped(Sets((REAL,))))


def test_names_of_classes_are_safe_to_print() -> None:
    hostile = {f"\x1b[31mred\n/{i}.jpg": encoded(picture(i), "JPEG") for i in range(2)}
    for check in (set_checks.few_images, set_checks.imbalance):
        for hit in check(Sets((image_set({**hostile, **several({"cat": 9})}),))):
            assert hit.words.isprintable()
            assert all(example.isprintable() for example in hit.examples)
