"""How synthetic sets are matched with real images class by class, which classes are left out, and what notes say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.sources.base import SampledSource
from prettyuseful.data.sources.class_names import match_classes
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import Task, summarise_names


@dataclass(frozen=True)
class MatchedSet:
    """A synthetic set whose classes are matched with those of the task.

    `available`: its images of each class. `used`: the smaller number of `available` and of the real training images.
    `stray`: the images of its classes that are no class of the task.
    """

    name: str
    location: str
    available: ClassCounts
    used: ClassCounts
    stray: Mapping[str, int]

    def left_out(self, classes: int) -> int:
        """Return the number of its images that are not used."""
        return self.available.total(classes) + sum(self.stray.values()) - self.used.total(classes)


def match_set(name: str, source: SampledSource, task: Task) -> MatchedSet:
    """Match a synthetic set with the classes and the real training images of a task.

    Raises:
        DataError: it has no images of a class, or its class names are ambiguous.
    """
    counts = source.counts()
    try:
        index = match_classes(source, task.classes)
    except DataError as error:
        if not match_classes(source, task.classes, allow_missing=True):
            raise
        raise DataError(f"{error}; or leave such classes out with --min-per-class 1") from None
    available = [0] * len(task.classes)
    for label_name, label in index.items():
        available[label] += counts[label_name]
    stray = {label_name: count for label_name, count in counts.items() if label_name not in index}
    numbers = ClassCounts(tuple(available))
    return MatchedSet(name, source.location, numbers, numbers.limit(task.counts("train")), stray)


def small_classes(
    sources: Mapping[str, SampledSource], classes: Sequence[str], min_per_class: int
) -> dict[str, tuple[str, int]]:
    """Return the classes with fewer than `min_per_class` images in a synthetic set: its name and their number.

    Raises:
        DataError: a set has no class of the task, or its class names are ambiguous.
    """
    small: dict[str, tuple[str, int]] = {}
    for name, source in sources.items():
        index = match_classes(source, classes, allow_missing=True)
        if not index:
            match_classes(source, classes)  # raises an error that compares the names
        counts = source.counts()
        numbers = dict.fromkeys(range(len(classes)), 0)
        for label_name, label in index.items():
            numbers[label] += counts[label_name]
        for label, number in numbers.items():
            if number < min_per_class:
                small.setdefault(classes[label], (name, number))
    return small


def small_classes_note(small: Mapping[str, tuple[str, int]], min_per_class: int) -> str:
    """Return the sentence on the classes that `small_classes` returned."""
    listed = [f"{name} ({_images(count)} in {of})" for name, (of, count) in small.items()]
    return (
        f"Classes with fewer than {_images(min_per_class)} in a synthetic set are left out of every data set: "
        f"{summarise_names(listed)}."
    )


def matching_notes(sets: Sequence[MatchedSet], task: Task) -> Iterator[str]:
    """Yield what is left out, how many images of each class are compared, and which class has the fewest."""
    for matched in sets:
        if matched.stray:
            listed = summarise_names([f"{name} ({_images(count)})" for name, count in matched.stray.items()])
            many = (
                "1 class of {} is no class"
                if len(matched.stray) == 1
                else f"{len(matched.stray)} classes of {{}} are no classes"
            )
            is_or_are = "is" if len(matched.stray) == 1 else "are"
            yield f"{many.format(matched.name)} of the task and {is_or_are} left out: {listed}."
    groups: dict[ClassCounts, list[MatchedSet]] = {}
    for matched in sets:
        groups.setdefault(matched.used, []).append(matched)
    for used, members in groups.items():
        names = ", ".join(matched.name for matched in members)
        number = f"{used}, as many images as both have" if used.equal else f"the smaller number of its images, {used}"
        yield f"{names} and the real images are matched class by class: every class is cut to {number}."
    yield from dict.fromkeys(note for matched in sets if (note := _smallest_class_note(matched, task)))
    tests = ClassCounts(task.counts("test"))
    if not tests.equal:
        yield f"Classes have {tests} real test images. Accuracy is the mean over classes, so all count alike."


def _smallest_class_note(matched: MatchedSet, task: Task) -> str:
    """Return which class has the fewest images; empty if all have equally many."""
    if matched.used.equal:
        return ""
    label = min(range(len(task.classes)), key=lambda label: matched.used[label])
    real, synthetic = task.counts("train")[label], matched.available[label]
    images = (
        f"{real} real training image{'s' * (real != 1)}"
        if real <= synthetic
        else f"{_images(synthetic)} in {matched.name}"
    )
    return f"The class {task.classes[label]} has the fewest images: {images}."


def _images(count: int) -> str:
    return f"{count} image{'s' * (count != 1)}"
