"""Steps that make prompts: caption (real images, in parts), describe (a class), prompt (for every class) and encode (to
embeddings)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, ClassVar

from pydantic import Field, JsonValue

from prettyuseful.engine.keys import digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Resources, StepSpec
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.pocket import is_pocket
from prettyuseful.hub.commits import check_resolved
from prettyuseful.memory import explain_out_of_memory
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.source import DESCRIBER, CaptionerSource, open_captioner
from prettyuseful.prompts.strategies import PromptRequest, write_prompts
from prettyuseful.prompts.writers.source import WriterSource, open_writer
from prettyuseful.redaction import redact_strings
from prettyuseful.steps.inputs import read_classes, read_prompts, read_slice, write_json


class CaptionSpec(StepSpec):
    """Caption the images `first` to `stop` of a data set, one caption per image.

    `words` are what the question says for classes whose names are no words, by class name.
    """

    kind: ClassVar[str] = "caption"
    pace: ClassVar[float] = 0.0006
    version: ClassVar[int] = 4
    captioner: Pinned[CaptionerSource]
    first: int
    stop: int
    numerics: Numerics
    words: dict[str, str] = Field({})

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.data.images import decode
        from prettyuseful.data.threads import map_in_order, preparing_threads
        from prettyuseful.prompts.captioners.base import Picture

        self.numerics.apply()
        captioner, classes = open_captioner(self.captioner, self.numerics), read_classes(job, "images")
        rows = list(read_slice(job, "images", self.first, self.stop))
        names = [self.words.get(name, name) for name in classes]
        images = map_in_order(lambda row: decode(row.data, row.path), rows, preparing_threads(self.numerics))
        pictures = [
            Picture(image, names[row.label], row.path, row.place) for row, image in zip(rows, images, strict=True)
        ]
        captions = captioner.captions(pictures)
        write_json(job.folder / "captions.json", [[row.label, c] for row, c in zip(rows, captions, strict=True)])
        return {"captions": len(captions), "applied": redact_strings(captioner.applied())}

    @property
    def rate_class(self) -> str:
        return f"caption {self.captioner.source.model}"

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if self.captioner.source.model == DESCRIBER else None


class DescribeSpec(StepSpec):
    """Let a language model write varied prompts of one class, which prompts call `words`."""

    kind: ClassVar[str] = "describe"
    pace: ClassVar[float] = 1.0
    writer: Pinned[WriterSource]
    words: str
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.prompts.writers.described import describe_class

        self.numerics.apply()
        writer, source = open_writer(self.writer, self.numerics), self.writer.source
        made = describe_class(writer, self.words, source.per_class, source.instruction, source.seed)
        write_json(job.folder / "described.json", made.prompts)
        return {
            "prompts": len(made.prompts),
            "requests": made.requests,
            "left_out": made.left_out,
            "applied": redact_strings(writer.applied()),
        }

    @property
    def rate_class(self) -> str:
        return f"{self.kind} {self.writer.source.model}"

    @property
    def assumed_pace(self) -> float | None:
        return None


class PromptSpec(StepSpec):
    """Write the prompts of every class by one strategy. For a strategy that needs captions, the inputs are their parts;
    for one that needs a writer, the prompts of each class.

    `options` are the resolved options of the strategy. `words` are what prompts say for classes whose names are no
    words, by class name.
    """

    kind: ClassVar[str] = "prompt"
    pace: ClassVar[float] = 0.01
    version: ClassVar[int] = 4
    strategy: Pinned[str]
    classes: tuple[str, ...]
    words: dict[str, str] = Field({})
    options: dict[str, JsonValue] = Field({})

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.prompts.diversity import diversity_of

        captions = tuple((label, text) for part in _parts(job, "captions") for label, text in part)
        described = tuple(tuple(part) for part in _parts(job, "described"))
        words = tuple(self.words.get(name, name) for name in self.classes)
        prompts = write_prompts(self.strategy.source, PromptRequest(words, self.options, captions, described))
        write_json(job.folder / "prompts.json", {"classes": self.classes, "prompts": prompts.prompts})
        writing = [job.inputs[name].manifest.facts for name in sorted(job.inputs) if name.startswith("described ")]
        return {
            "prompts": sum(len(options) for options in prompts.prompts),
            "diversity": diversity_of(prompts.prompts).model_dump(mode="json"),
            **({"written": _join_writing(writing)} if writing else {}),
        }


def _parts(job: Job, kind: str) -> Iterator[list[Any]]:
    """Yield the content of the inputs of one kind, in order."""
    for name in sorted(name for name in job.inputs if name.startswith(f"{kind} ")):
        yield json.loads(job.inputs[name].path(f"{kind}.json").read_text("utf-8"))


def _join_writing(facts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the settings of a writer, with the sums over the classes of what it was asked and what was left out."""
    left_out = sum((Counter(of_class["left_out"]) for of_class in facts), Counter[str]())
    served = sorted({name for of_class in facts for name in of_class["applied"].get("served", ())})
    applied = facts[0]["applied"] | ({"served": served} if served else {})
    return {**applied, "requests": sum(of_class["requests"] for of_class in facts), "left_out": dict(left_out)}


class EncodeSpec(StepSpec):
    """Encode the prompts `first` to `stop`, numbered over all classes, and the negative prompt if `guided`.

    `sequence` is the largest number of tokens for the long text encoder. `instruction`: see `Sampling`. `sampling`: the
    settings, for a model whose call is recorded. Each prompt is encoded separately, so the division into parts does
    not change the result.
    """

    kind: ClassVar[str] = "encode"
    version: ClassVar[int] = 2
    pace: ClassVar[float] = 0.02
    generator: str
    model: Pinned[GeneratorChoice]
    sequence: int | None
    guided: bool
    negative: str | None
    first: int
    stop: int
    numerics: Numerics
    instruction: bool = False
    sampling: Sampling | None = None

    def key_content(self) -> dict[str, Any]:
        content = super().key_content()
        if not self.instruction:  # keys without it are older than this field
            del content["instruction"]
        if self.sampling is None:  # so are keys without this one
            del content["sampling"]
        return content

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.engine.cache import cached_model
        from prettyuseful.generators.embeddings import save_embeddings
        from prettyuseful.generators.encoder import PromptEncoder
        from prettyuseful.hub.library_logs import capture_library_logs

        self.numerics.apply()
        check_resolved(self.model.content, self.generator)
        texts = list(chain.from_iterable(read_prompts(job, "prompts").prompts))[self.first : self.stop]
        encoded, truncated = {}, {}
        # Libraries log every truncated prompt; the facts count them instead.
        with explain_out_of_memory(text_encoders_too_large(self.generator)), capture_library_logs():
            encoder = cached_model(
                PromptEncoder,
                self.model.source,
                self.numerics,
                self.instruction,
                self.sampling,
                content=digest(self.model.content),
            )
            with encoder.on_device():
                for number, text in enumerate(texts, self.first):
                    encoded[number] = encoder.encode(text)
                    if tokenizers := encoder.too_long(text):
                        truncated[str(number)] = tokenizers
                    job.progress((number - self.first + 1) / len(texts))
                negative = encoder.encode_negative(self.negative) if self.guided else {}
        save_embeddings(encoded, negative, job.folder)
        return {"prompts": len(texts), "cut": truncated}

    @property
    def assumed_bytes(self) -> float | None:
        from prettyuseful.generators.models import embedding_bytes

        return embedding_bytes(self.generator, self.numerics.dtype)

    @property
    def needs(self) -> Resources:
        from prettyuseful.generators.models import encoding_memory

        return replace(super().needs, memory=encoding_memory(self.generator, self.numerics.dtype))

    @property
    def rate_class(self) -> str:
        return f"encode {self.generator}"

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if is_pocket(self.generator) else None


def text_encoders_too_large(generator: str) -> str:
    """Return the message for text encoders that do not fit into the memory."""
    return f"{generator}: its text encoders exceed the memory; use a device with more memory"
