"""What a learned score is computed with: a CLIP model, with a head for some, a classifier, or a model that is asked."""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from prettyuseful.aesthetics.models import ClassifierModel, HeadFile, QuestionModel, ScoreModel
from prettyuseful.encoders.heads import Head, read_head
from prettyuseful.encoders.source import EncoderSource
from prettyuseful.endpoints.access import EndpointSettings
from prettyuseful.engine.keys import file_sha256
from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.fields import RelativePath, resolve_existing_path
from prettyuseful.hub.commits import check_resolved, resolve
from prettyuseful.hub.files import download_file, pin_model_source
from prettyuseful.hub.ids import is_hub_id
from prettyuseful.paths import exists, is_file

_LOCAL_MODEL = RelativePath(resolve_existing_path, only_if=lambda settings: settings.endpoint is None)
Place = Annotated[str, RelativePath(resolve_existing_path), Field(min_length=1)]


class ScoreSettings(EndpointSettings):
    """Settings of a learned score."""

    model: Annotated[str, _LOCAL_MODEL, Field(min_length=1)] | None = Field(
        None,
        description="the CLIP model, or the vision-language model of vqascore: a hub id (owner/name@revision), a "
        "folder, or the name of a model at the endpoint; for classifier-agreement a timm id or efficientnet-lite0",
    )
    weights: Place | None = Field(
        None, description="other weights of the classifier of classifier-agreement: a safetensors file or a hub id"
    )
    endpoint: str | None = Field(
        None,
        description="for vqascore, base URL of an OpenAI-compatible server that returns logprobs, such as "
        "http://localhost:8000/v1",
    )
    head: Place | None = Field(
        None, description="the head of an aesthetic predictor: a file, or the hub id of a repository with that file"
    )
    text: Literal["prompt", "class"] = Field(
        "prompt",
        description="the text with which an image is compared: prompt, its own prompt where the data set records one, "
        "else that of its class; or class, 'a photo of a <class>' for all images",
    )

    @model_validator(mode="after")
    def _endpoint_has_a_model(self) -> ScoreSettings:
        if self.endpoint is not None and self.model is None:
            raise ValueError("endpoint needs the name of a model; add model")
        return self


def check_settings(name: str, used: Container[str], given: ScoreSettings) -> None:
    """Check that a score uses all settings that a study gives it.

    Raises:
        DataError: it has no such setting.
    """
    for field in given.model_fields_set:
        if field not in used and getattr(given, field) is not None:
            raise DataError(f"{name} has no {field}; remove {field}")


def score_encoder(model: ScoreModel, given: ScoreSettings) -> EncoderSource:
    """Return the CLIP model of a learned score, with the weights that a study gives, or the defaults."""
    return EncoderSource(name=model.encoder, weights=given.model or model.weights)


def model_words(model: ScoreModel | QuestionModel | ClassifierModel, given: ScoreSettings) -> str:
    """Return the model of a learned score for reports, without paths and commits."""
    if isinstance(model, ScoreModel):
        return score_encoder(model, given).words.partition("@")[0]
    if isinstance(model, ClassifierModel):
        return agreement_classifier(model, given).words
    if given.endpoint is not None:
        return f"{given.model} at an endpoint"
    place = given.model or ""
    return Path(place).resolve().name if exists(place) else place.partition("@")[0]


def pin_head(name: str, model: ScoreModel, given: ScoreSettings) -> Pinned[str] | None:
    """Pin the head of a learned score to the content of its file, or to a commit of the hub; None if it has no head.

    `name`: of the score, for messages.

    Raises:
        DataError: there is no default and no file is given, it cannot be read, or the hub does not have it.
    """
    head, place = model.head, given.head
    used = ("model", *(["head"] if head else []), *(["text"] if model.reads == "prompt" else []))
    check_settings(name, used, given)
    if head is None:
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


def agreement_classifier(model: ClassifierModel, given: ScoreSettings) -> EncoderSource:
    """Return the classifier of a score as an encoder, whose features are those before its last layer."""
    return EncoderSource(name=given.model or model.classifier, weights=given.weights)


def pin_question_model(name: str, given: ScoreSettings) -> Pinned[ScoreSettings]:
    """Pin the vision-language model of a score: to the content of its folder, to a commit of the hub, or to its name at
    an endpoint. The source of the result names the commit.

    `name`: of the score, for messages.

    Raises:
        DataError: no model is given, it is neither a folder nor a hub id, or the hub does not have it.
    """
    check_settings(name, ("model", "text", "endpoint", "api_key_env", "concurrency"), given)
    if given.model is None:
        raise DataError(
            f"{name} has no default model; give an image-text-to-text model of transformers as score_models: "
            f"{{{name}: {{model: owner/name}}}}, or a model at an endpoint: {{model: NAME, endpoint: URL}}"
        )
    if given.endpoint is not None:
        return Pinned(source=given, content={"kind": "endpoint", "model": given.model})
    if not is_file(Path(given.model, "config.json")) and not is_hub_id(given.model):
        raise DataError(
            f"the model {given.model!r} is neither a hub id such as owner/name nor a folder with a config.json"
        )
    pinned = pin_model_source(given.model)
    return Pinned(source=given.model_copy(update={"model": pinned.source}), content=pinned.content)


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
