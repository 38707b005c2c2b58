from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.wordnet import glosses, lemmas, synsets_per_lemma
from prettyuseful.errors import DataError
from prettyuseful.tasks.base import Task, available
from prettyuseful.tasks.huggingface import HubData
from prettyuseful.tasks.imagenet import (
    _AMBIGUOUS,
    ClassList,
    imagenet_1k,
    imagenet_200,
    imagenet_indices,
    load_class_list,
)

from .conftest import make_dataset, picture, save_parquet

TWO_HUNDRED, ALL = load_class_list("imagenet-200"), load_class_list("imagenet-1k")


# The class lists.


def test_the_lists_are_synsets_of_imagenet_1k() -> None:
    assert (len(TWO_HUNDRED.synsets), len(ALL.synsets)) == (200, 1000)
    assert set(TWO_HUNDRED.synsets) < set(ALL.synsets)
    assert list(TWO_HUNDRED.synsets) == sorted(set(TWO_HUNDRED.synsets))


@pytest.mark.parametrize("listed", [TWO_HUNDRED, ALL], ids=lambda listed: listed.name)
def test_class_names_are_unique_ignoring_case(listed: ClassList) -> None:
    assert len({name.casefold() for name in listed.classes}) == len(listed.synsets)
    assert not any("_" in name or "/" in name or name != name.strip() for name in listed.classes)


def test_names_are_first_lemmas_unless_two_synsets_share_them() -> None:
    assert TWO_HUNDRED.classes == tuple(lemmas()[synset][0] for synset in TWO_HUNDRED.synsets)
    others = {s: name for s, name in zip(ALL.synsets, ALL.classes, strict=True) if name != lemmas()[s][0]}
    assert others == {
        "n02012849": "crane (large long-necked wading bird)",
        "n02113186": "Cardigan Welsh corgi",
        "n02963159": "cardigan (knitted jacket)",
        "n03126707": "crane (lifts and moves heavy objects)",
        "n03710637": "maillot (tights)",
        "n03710721": "tank suit",
    }


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("crane", "lifts and moves heavy objects"),
        ("nail", "a thin pointed piece of metal that is hammered into materials as a fastener"),
        ("reel", "winder consisting of a revolving spool with a handle"),
        ("drumstick", "a stick used for playing a drum"),
        ("chest", "box with a lid"),
        ("monarch", "large migratory American butterfly having deep orange wings with black and white markings"),
        ("plate", "a main course served on a plate"),
        ("pole", "a long (usually round) rod of wood or metal or plastic"),
        ("cardigan", "knitted jacket that is fastened up the front with buttons or a zipper"),  # a dog is a Cardigan
    ],
)
def test_names_that_mislead_the_paper_s_generators_have_a_definition(name: str, meaning: str) -> None:
    assert TWO_HUNDRED.definitions[name] == meaning


def test_unambiguous_names_have_no_definition() -> None:
    clear = {"goldfish", "tailed frog", "African elephant", "lawn mower", "sunglasses", "espresso", "pizza"}
    assert clear < set(TWO_HUNDRED.classes) - TWO_HUNDRED.definitions.keys()
    assert not any("crane" in name or name == "tank suit" for name in ALL.definitions)


def test_ambiguity_ignores_case() -> None:
    assert {"Angora", "Dutch oven", "Newfoundland"} <= ALL.definitions.keys()


@pytest.mark.parametrize("listed", [TWO_HUNDRED, ALL], ids=lambda listed: listed.name)
def test_definitions_are_of_classes_and_begin_with_their_gloss(listed: ClassList) -> None:
    of = dict(zip(listed.classes, listed.synsets, strict=True))
    assert listed.definitions.keys() < of.keys()
    for name, meaning in listed.definitions.items():
        assert meaning in glosses()[of[name]]
        assert meaning
        assert ";" not in meaning
        assert meaning[0] != "("


def test_listed_ambiguous_names_are_not_ambiguous_in_the_tables() -> None:
    known = _AMBIGUOUS.split()
    assert set(known) <= set(ALL.classes)
    assert all(synsets_per_lemma()[name.casefold()] == 1 for name in known)


def test_names_and_task_sources_load_neither_torch_nor_timm_nor_datasets() -> None:
    code = """
import sys
from prettyuseful.tasks.source import TaskSource
from prettyuseful.tasks.imagenet import load_class_list
assert TaskSource(name="imagenet-1k", folder="x").name == load_class_list("imagenet-1k").name
load_class_list("imagenet-1k").definitions
print(*{"torch", "timm", "datasets", "pyarrow"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# From a folder.


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The 200 classes with three train and two val images each, and a class of another list."""
    root = tmp_path_factory.mktemp("shared") / "ilsvrc"
    for split, count in (("train", 3), ("val", 2)):
        for label, synset in enumerate((*TWO_HUNDRED.synsets, "n01440764")):
            folder = root / split / synset
            folder.mkdir(parents=True)
            for i in range(count):
                (folder / f"{synset}_{i}.JPEG").write_bytes(picture(label * 8 + i + (5 if split == "val" else 0)))
    return root


@pytest.fixture
def own(whole: Path, tmp_path: Path) -> Path:
    """A copy that tests may change."""
    return Path(shutil.copytree(whole, tmp_path / "ilsvrc"))


def test_an_imagenet_folder_is_a_task(whole: Path) -> None:
    task = imagenet_200(whole)
    assert (task.name, len(task.classes)) == ("imagenet-200", 200)
    assert (available(task, "train"), available(task, "test")) == (3, 2)
    assert task.classes[TWO_HUNDRED.synsets.index("n01443537")] == "goldfish"
    assert task.definitions == TWO_HUNDRED.definitions
    assert "non-commercial" in task.licence
    assert task.source == "ImageNet, 200 classes, folder ilsvrc"


def test_labels_follow_the_list_and_a_smaller_request_is_a_prefix(whole: Path) -> None:
    task = imagenet_200(whole)
    more, fewer = list(task.images("train", 3)), list(task.images("train", 2))
    assert [row.label for row in more] == [label for label in range(200) for _ in range(3)]
    assert fewer == [row for i, row in enumerate(more) if i % 3 < 2]
    assert all(row.path.split("/")[1] == TWO_HUNDRED.synsets[row.label] for row in more)
    assert all(row.data == (whole / row.path).read_bytes() for row in more)
    assert [row.path for row in more] != sorted(row.path for row in more)
    assert all(row.group == row.path for row in more)
    assert not {row.group for row in more} & {row.group for row in task.images("test", 2)}


def test_only_requested_images_are_decoded(own: Path) -> None:
    last = list(imagenet_200(own).images("train", 3))[3 * 7 + 2].path
    (own / last).write_text("no image")
    task = imagenet_200(own)
    assert len(list(task.images("train", 2))) == 400
    with pytest.raises(DataError, match=f"ilsvrc/{re.escape(last)}: not an image"):
        list(task.images("train", 3))


def test_files_that_are_no_images_are_skipped_and_counted(own: Path) -> None:
    before = list(imagenet_200(own).images("train", 3))
    for synset in TWO_HUNDRED.synsets[:2]:
        (own / "train" / synset / "Thumbs.db").write_text("x")
    task = imagenet_200(own)
    assert list(task.images("train", 3)) == before
    (note,) = task.notes
    assert "2 files are no images and are skipped (2 Thumbs.db)" in note


def test_special_files_are_refused(own: Path) -> None:
    os.mkfifo(own / "train" / TWO_HUNDRED.synsets[0] / "pipe.JPEG")
    with pytest.raises(DataError, match=r"pipe\.JPEG is not a regular file"):
        imagenet_200(own)


def test_test_folder_is_used_if_val_is_missing(own: Path) -> None:
    (own / "val").rename(own / "test")
    assert available(imagenet_200(own), "test") == 2
    (own / "test").rename(own / "heldout")
    with pytest.raises(DataError, match=r"no folder 'val' or 'test'; expected val/<synset>/<images>"):
        imagenet_200(own)


def test_unlabelled_test_images_of_imagenet_are_not_used(own: Path) -> None:
    (own / "test").mkdir()
    (own / "test" / "ILSVRC2012_test_00000001.JPEG").write_bytes(picture(1))
    assert available(imagenet_200(own), "test") == 2


def test_missing_and_empty_classes_are_reported(own: Path) -> None:
    synsets = TWO_HUNDRED.synsets
    for synset in synsets[3:10]:
        shutil.rmtree(own / "val" / synset)
    (own / "val" / synsets[3]).mkdir()
    named = ", ".join(synsets[3:8])
    with pytest.raises(DataError, match=rf"val has no images of 7 of the 200 classes of imagenet-200: {named} \(and 2"):
        imagenet_200(own)


def test_a_folder_of_200_classes_is_not_imagenet_1k(whole: Path) -> None:
    with pytest.raises(DataError, match="train has no images of 799 of the 1000 classes of imagenet-1k"):
        imagenet_1k(whole)


def rewrite(path: Path) -> None:
    """Write other bytes of the same size, with a later modification time."""
    status = path.stat()
    path.write_bytes(bytes(reversed(path.read_bytes())))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda root: rewrite(root / "train/n01443537/n01443537_0.JPEG"),
        lambda root: rewrite(root / "val/n12267677/n12267677_1.JPEG"),
        lambda root: (root / "train/n01443537/n01443537_2.JPEG").unlink(),
        lambda root: (root / "train/n01443537/n01443537_2.JPEG").rename(root / "train/n01629819/new.JPEG"),
        lambda root: (root / "val/n01443537/new.JPEG").write_bytes(picture(9)),
    ],
)
def test_the_fingerprint_follows_every_change_of_a_class(own: Path, change: Callable[[Path], object]) -> None:
    before = imagenet_200(own).fingerprint()
    assert imagenet_200(own).fingerprint() == before
    change(own)
    assert imagenet_200(own).fingerprint() != before


def test_fingerprint_ignores_other_classes_and_the_location(own: Path) -> None:
    before = imagenet_200(own).fingerprint()
    (own / "train/n01440764/new.JPEG").write_bytes(picture(9))
    assert imagenet_200(own.rename(own.with_name("moved"))).fingerprint() == before


def test_request_for_too_many_images_reports_the_available_number(whole: Path) -> None:
    with pytest.raises(DataError, match="has only 3 train images of the class 'goldfish', but 4 were requested"):
        list(imagenet_200(whole).images("train", 4))


# From a Hugging Face data set.


def parquet(folder: Path, names: list[str]) -> HubData:
    """One image per class, with numbers in order for train and in reverse order for validation."""
    count = len(names)
    train = make_dataset(list(range(count)), names)
    return HubData(
        str(save_parquet(folder, train=train, validation=make_dataset(list(range(count))[::-1], names, first=2000))),
        test="validation",
        by_contents=False,
    )


def given(task: Task) -> list[bytes]:
    return [row.data for row in task.images("train", ClassCounts(1))]


def test_synset_names_lead_to_the_classes_in_any_order(tmp_path: Path) -> None:
    names = [*reversed(TWO_HUNDRED.synsets), "n01440764"]
    task = imagenet_200(parquet(tmp_path / "tiny", names))
    assert (task.name, task.classes, task.definitions) == (
        "imagenet-200",
        TWO_HUNDRED.classes,
        TWO_HUNDRED.definitions,
    )
    assert given(task) == [picture(199 - i) for i in range(200)]
    assert next(task.images("test", 1)).data == picture(2000 + len(names) - 1 - 199)


# Names in existing copies: all lemmas (crane must not come twice), clarified names, numbers.
USUAL = {
    "lemmas": [", ".join(lemmas()[s]) + " 2" * (s == "n03126707") for s in ALL.synsets],
    "clearer": [f"{name} {i}" if i % 3 == 0 else name.upper() for i, name in enumerate(ALL.classes)],
    "numbers": [str(i) for i in range(1000)],
}


@pytest.mark.parametrize("names", USUAL.values(), ids=USUAL)
def test_1000_labels_in_the_usual_order_need_no_synsets(tmp_path: Path, names: list[str]) -> None:
    data = parquet(tmp_path / "ilsvrc", names)
    assert given(imagenet_1k(data)) == [picture(i) for i in range(1000)]
    assert given(imagenet_200(data)) == [picture(ALL.synsets.index(s)) for s in TWO_HUNDRED.synsets]


def test_1000_names_in_another_order_are_refused(tmp_path: Path) -> None:
    data = parquet(tmp_path / "sorted", sorted(f"{name} {i}" for i, name in enumerate(ALL.classes)))
    with pytest.raises(DataError, match="cannot match the 1000 labels of sorted"):
        imagenet_1k(data)
    data = parquet(tmp_path / "names", sorted(ALL.classes))
    with pytest.raises(DataError, match="cannot match"):
        imagenet_1k(data)


def test_labels_of_another_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the 2 labels of pets \(cat, \.\.\.\)"):
        imagenet_200(parquet(tmp_path / "pets", ["cat", "dog"]))


def test_missing_synsets_are_reported(tmp_path: Path) -> None:
    data = parquet(tmp_path / "part", list(TWO_HUNDRED.synsets[2:]))
    first = ", ".join(TWO_HUNDRED.synsets[:2])
    with pytest.raises(DataError, match=f"part lacks 2 of the 200 classes of imagenet-200: {first};"):
        imagenet_200(data)


def test_fingerprint_depends_on_class_names(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another timm version may give a class another name, which changes the loaded data set.
    before = imagenet_200(whole).fingerprint()
    monkeypatch.setitem(vars(TWO_HUNDRED), "classes", ("carp", *TWO_HUNDRED.classes[1:]))
    assert imagenet_200(whole).fingerprint() != before


def test_names_words_and_ids_of_classes_become_indices_of_imagenet() -> None:
    names = ("tench", "n01440764", "English_springer", "golf-ball", "crane")
    assert imagenet_indices(names, "x") == ((0,), (0,), (217,), (574,), (134, 517))
    listed = load_class_list("imagenet-1k").classes
    assert imagenet_indices(listed, "x") == tuple((index,) for index in range(1000))
    with pytest.raises(DataError, match="a score needs classes of ImageNet-1k, and 2 of the 3 classes of the task"):
        imagenet_indices(("cat", "tench", "dog"), "a score")
