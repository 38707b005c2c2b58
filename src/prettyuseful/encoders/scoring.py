"""What a learned score is computed with: a CLIP model and, for some, a head; each pinned to its content."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from prettyuseful.aesthetics.models import HeadFile, QuestionModel, ScoreModel
from prettyuseful.encoders.heads import Head, read_head
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.fields import RelativePath, resolve_existing_path
from prettyuseful.hub.commits import check_resolved, resolve
from prettyuseful.hub.files import download_file, pin_model_source
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.paths import exists, is_file

Place = Annotated[str, RelativePath(resolve_existing_path), Field(min_length=1)]


class ScoreSettings(BaseModel):
    """Settings of a learned score."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    model: Place | None = Field(
        None, description="the CLIP model, or the vision-language model: a hub id (owner/name@revision) or a folder"
    )
    head: Place | None = Field(
        None, description="the head of an aesthetic predictor: a file, or the hub id of a repository with that file"
    )
    text: Literal["prompt", "class"] = Field(
        "prompt",
        description="the text with which an image is compared: prompt, its own prompt where the data set records one, "
        "else that of its class; or class, 'a photo of a <class>' for all images",
    )


def score_encoder(model: ScoreModel, given: ScoreSettings) -> EncoderSource:
    """Return the CLIP model of a learned score, with the weights that a study gives, or the defaults."""
    return EncoderSource(name=model.encoder, weights=given.model or model.weights)


def model_words(model: ScoreModel | QuestionModel, given: ScoreSettings) -> str:
    """Return the model of a learned score for reports, without paths and commits."""
    if isinstance(model, ScoreModel):
        return score_encoder(model, given).words.partition("@")[0]
    place = given.model or ""
    return Path(place).resolve().name if exists(place) else place.partition("@")[0]


def pin_head(name: str, model: ScoreModel, given: ScoreSettings) -> Pinned[str] | None:
    """Pin the head of a learned score to the content of its file, or to a commit of the hub; None if it has no head.

    `name`: of the score, for messages.

    Raises:
        DataError: there is no default and no file is given, it cannot be read, or the hub does not have it.
    """
    head, place = model.head, given.head
    if head is None:
        if place is not None:
            raise DataError(f"{name} has no head; remove head")
        return None
    if place is not None and (exists(place) or not is_hub_id(place)):
        return Pinned(source=place, content={"sha256": _sha256(Path(place))})
    if place is None and head.repository is None:
        raise DataError(
            f"{name} has no default head; download {head.file} from {head.origin}, and give it as score_models: "
            f"{{{name}: {{head: {head.file}}}}}"
        )
    commit = resolve(place or str(head.repository))
    return Pinned(source=commit.id, content={**commit.content, "file": head.file})


def pin_question_model(name: str, given: ScoreSettings) -> Pinned[str]:
    """Pin the vision-language model of a score to the content of its folder, or to a commit of the hub.

    `name`: of the score, for messages.

    Raises:
        DataError: no model is given, it is neither a folder nor a hub id, or the hub does not have it.
    """
    if given.head is not None:
        raise DataError(f"{name} has no head; remove head")
    if given.model is None:
        raise DataError(
            f"{name} has no default model; give an image-text-to-text model of transformers as score_models: "
            f"{{{name}: {{model: owner/name}}}}"
        )
    if not is_file(Path(given.model, "config.json")) and not is_hub_id(given.model):
        raise DataError(
            f"the model {given.model!r} is neither a hub id such as owner/name nor a folder with a config.json"
        )
    return pin_model_source(given.model)


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
    if content != {"sha256": _sha256(file)}:
        raise DataError(f"the head {file} has changed since the study was planned; run the study again")
    return read_head(file, head.layout)


def _sha256(file: Path) -> str:
    try:
        return file_sha256(file)
    except OSError as error:
        raise DataError(f"cannot read the head {file}: {error.strerror or error}; check the path") from error
