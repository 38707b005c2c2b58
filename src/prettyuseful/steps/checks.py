"""Steps that check images: inspect each data set once, then compare it with the real images."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from prettyuseful.checks.image_set import ImageSet, ImageTable, Role
from prettyuseful.diagnosis.formats import FileFacts
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.engine.store.base import Artifact
from prettyuseful.steps.inputs import read_classes, read_rows, write_json

FINDINGS = "findings.json"
_TITLES: dict[Role, str] = {"train": "real training images", "test": "real test images"}


class InspectSpec(StepSpec):
    """Read every image of a data set once: facts on the file, a digest, and a small grey thumbnail."""

    kind: ClassVar[str] = "inspect"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.002

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.checks.inspection import EncodedImage, inspect_images

        facts = job.inputs["dataset"].manifest.facts
        rows = job.track_progress(read_rows(job, "dataset"), facts["images"])
        images = (EncodedImage(partial(bytes, row.data), row.path, row.path, row.label, row.group) for row in rows)
        table = inspect_images(images, read_classes(job, "dataset"))
        table.save(job.folder)
        return {"images": len(table), "not_finite": facts.get("not_finite", 0)}


class CheckSpec(StepSpec):
    """Run the data checks on the inspected images `images` of the data set `name`.

    Synthetic images are compared with the inspected real images in `train` and `test`. If `images` are the real
    training images, the test images are checked, too. The step stores findings in `findings.json`. `conditioned`: see
    `ImageSet`.
    """

    kind: ClassVar[str] = "check"
    pace: ClassVar[float] = 0.0002
    grows: ClassVar[bool] = False
    name: str
    role: Role
    conditioned: bool = False

    def key_content(self) -> dict[str, Any]:
        content = super().key_content()
        if not self.conditioned:  # keys without it are older than this field
            del content["conditioned"]
        return content

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.checks.image_set import Sets
        from prettyuseful.checks.rows import check_images

        images = replace(image_set(self.name, self.role, job.inputs["images"]), conditioned=self.conditioned)
        test = image_set(f"{self.name} test" if self.role == "train" else "real test", "test", job.inputs["test"])
        if self.role == "train":
            sets = Sets((images, test))
        else:
            sets = Sets((images,), (image_set("real", "train", job.inputs["train"]), test))
        findings = check_images(sets)
        write_json(job.folder / FINDINGS, [finding.model_dump(mode="json") for finding in findings])
        return {"findings": [finding.check for finding in findings]}


def image_set(name: str, role: Role, inspected: Artifact) -> ImageSet:
    """Return inspected images as a set with a role."""
    table = ImageTable.load(inspected.path("images.json"), inspected.path("images.npz"))
    return ImageSet(name, role, table, _TITLES.get(role, ""), not_finite=inspected.manifest.facts.get("not_finite", 0))


def file_facts(inspected: Artifact) -> list[FileFacts]:
    """Return what the diagnosis compares of inspected image files: one entry per readable image."""
    table = ImageTable.load(inspected.path("images.json"), inspected.path("images.npz"))
    return [
        FileFacts(
            container=table.formats[row],
            width=int(table.widths[row]),
            height=int(table.heights[row]),
            jpeg_quality=int(table.qualities[row]) or None,
            jpeg_subsampling=table.subsamplings[row] or None,
            jpeg_tables=table.tables[row] or None,
            converted_profile=bool(table.profiles[row]),
            label=int(table.labels[row]),
            group=table.groups[row],
        )
        for row in range(len(table))
    ]
