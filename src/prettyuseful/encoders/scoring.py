"""What a learned score is computed with: a CLIP model and, for some, a head; each pinned to its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from prettyuseful.aesthetics.heads import Head, read_head
from prettyuseful.aesthetics.learned import HeadFile, ScoreModel
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.fields import RelativePath, resolve_existing_path
from prettyuseful.hub.commits import check_resolved, resolve
from prettyuseful.hub.files import download_file
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.paths import exists

Place = Annotated[str, RelativePath(resolve_existing_path), Field(min_length=1)]


class ScoreWeights(BaseModel):
    """Other weights of a learned score than its defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: Place | None = Field(None, description="the CLIP model: a hub id (owner/name@revision) or a folder")
    head: Place | None = Field(
        None, description="the head of an aesthetic predictor: a file, or the hub id of a repository with that file"
    )


@dataclass(frozen=True)
class PinnedScoreModel:
    """A model behind a score, as steps use it: its encoder, and the head if it has one."""

    encoder: Pinned[EncoderSource]
    head: Pinned[str] | None


def pin_score_model(name: str, model: ScoreModel, given: ScoreWeights | None = None) -> PinnedScoreModel:
    """Pin everything that changes a learned score.

    Args:
        name: of the score, for messages.
        model: what it is computed with.
        given: weights to use instead of the defaults.

    Raises:
        UserError: weights are missing, cannot be read, or the hub does not have them.
    """
    given = given or ScoreWeights()
    if model.head is None and given.head is not None:
        raise DataError(f"{name} has no head; remove head")
    encoder = EncoderSource(name=model.encoder, weights=given.model or model.weights)
    return PinnedScoreModel(encoder.pin(), _pin_head(name, model.head, given.head) if model.head else None)


def _pin_head(name: str, head: HeadFile, given: str | None) -> Pinned[str]:
    place = given or head.repository
    if place is None:
        raise DataError(
            f"{name} needs the file {head.file}, which is not on the hub; download it from {head.origin}, and give it "
            f"as score_weights: {{{name}: {{head: {head.file}}}}}"
        )
    if given is not None and (exists(given) or not is_hub_id(given)):
        try:
            return Pinned(source=given, content={"sha256": file_sha256(Path(given))})
        except OSError as error:
            raise DataError(f"cannot read the head {given}: {error.strerror or error}; check the path") from error
    commit = resolve(place)
    return Pinned(source=commit.id, content={**commit.content, "file": head.file})


def open_head(name: str, head: HeadFile, pinned: Pinned[str]) -> Head:
    """Return the head of a score.

    Raises:
        DataError: the file cannot be read or downloaded, or has changed since the study was planned.
    """
    check_resolved(pinned.content, name)
    content = pinned.content
    if isinstance(content, dict) and "hub" in content:
        return read_head(download_file(pinned.source, head.file), head.layout)
    file = Path(pinned.source)
    result = read_head(file, head.layout)
    if content != {"sha256": file_sha256(file)}:
        raise DataError(f"the head {file} has changed since the study was planned; run the study again")
    return result
