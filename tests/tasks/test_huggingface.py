from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from prettyuseful.errors import DataError
from prettyuseful.tasks.base import available
from prettyuseful.tasks.class_choice import ClassChoice
from prettyuseful.tasks.huggingface import HubData, HubTask, hub_task

from .conftest import make_dataset, picture, save_parquet

NAMES = ["plum", "fig", "lime"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def fruit(tmp_path: Path) -> Path:
    """Parquet files with unsorted labels, at least 4 train images and 2 test images per class."""
    train = make_dataset([2, 0, 1, 1, 2, 0, 0, 1, 2, 2, 0, 1, 0], NAMES)
    return save_parquet(tmp_path / "fruit", train=train, test=make_dataset([1, 2, 0, 0, 2, 1], NAMES, first=500))


def task_of(folder: Path | str, **names: Any) -> HubTask:
    return hub_task(HubData(str(folder), **names), "CC0")


def test_labels_name_the_classes_and_bytes_are_the_original_ones(fruit: Path) -> None:
    task = task_of(fruit)
    assert (task.name, task.classes, task.licence, dict(task.definitions)) == ("fruit", tuple(NAMES), "CC0", {})
    assert (available(task, "train"), available(task, "test")) == (4, 2)
    rows = list(task.images("train", 4))
    assert [row.label for row in rows] == [label for label in (0, 1, 2) for _ in range(4)]
    assert [row.data for row in rows] == [picture(int(row.path.removeprefix("train/"))) for row in rows]
    assert all(row.group == hashlib.sha256(row.data).hexdigest()[:32] for row in rows)


def test_what_is_drawn_depends_on_contents_not_on_the_order_of_rows(fruit: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    splits = load_dataset(str(fruit))
    reversed_splits = {name: split.select(range(len(split))[::-1]) for name, split in splits.items()}
    task = task_of(save_parquet(tmp_path / "reversed", **reversed_splits))
    drawn, again = ([(r.data, r.label, r.group) for r in t.images("train", 2)] for t in (task_of(fruit), task))
    assert drawn == again


def test_classes_are_named_left_out_and_noted(fruit: Path) -> None:
    choice = ClassChoice(names={NAMES[0]: "sweet"}, leave_out=(NAMES[1],))
    task = hub_task(HubData(str(fruit)), "CC0", choice)
    assert task.classes == ("sweet", NAMES[2])
    whole = list(task_of(fruit).images("train", 2))
    assert [row.data for row in task.images("train", 2)] == [row.data for row in whole[:2] + whole[4:]]
    assert task.notes == (f"The task leaves out {NAMES[1]}.",)
    with pytest.raises(DataError, match="classes: fruit has no class 'absent'"):
        hub_task(HubData(str(fruit)), "CC0", ClassChoice(names={"absent": "x"}))


def test_a_smaller_request_is_a_prefix_and_splits_share_no_group(fruit: Path) -> None:
    task = task_of(fruit)
    more, fewer = list(task.images("train", 4)), list(task.images("train", 3))
    assert fewer == [row for i, row in enumerate(more) if i % 4 < 3]
    assert not {row.group for row in more} & {row.group for row in task.images("test", 2)}


def test_strings_are_classes_in_alphabetical_order(tmp_path: Path) -> None:
    train, test = make_dataset(["pear", "apple", "pear"]), make_dataset(["apple", "pear"])
    task = task_of(save_parquet(tmp_path / "words", train=train, test=test))
    assert task.classes == ("apple", "pear")
    assert [row.path for row in task.images("train", 1)] == ["train/0000001", "train/0000000"]


def test_save_to_disk_gives_the_same_task(fruit: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    load_dataset(str(fruit)).save_to_disk(tmp_path / "saved")
    assert list(task_of(tmp_path / "saved").images("train", 4)) == list(task_of(fruit).images("train", 4))


def test_images_in_separate_files_are_read_unchanged(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for i, name in enumerate(("a", "b")):
            (tmp_path / "files" / split / name).mkdir(parents=True)
            (tmp_path / "files" / split / name / "x.png").write_bytes(picture(i))
    rows = list(task_of(tmp_path / "files").images("train", 1))
    assert [row.data for row in rows] == [picture(0), picture(1)]


@pytest.mark.parametrize(("kept", "readable"), [("links/in.png", True), ("out.png", False)])
def test_image_files_outside_of_the_folder_are_not_read(tmp_path: Path, kept: str, readable: bool) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "links").mkdir()
    (tmp_path / kept).write_bytes(picture(1))
    rows = [{"image": {"bytes": None, "path": str(tmp_path / kept)}, "label": name} for name in ("a", "b")]
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.string())])
    for split in ("train", "test"):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "links" / f"{split}.parquet")
    images = task_of(tmp_path / "links").images("train", 1)
    if readable:
        assert [row.data for row in images] == [picture(1)] * 2
    else:
        with pytest.raises(DataError, match="links/train/0000000: the column 'image' has no image"):
            list(images)


def test_column_of_bytes_is_a_column_of_images(tmp_path: Path) -> None:
    from datasets import Dataset

    bare = Dataset.from_dict({"image": [picture(3), picture(4)], "label": ["a", "b"]})
    rows = list(task_of(save_parquet(tmp_path / "bare", train=bare, test=bare)).images("train", 1))
    assert [row.data for row in rows] == [picture(3), picture(4)]


def test_lists_of_labels_are_refused(tmp_path: Path) -> None:
    from datasets import Dataset

    many = Dataset.from_dict({"image": [picture(3), picture(4)], "label": [[0, 1], [1]]})
    with pytest.raises(DataError, match="which gives no class names; use a ClassLabel or strings"):
        task_of(save_parquet(tmp_path / "many", train=many, test=many))


def test_request_for_too_many_images_reports_the_available_number(fruit: Path) -> None:
    with pytest.raises(DataError, match="task fruit has only 2 test images of the class 'plum', but 3 were requested"):
        list(task_of(fruit).images("test", 3))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"test": "validation"}, r"no split 'validation'; it has train, test; set .* with `test: ...`"),
        ({"train": "trian"}, r"no split 'trian'; did you mean 'train'\?"),
        ({"image": "img"}, r"no column 'img'.*it has image, label; set .* with `image: ...`"),
        ({"label": "fine"}, r"no column 'fine'"),
        ({"image": "label"}, r"column 'label' of fruit has the type int64; choose a column of images"),
    ],
)
def test_missing_splits_and_columns_are_reported(fruit: Path, named: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        task_of(fruit, **named)


def test_integer_labels_without_names_are_refused(tmp_path: Path) -> None:
    plain = make_dataset([0, 1])
    with pytest.raises(DataError, match="has the type int64, which gives no class names"):
        task_of(save_parquet(tmp_path / "numbers", train=plain, test=plain))


@pytest.mark.parametrize("missing", [-1, None])
def test_images_without_labels_are_counted(tmp_path: Path, missing: int | None) -> None:
    test = make_dataset([0, missing, 1, missing], NAMES[:2])
    folder = save_parquet(tmp_path / "hidden", train=make_dataset([0, 1], NAMES[:2]), test=test)
    with pytest.raises(DataError, match=r"2 of 4 images of the split 'test' of hidden have no label; .*train, test"):
        task_of(folder)


def test_class_without_images_is_reported(tmp_path: Path) -> None:
    folder = save_parquet(tmp_path / "few", train=make_dataset([0, 1, 2], NAMES), test=make_dataset([0, 2], NAMES))
    with pytest.raises(DataError, match="the test split of few has no images of fig"):
        task_of(folder)


def test_task_with_one_class_is_refused(tmp_path: Path) -> None:
    one = make_dataset([0, 0], NAMES[:1])
    with pytest.raises(DataError, match="at least 2 classes"):
        task_of(save_parquet(tmp_path / "one", train=one, test=one))


def test_splits_with_different_label_names_are_refused(tmp_path: Path) -> None:
    from datasets import DatasetDict

    splits = {"train": make_dataset([0, 1], NAMES[:2]), "test": make_dataset([0, 1], NAMES[1::-1])}
    DatasetDict(splits).save_to_disk(tmp_path / "odd")
    with pytest.raises(DataError, match="different names for the labels in 'label'"):
        task_of(tmp_path / "odd")


def with_broken(folder: Path, broken: bytes | None) -> Path:
    """Two classes, the third train image is `broken`."""
    from datasets import Dataset

    examples = make_dataset([0, 1, 0, 1], NAMES[:2])
    rows = examples.with_format("arrow")[:].to_pylist()
    rows[2]["image"] = broken and {"bytes": broken, "path": None}
    return save_parquet(folder, train=Dataset.from_list(rows, features=examples.features), test=examples)


@pytest.mark.parametrize(
    ("broken", "message"), [(b"no image", "not an image"), (None, "the column 'image' has no image")]
)
def test_requested_broken_image_is_reported(tmp_path: Path, broken: bytes | None, message: str) -> None:
    task = task_of(with_broken(tmp_path / "broken", broken))
    assert len(list(task.images("train", 1))) == 2
    with pytest.raises(DataError, match=rf"broken/train/0000002: {message}"):
        list(task.images("train", 2))


def test_the_fingerprint_follows_contents_columns_and_splits(fruit: Path) -> None:
    before = task_of(fruit).fingerprint()
    assert task_of(fruit).fingerprint() == before
    os.utime(fruit / "test-00000-of-00001.parquet", ns=(1, 1))
    assert task_of(fruit).fingerprint() == before
    assert task_of(fruit, train="test", test="train").fingerprint() != before
    changed = make_dataset([1, 2, 0, 0, 2, 1], NAMES, first=501)
    save_parquet(fruit, test=changed)
    assert task_of(fruit).fingerprint() != before
    assert next(task_of(fruit).images("test", 1)).data == picture(503)


def test_a_large_folder_s_fingerprint_follows_sizes_and_times(fruit: Path) -> None:
    def fingerprint() -> str:
        return HubData(str(fruit), by_contents=False).fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    os.utime(fruit / "test-00000-of-00001.parquet", ns=(1, 1))
    assert fingerprint() != before


def test_a_moved_folder_is_the_same_task(fruit: Path, tmp_path: Path) -> None:
    before = task_of(fruit).fingerprint()
    (tmp_path / "elsewhere").mkdir()
    shutil.move(fruit, tmp_path / "elsewhere")
    assert task_of(tmp_path / "elsewhere" / "fruit").fingerprint() == before


@pytest.fixture
def cached(fruit: Path) -> Path:
    """`owner/fruit` at COMMIT, as an earlier download left it in the cache."""
    from datasets import config, load_dataset

    load_dataset(str(fruit))
    made = next(Path(config.HF_DATASETS_CACHE).glob("fruit/*/*/*/dataset_info.json")).parent
    folder = Path(config.HF_DATASETS_CACHE) / "owner___fruit" / "default" / "0.0.0" / COMMIT
    shutil.copytree(made, folder)
    info = json.loads((folder / "dataset_info.json").read_text())
    (folder / "dataset_info.json").write_text(json.dumps({**info, "config_name": "default"}))
    return folder


@pytest.mark.parametrize("folder", ["owner/fruit", f"owner/fruit@{COMMIT}"])
def test_a_downloaded_data_set_needs_no_connection(cached: Path, fruit: Path, folder: str) -> None:
    assert cached.is_dir()
    task = task_of(folder)
    assert (task.name, task.source) == ("owner/fruit", f"Hugging Face data set owner/fruit, revision {COMMIT[:12]}")
    assert list(task.images("train", 4)) == list(task_of(fruit).images("train", 4))


def test_the_fingerprint_of_a_hub_id_follows_its_revision(cached: Path) -> None:
    before = task_of("owner/fruit").fingerprint()
    assert task_of(f"owner/fruit@{COMMIT}").fingerprint() == before
    cached.rename(cached.with_name("f" * 40))
    assert task_of("owner/fruit").fingerprint() != before


def test_offline_cache_with_another_revision_is_refused(cached: Path) -> None:
    assert cached.is_dir()
    with pytest.raises(DataError, match=rf"cannot reach the hub for owner/fruit@v2, .*revision {COMMIT}; .*pin"):
        task_of("owner/fruit@v2")


def test_data_set_outside_of_the_cache_needs_a_connection() -> None:
    with pytest.raises(DataError, match=r"cannot open the data set owner/new: .*; connect to the hub once"):
        task_of("owner/new")


def test_errors_of_gated_and_missing_data_sets_give_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    from datasets.exceptions import DatasetNotFoundError

    def refuse(message: str) -> Any:
        def load(*_: object, **__: object) -> None:
            raise DatasetNotFoundError(message)

        return load

    monkeypatch.setattr(datasets, "load_dataset_builder", refuse("Dataset 'a/b' is a gated dataset on the Hub.\nVisit"))
    with pytest.raises(DataError, match=r"gated dataset on the Hub\. Visit; accept its terms .*hf auth login"):
        task_of("a/b")
    monkeypatch.setattr(datasets, "load_dataset_builder", refuse("Dataset 'a/b' doesn't exist on the Hub"))
    with pytest.raises(DataError, match="check the id and the revision"):
        task_of("a/b")


@pytest.mark.parametrize("folder", ["mnist", "data/my/fruit", "./fruit", "owner/fruit@"])
def test_invalid_hub_ids_are_refused(folder: str) -> None:
    with pytest.raises(DataError, match=r"no such folder: .* write a hub id as owner/name or owner/name@revision"):
        task_of(folder)


def test_folder_without_a_data_set_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "read.me").write_text("nothing")
    with pytest.raises(DataError, match="must contain one data set") as refused:
        task_of(tmp_path / "notes")
    assert "\n" not in str(refused.value)


def test_code_in_a_folder_is_not_run(fruit: Path) -> None:
    (fruit / "fruit.py").write_text("raise SystemExit('ran')")
    with pytest.raises(DataError, match="scripts are no longer supported"):
        task_of(fruit)
