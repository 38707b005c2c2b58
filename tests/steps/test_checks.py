from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

from tests.checks.pictures import clean, encoded, picture

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.diagnosis.formats import FileFacts
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.steps.checks import FINDINGS, CheckSpec, InspectSpec, file_facts, image_set

Make = Callable[..., Artifact]


class PicturesSpec(StepSpec):
    """Pictures of two classes from the number `first` on, and copies of the pictures `copied`."""

    kind: ClassVar[str] = "pictures"
    first: int
    copied: tuple[int, ...] = ()

    def make(self, job: Job) -> dict[str, Any]:
        images = {**clean(self.first), **{f"a/copy-{i}.png": encoded(picture(i)) for i in self.copied}}
        rows = [Row(data, path, "ab".index(path[0]), group=path) for path, data in images.items()]
        write_shard(job.folder / shard_name(0, 1), rows, ("a", "b"))
        return {"classes": ["a", "b"], "images": len(rows)}


def inspected(make: Make, first: int, *copied: int) -> Artifact:
    return make(InspectSpec(), dataset=make(PicturesSpec(first=first, copied=copied)))


def findings(artifact: Artifact) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(artifact.path(FINDINGS).read_text("utf-8"))
    return found


def test_every_image_of_a_data_set_is_inspected(make: Make) -> None:
    artifact = inspected(make, 0, 500)
    assert artifact.manifest.facts == {"images": 25, "not_finite": 0}
    images = image_set("made", "synthetic", artifact)
    assert (images.name, images.role, images.title, len(images)) == ("made", "synthetic", "images of made", 25)
    assert "a/copy-500.png" in images.table.paths


def test_a_synthetic_set_is_compared_with_both_kinds_of_real_images(make: Make) -> None:
    inputs = {"train": inspected(make, 0), "test": inspected(make, 100)}
    spec = CheckSpec(name="made", role="synthetic")
    artifact = make(spec, images=inspected(make, 200, 3, 104, 105), **inputs)
    assert artifact.manifest.facts == {"findings": ["leaked", "copied"]}
    leaked, copied = findings(artifact)
    assert leaked["words"] == (
        "2 of 27 images of made (7.4%) are copies of 2 of the 24 real test images, as near-duplicates."
    )
    assert (copied["set"], copied["against"], copied["count"]) == ("made", "real", 1)


def test_real_training_images_are_checked_together_with_the_test_images(make: Make) -> None:
    images, test = inspected(make, 0, 101), inspected(make, 100, 102)
    found = findings(make(CheckSpec(name="real", role="train"), images=images, test=test))
    assert [(finding["check"], finding["set"]) for finding in found] == [("leaked", "real"), ("repeated", "real test")]


def test_clean_sets_have_no_findings(make: Make) -> None:
    artifact = make(CheckSpec(name="real", role="train"), images=inspected(make, 0), test=inspected(make, 100))
    assert findings(artifact) == []


def test_the_formats_of_inspected_files_are_read_for_the_diagnosis(make: Make) -> None:
    artifact = inspected(make, 0, 500)
    facts = dict(zip(image_set("made", "synthetic", artifact).table.paths, file_facts(artifact), strict=True))
    assert facts["a/copy-500.png"] == FileFacts("PNG", 48, 48, label=0, group="a/copy-500.png")
    assert facts["b/001.jpg"] == FileFacts("JPEG", 48, 48, 95, "4:2:0", "standard", label=1, group="b/001.jpg")
