from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row
from prettyuseful.data.sources.class_names import (
    match_classes,
    match_large_classes,
    merge_spellings,
    numbering_note,
    spelling_notes,
)
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.errors import DataError

NAMES = st.lists(st.text("abcXYZ éß_", min_size=1, max_size=6), min_size=1, max_size=8, unique=True)


@dataclass(frozen=True)
class Counts:
    """A source that has only numbers of images."""

    class_counts: dict[str, int]
    kind: Kind = "webdataset"
    location: str = "my-images"

    @property
    def labels_are_names(self) -> bool:
        return self.kind == "imagefolder"

    def fingerprint(self) -> str:
        return ""

    def content_ids(self) -> dict[str, str]:
        return {}

    def notes(self, classes: Sequence[str] | None = None) -> tuple[str, ...]:  # noqa: ARG002
        return ()

    def counts(self) -> dict[str, int]:
        return self.class_counts

    def rows(self, classes: Sequence[str], per_class: ClassCounts | int) -> Iterator[Row]:
        raise NotImplementedError


def source(*names: str, kind: Kind = "webdataset") -> Counts:
    return Counts(dict.fromkeys(names, 5), kind)


def plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


@given(NAMES)
def test_equal_names_match_in_any_order(names: list[str]) -> None:
    classes = names[: (len(names) + 1) // 2]
    assert match_classes(source(*reversed(names)), classes) == {name: index for index, name in enumerate(classes)}


@given(NAMES, st.sampled_from([str.upper, str.lower, str.swapcase, lambda name: name.replace("_", " ")]))
def test_similar_names_match_at_most_once(names: list[str], change: object) -> None:
    assert callable(change)
    available = list(dict.fromkeys(change(name) for name in names))
    try:
        matched = match_classes(source(*available), names)
    except DataError:
        assert len({plain(name) for name in names}) < len(names)
        return
    assert sorted(matched.values()) == list(range(len(names)))
    for name, index in matched.items():
        assert name == names[index] or (plain(name) == plain(names[index]) and name not in names)


@given(NAMES, NAMES)
def test_all_classes_are_matched_by_different_names_or_none_is(available: list[str], classes: list[str]) -> None:
    try:
        matched = match_classes(source(*available), classes)
    except DataError:
        return
    assert sorted(matched.values()) == list(range(len(classes)))
    assert all(plain(name) == plain(classes[index]) for name, index in matched.items())
    assert all(matched[name] == index for index, name in enumerate(classes) if name in available)


def test_case_underscores_and_unicode_forms_do_not_matter() -> None:
    available = source("POLAR_BEAR", "cafe\N{COMBINING ACUTE ACCENT}", "hot  dog")
    assert match_classes(available, ["hot_dog", "polar bear", "café"]) == dict(
        zip(available.class_counts, (1, 2, 0), strict=True)
    )


def test_ambiguous_name_is_refused() -> None:
    with pytest.raises(DataError, match="'Polar Bear' or 'polar_bear' could be the task's class 'polar bear'"):
        match_classes(source("Polar Bear", "polar_bear"), ["polar bear"])
    with pytest.raises(DataError, match="'CRANE' could be the task's class 'Crane'"):
        match_classes(source("CRANE"), ["Crane", "crane"])
    assert match_classes(source("crane", "CRANE"), ["Crane", "crane"]) == {"crane": 1, "CRANE": 0}


def test_shards_may_number_the_classes() -> None:
    assert match_classes(source("1", "0"), ["cat", "dog"]) == {"1": 1, "0": 0}
    assert match_classes(source("01", "00"), ["cat", "dog"]) == {"01": 1, "00": 0}
    assert match_classes(source("0", "1", "2"), ["0", "1", "2"]) == {"0": 0, "1": 1, "2": 2}


@pytest.mark.parametrize("classes", [["1", "0"], ["cat", "0"], ["10", "2"], ["2", "10"]])
def test_numbers_that_could_be_names_or_positions_are_asked_about(classes: list[str]) -> None:
    with pytest.raises(DataError, match=r"could be the class '.', or the class at position ., which is"):
        match_classes(source("0", "1"), classes)
    with pytest.raises(DataError, match=r"no images of|which is"):
        match_classes(source("0", "1", kind="imagefolder"), [*classes, "more"])


def test_numbers_that_are_names_are_names_if_as_positions_they_leave_out_classes() -> None:
    assert match_classes(source("0", "2"), ["0", "2", "5"], allow_missing=True) == {"0": 0, "2": 1}
    assert match_classes(source("1", "0", kind="imagefolder"), ["1", "0"]) == {"1": 0, "0": 1}


@pytest.mark.parametrize(
    ("available", "classes", "note"),
    [
        (source("dog", "cat"), ["cat", "dog"], ""),
        (source("0", "1", kind="imagefolder"), ["0", "1"], ""),
        (source("1", "0"), None, "my-images: every label is a number without a name."),
        (
            source("1", "0"),
            ["cat", "dog"],
            "my-images: every label is a number without a name: 0 = cat, 1 = dog, by alphabetical order of the task's "
            "classes.",
        ),
        (
            source("1", "0"),
            ["dog", "cat"],
            "my-images: every label is a number without a name: 0 = dog, 1 = cat, by the order of the task's classes.",
        ),
        (
            source("1", "0"),
            ["0", "1"],
            "my-images: every label is a number without a name, and these numbers are also the names of the "
            "task's classes.",
        ),
    ],
)
def test_the_note_says_which_number_is_which_class(available: Counts, classes: list[str] | None, note: str) -> None:
    assert numbering_note(available, classes) == note


def test_spellings_take_the_name_of_the_most_frequent_one() -> None:
    counts = {"Cat": 3, "cat": 9, "golden-retriever": 2, "golden_retriever": 1, "owl": 1, "café": 1, "cafe\u0301": 2}
    merged = merge_spellings(counts, [])
    assert merged == {
        "Cat": "cat",
        "cat": "cat",
        "golden-retriever": "golden-retriever",
        "golden_retriever": "golden-retriever",
        "café": "cafe\u0301",
        "cafe\u0301": "cafe\u0301",
    }
    assert merge_spellings(counts, ["Cat", "cat"]).keys() & {"Cat", "cat"} == set()


def test_many_merged_spellings_are_counted() -> None:
    counts = {name: 1 for i in range(8) for name in (f"Class {i}", f"class_{i}")}
    notes = spelling_notes("here", counts, merge_spellings(counts, []))
    assert len(notes) == 6
    assert notes[-1] == "here: 3 more classes have several spellings, which are merged."


@pytest.mark.parametrize(
    "available",
    [
        source("0", "1", "2"),
        source("1", "2"),
        source("0", "00", "1"),
        source("0", "x"),
        source("²", "0"),
        source("-1", "0"),
        source(),
    ],
)
def test_numbers_that_do_not_enumerate_the_classes_are_refused(available: Counts) -> None:
    with pytest.raises(DataError, match="my-images has no images of 2 of the task's 2 classes"):
        match_classes(available, ["cat", "dog"])


def test_folders_are_not_numbers() -> None:
    with pytest.raises(DataError, match="it has '0', '1' instead"):
        match_classes(source("0", "1", kind="imagefolder"), ["cat", "dog"])


def test_mismatch_message_lists_some_names_and_suggestions() -> None:
    wanted = [f"class {i}" for i in range(20)]
    with pytest.raises(DataError) as error:
        match_classes(source("polar bears", "lion", *wanted), ["polar bear", "lion", *(f"thing {i}" for i in range(9))])
    assert str(error.value) == (
        "my-images has no images of 10 of the task's 11 classes: 'polar bear' (did you mean 'polar bears'?), "
        "'thing 0', 'thing 1', 'thing 2', 'thing 3' and 5 more; it has 'polar bears', 'class 0', 'class 1', "
        "'class 2', 'class 3' and 16 more instead; add images, or use the class names of the task"
    )


def test_classes_without_images_and_empty_sources_do_not_match() -> None:
    with pytest.raises(DataError, match=r"classes: 'dog'; add images"):
        match_classes(Counts({"cat": 1, "dog": 0}), ["cat", "dog"])


def test_too_few_images_are_named() -> None:
    source = Counts({"x": 31, "y": 50, "z": 49, "more": 1})
    assert match_large_classes(source, ["x", "y", "z"], 31) == {"x": 0, "y": 1, "z": 2}
    with pytest.raises(DataError) as error:
        match_large_classes(source, ["x", "y", "z"], 50)
    assert str(error.value) == (
        "my-images: class 'x' has only 31 images, but 50 were requested (2 classes have too few); "
        "lower images_per_class to at most 31, or add images"
    )
