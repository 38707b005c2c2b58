"""Tar shards: class folders, or WebDataset, in which consecutive files with one key (`0.jpg`, `0.cls`) form a sample.

Archives are untrusted: nothing is unpacked, no link is followed, and headers cannot make the reader allocate memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Literal

from prettyuseful.data.sources.base import Sample, ShardSource
from prettyuseful.data.sources.class_folders import ClassFolders, find_classes
from prettyuseful.data.sources.file_kinds import (
    file_kind,
    is_tool_folder,
    kind_of_suffix,
    skipped_as,
    skipped_note,
    suffix_of,
)
from prettyuseful.data.sources.labels import label_text
from prettyuseful.data.sources.protocol import Kind
from prettyuseful.data.sources.safe_reading import (
    catch_parse_errors,
    check_label,
    check_name,
    check_size,
    is_name,
    printable,
    row_fields,
)
from prettyuseful.data.sources.tar_members import Member, open_tar
from prettyuseful.data.sources.walker import MAX_FILES, Folder, count_images
from prettyuseful.errors import DataError

KeyRule = Literal["first dot", "last dot", "first dot, longer suffix"]

_RULES: tuple[KeyRule, ...] = ("first dot", "last dot", "first dot, longer suffix")
_LABELS = ("cls", "json", "txt", "text", "index")
_MAX_TEXT = 1 << 20
_MAX_SAMPLE = 1 << 29  # bytes of one sample in a compressed archive


@dataclass(frozen=True)
class TarLayout:
    """What the members of tar files are, by their names alone.

    `tree`: the images in folders. `images`, `labelled`: number of images, and of those with a label of their own.
    `rule`: how a name is split into key and suffix. `only_texts`: whether all labels of their own are texts.
    `skipped`: number of members that belong to no image, by kind.
    """

    tree: Folder
    images: int
    labelled: int
    rule: KeyRule
    only_texts: bool
    skipped: Mapping[str, int]

    @property
    def has_class_folders(self) -> bool:
        """Whether the folders are the classes; then texts beside the images are their captions."""
        folders = self.tree.filled_folders()
        is_labelled = self.labelled > 0 and not self.only_texts
        return not is_labelled and bool(folders) and not (self.labelled and len(folders) < 2)


@dataclass(frozen=True, eq=False)
class WebDatasetSource(ShardSource):
    """Images in tar shards.

    The label is the string `label` or `class` of `.json`, or else the content of `.cls`, the number in `.json`, the
    content of `.txt`, or of `.index`. The prompt is the `prompt` of `.json`, or else the content of `.txt` if that is
    not the label. Without files of labels, the folder of an image is its class.

    `layout`: what the members are; None reads their names. `part`: the folder of `layout` whose images are read; None
    reads all.
    """

    layout: TarLayout | None = None
    part: Folder | None = None
    kind: ClassVar[Kind] = "webdataset"

    @property
    def labels_are_names(self) -> bool:
        return self._layout.has_class_folders

    def read_samples(self) -> Iterator[Sample]:
        rule = self._layout.rule
        for shard, shard_name in zip(self.shards, self.shard_names, strict=True):
            repeated: Counter[int] = Counter()
            with open_tar(shard, _is_wanted) as members:
                used = filter(_is_used, members)
                for (_, key), group in groupby(used, lambda member: (member.archive, _split(member.name, rule)[0])):
                    if self._part_folders is None or key.rpartition("/")[0] in self._part_folders:
                        yield from self._samples_of(key, group, shard, shard_name, repeated)

    def reading_notes(self) -> tuple[str, ...]:
        notes = [*self._folder_classes.notes] if self._layout.has_class_folders else []
        return (*notes, *filter(None, [skipped_note(printable(self.location), self._layout.skipped)]))

    @cached_property
    def _layout(self) -> TarLayout:
        return read_layout(self.shards) if self.layout is None else self.layout

    @cached_property
    def _folder_classes(self) -> ClassFolders:
        return find_classes(self.part or self._layout.tree, printable(self.location))

    @cached_property
    def _part_folders(self) -> set[str] | None:
        return None if self.part is None else {folder.path for folder in self.part.walk()}

    @cached_property
    def _class_of_folder(self) -> dict[str, str]:
        """The class of each folder in the archives that holds images."""
        return {folder.path: name for name, top in self._folder_classes.folders.items() for folder in top.walk()}

    def _samples_of(
        self, key: str, group: Iterator[Member], shard: Path, shard_name: str, repeated: Counter[int]
    ) -> Iterator[Sample]:
        location = f"{printable(shard)}: sample '{printable(key)}'"
        images, texts = self._split_sample(group, location)
        if not images:
            return
        if self._layout.has_class_folders:
            for image in images:
                label = self._class_of_folder.get(image.name.rpartition("/")[0])
                if label is not None:
                    check_label(label, image.location)
                    fields = self._caption(texts) if len(images) == 1 else {}
                    yield self._sample(image, label, shard_name, repeated, fields)
            return
        if len(images) != 1:
            raise DataError(
                f"{location} has {len(images)} images; pack one image and its label next to each other "
                "(tar --sort=name); the key ends at the first dot of the name"
            )
        label, fields = _label_and_fields(texts, self._class_by_folder(images[0]), location)
        yield self._sample(images[0], label, shard_name, repeated, fields)

    def _class_by_folder(self, image: Member) -> str | None:
        """Return the class of the folder of an image, if there are several."""
        if len(self._layout.tree.filled_folders()) < 2:
            return None
        return self._class_of_folder.get(image.name.rpartition("/")[0])

    def _split_sample(self, group: Iterator[Member], location: str) -> tuple[list[Member], dict[str, Member]]:
        """Return the images of a sample, and its other files by suffix."""
        images: dict[str, Member] = {}
        texts: dict[str, Member] = {}
        size = 0
        rule, folders = self._layout.rule, self._layout.has_class_folders
        for member in group:
            check_name(member.name, member.location)
            suffix = _split(member.name, rule)[1]
            is_image = _is_image(suffix, rule) or (folders and file_kind(member.name) == "image")
            suffix = suffix if is_image or rule != "first dot, longer suffix" else suffix.rpartition(".")[2]
            target = images if is_image else texts
            if not is_image and suffix not in _LABELS:
                continue
            if suffix in target and not folders:
                raise DataError(f"{location} has two files .{suffix}; give each sample a unique key")
            target[member.name if is_image else suffix] = member
            size += member.size
            check_size(size if len(target) > 1 else 0, location, _MAX_SAMPLE)  # a compressed one is kept in memory
        return [*images.values()], texts

    def _caption(self, texts: Mapping[str, Member]) -> dict[str, Any]:
        if "json" in texts:
            return row_fields(_json(texts["json"]))
        caption = texts.get("txt", texts.get("text"))
        return row_fields({"prompt": _text(caption)}) if caption else {}

    def _sample(
        self, image: Member, label: str, shard_name: str, repeated: Counter[int], fields: Mapping[str, Any]
    ) -> Sample:
        """Return a sample; an image whose name occurred before in the shard gets a number behind its path."""
        number = repeated[hash(image.name)]
        repeated[hash(image.name)] += 1
        path = f"{shard_name}/{image.name}" + (f"#{number + 1}" if number else "")
        return Sample(label, path, image.location, image.read, fields)


def read_layout(shards: tuple[Path, ...]) -> TarLayout:
    """Find out what the members of tar files are, by their names alone.

    The rule by which names are split is the one that gives most images a label; as in the webdataset library, the key
    ends at the first dot unless another rule gives more.

    Raises:
        DataError: an archive is damaged, or an image is a link or a special file.
    """
    counters = {rule: _Counter(rule) for rule in _RULES}
    tree, skipped = Folder(), Counter[str]()
    folders: dict[str, Folder] = {"": tree}
    images = 0
    for shard in shards:
        with open_tar(shard, _nothing) as members:
            for member in members:
                _check_kind(member)
                if not _is_used(member):
                    if member.kind != "folder":
                        skipped[_skipped_as(member)] += 1
                    continue
                for counter in counters.values():
                    counter.add(member)
                if file_kind(member.name) == "image":
                    images += 1
                    _add_image(folders, member.name)
                    if images > MAX_FILES:
                        raise DataError(f"{printable(shard)}: more than {MAX_FILES:,} images; give fewer shards")
                elif suffix_of(member.name)[1:] not in _LABELS:
                    skipped[skipped_as(member.name.rpartition("/")[2])] += 1
        for counter in counters.values():
            counter.end()
    best = max(_RULES, key=lambda rule: counters[rule].labelled)  # the first of equal ones
    skipped.update(counters[best].without_image)
    labelled, texts = counters[best].labelled, counters[best].with_text_only
    if labelled == 0:
        best = "last dot"
    else:
        skipped.update(counters[best].further)
    return TarLayout(count_images(tree), images, labelled, best, labelled == texts, skipped)


@dataclass
class _Counter:
    """Counts the images that have a label of their own, if names are split by `rule`."""

    rule: KeyRule
    labelled: int = 0
    with_text_only: int = 0
    without_image: Counter[str] = field(default_factory=Counter)
    further: Counter[str] = field(default_factory=Counter)
    _key: tuple[int, str] | None = None
    _images: int = 0
    _labels: set[str] = field(default_factory=set)

    def add(self, member: Member) -> None:
        stem, suffix = _split(member.name, self.rule)
        if (member.archive, stem) != self._key:
            self.end()
            self._key = member.archive, stem
        if _is_image(suffix, self.rule):
            self._images += 1
        elif (last := suffix.rpartition(".")[2] if self.rule == _RULES[2] else suffix) in _LABELS:
            self._labels.add(last)
        elif file_kind(member.name) == "image":
            self.further[f".{suffix} beside the image"] += 1

    def end(self) -> None:
        if self._images == 1 and self._labels:
            self.labelled += 1
            self.with_text_only += self._labels <= {"txt", "text"}
        elif not self._images:
            self.without_image.update(f".{suffix} without image" for suffix in self._labels)
        self._key, self._images, self._labels = None, 0, set()


def _split(name: str, rule: KeyRule) -> tuple[str, str]:
    """Return the key and the suffix of a name; the suffix is in lower case and without a dot in front."""
    folder, slash, last = name.rpartition("/")
    stem, _, suffix = last.rpartition(".") if rule == "last dot" else last.partition(".")
    return (folder + slash + (stem or last), suffix.lower() if stem else "")


def _is_image(suffix: str, rule: KeyRule) -> bool:
    if rule == "first dot, longer suffix":
        suffix = suffix.rpartition(".")[2]
    return "." not in suffix and kind_of_suffix(f".{suffix}") == "image"


def _is_used(member: Member) -> bool:
    """Return whether a member may belong to a sample: hidden files and those of tools never do."""
    if member.kind != "file":
        return False
    folder, _, name = member.name.rpartition("/")
    return not name.startswith(".") and not _is_meta(name) and _is_used_folder(folder)


@lru_cache(maxsize=4096)
def _is_used_folder(folder: str) -> bool:
    parts = [part for part in folder.split("/") if part not in ("", ".", "..")]
    return not any(is_tool_folder(part) or _is_meta(part) for part in parts)


def _is_meta(name: str) -> bool:
    """Return whether a name is that of a meta file of the library: `__name__`, with any suffix."""
    stem = name.partition(".")[0]
    return len(stem) > 4 and stem.startswith("__") and stem.endswith("__")


def _is_wanted(name: str) -> bool:
    return file_kind(name) == "image" or suffix_of(name)[1:] in _LABELS


def _nothing(name: str) -> bool:  # noqa: ARG001
    return False


def _check_kind(member: Member) -> None:
    if member.kind in ("file", "folder") or not (_is_wanted(member.name) and is_name(member.name)):
        return
    remedy = {
        "link": "pack what it leads to (tar --dereference --hard-dereference)",
        "sparse": "pack it as a whole (tar without --sparse)",
    }.get(member.kind, "pack regular files only")
    what = {"link": "a link", "sparse": "a sparse file"}.get(member.kind, "a special file")
    raise DataError(f"{member.location} is {what}; {remedy}")


def _skipped_as(member: Member) -> str:
    kinds = {"link": "links", "sparse": "sparse files", "special": "special files"}
    parts = member.name.split("/")
    return kinds.get(member.kind) or skipped_as(next((part for part in parts if is_tool_folder(part)), parts[-1]))


def _add_image(folders: dict[str, Folder], path: str) -> None:
    above, _, name = path.rpartition("/")
    folder = folders.get(above) or _add_folder(folders, above)
    # Images outside of folders are many, and their place says nothing about their class: one stands for all.
    if above or not folder.images:
        folder.images.append(name)


def _add_folder(folders: dict[str, Folder], path: str) -> Folder:
    """Add a folder to a tree, and the folders above it."""
    missing = []
    while path not in folders:
        missing.append(path)
        path = path.rpartition("/")[0]
    folder = folders[path]
    for path in reversed(missing):
        child = folders[path] = Folder(path)
        folder.folders[child.name or "/"] = child
        folder = child
    return folder


def _label_and_fields(texts: Mapping[str, Member], folder: str | None, location: str) -> tuple[str, dict[str, Any]]:
    values = _json(texts["json"]) if "json" in texts else {}
    label = values.get("label", values.get("class"))
    if "cls" in texts and not isinstance(label, str):
        label = _text(texts["cls"])
    caption = texts.get("txt", texts.get("text"))
    if label is None and caption is not None:
        label = _text(caption)
    elif caption is not None:
        values.setdefault("prompt", _text(caption))
    if label is None and "index" in texts:
        label = _text(texts["index"])
    label = folder if label is None else label
    if label is None or isinstance(label, bool) or not isinstance(label, int | str | list):
        raise DataError(
            f'{location} has no label; add a .cls, a .txt or a .json with {{"label": ...}}, or pack class folders'
        )
    return label_text(label, None, location), row_fields(values)


def _json(member: Member) -> dict[str, Any]:
    with catch_parse_errors(member.location):
        values = json.loads(_text(member))
        return values if isinstance(values, dict) else {}


def _text(member: Member) -> str:
    with catch_parse_errors(member.location):
        check_size(member.size, member.location, _MAX_TEXT)
        return member.read().decode("utf-8-sig").strip()
