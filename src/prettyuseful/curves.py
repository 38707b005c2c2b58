"""How each training went, epoch by epoch, for people to look at: JSON lines, and TensorBoard's files if it is there."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

from prettyuseful.engine.store.base import Store
from prettyuseful.plan.study import Plan
from prettyuseful.records import dataset_label, run_label

LOG = "epochs.jsonl"


def place_curves(plan: Plan, store: Store, folder: Path) -> None:
    """A folder for each finished training, named as its record is: its log, and event files of the same numbers."""
    for run in plan.runs:
        artifact = store.read(run.train)
        if artifact is None:
            continue
        data = dataset_label(run.dataset, run.images_per_class, run.steps_of)
        place = folder / run_label(data, run.cell.names, run.seed)
        text = artifact.path(LOG).read_text("utf-8")
        if (place / LOG).is_file() and (place / LOG).read_text("utf-8") == text:
            continue
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        if find_spec("tensorboard"):
            _write_events(place, text)
        (place / LOG).write_text(text, encoding="utf-8")


def _write_events(place: Path, text: str) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(place)) as writer:
        for line in text.splitlines():
            values = json.loads(line)
            epoch = values.pop("epoch")
            for name, value in values.items():
                writer.add_scalar(name, value, epoch)
