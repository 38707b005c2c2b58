"""Which classes of the images belong to a task, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.tasks.base import summarise_names


@dataclass(frozen=True)
class ClassChoice:
    """The classes that a user names in words or leaves out.

    `names`: other names of classes, by the name that the images give. `leave_out`: classes that the task leaves out, by
    either name. `min_per_class`: classes with fewer training images are left out.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    leave_out: tuple[str, ...] = ()
    min_per_class: int = 0

    def check(self, known: Sequence[str], location: str) -> None:
        """Check that the classes exist; `known` are the class names that the images give.

        Raises:
            DataError: a class does not exist.
        """
        either = [*known, *(self.names[name] for name in known if name in self.names)]
        for key, names, valid in (("classes", self.names, known), ("leave_out", self.leave_out, either)):
            if unknown := [name for name in names if name not in valid]:
                raise DataError(
                    f"{key}: {location} has no class {unknown[0]!r}{did_you_mean(unknown[0], valid)}; it has "
                    f"{summarise_names(known)}; put names such as '010' and 'no' in quotes"
                )

    def without_left_out(self, classes: Sequence[str]) -> tuple[str, ...]:
        """Return the classes that are not in `leave_out`. `classes`: names after renaming."""
        left_out = {*self.leave_out, *(self.names[name] for name in self.leave_out if name in self.names)}
        return tuple(name for name in classes if name not in left_out)

    def large_enough(self, counts: Mapping[str, int]) -> tuple[str, ...]:
        """Return the classes with at least `min_per_class` training images. `counts`: training images by class."""
        return tuple(name for name, count in counts.items() if count >= self.min_per_class)

    def notes(self, known: Sequence[str], counts: Mapping[str, int]) -> tuple[str, ...]:
        """Return sentences on the classes that have become one class, or that are left out.

        Args:
            known: the class names that the images give.
            counts: training images of the classes that are not in `leave_out`, by name after renaming.
        """
        originals: dict[str, list[str]] = {}
        for name in known:
            originals.setdefault(self.names.get(name, name), []).append(name)
        notes = [f"The classes {', '.join(of)} are one class, {name}." for name, of in originals.items() if len(of) > 1]
        if left_out := [name for name in originals if name not in counts]:
            notes.append(f"The task leaves out {summarise_names(left_out)}.")
        if small := {name: count for name, count in counts.items() if count < self.min_per_class}:
            listed = (f"{name} ({count})" for name, count in sorted(small.items(), key=lambda item: item[1]))
            notes.append(
                f"Classes with fewer than {self.min_per_class} training images are left out: {summarise_names(listed)}."
            )
        return tuple(notes)
