"""Steps that generate data sets: generate (one shard of one class) and collect (all shards)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.data.stored_format import StoredFormat
from prettyuseful.engine.cache import cached_model
from prettyuseful.engine.keys import derive_seed, digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Resources, StepSpec
from prettyuseful.errors import DataError, MemoryLimitError
from prettyuseful.generators.base import Drawn, Request, Sampling
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.conditions.base import Condition
from prettyuseful.generators.contrast import MAX_BLANK_SHARE, blank_problem, has_contrast
from prettyuseful.generators.hosted import join_counts
from prettyuseful.generators.micro_batches import BatchPlan
from prettyuseful.generators.pocket import is_pocket
from prettyuseful.generators.weights import LORA_NAME
from prettyuseful.hub.commits import check_resolved
from prettyuseful.memory import explain_out_of_memory, is_out_of_memory, largest_fitting_count
from prettyuseful.numerics import Numerics
from prettyuseful.redaction import redact_line, redact_strings
from prettyuseful.steps.inputs import read_prompts
from prettyuseful.steps.prompts import EncodeSpec, text_encoders_too_large
from prettyuseful.steps.sources import SourceImages

if TYPE_CHECKING:
    import torch

    from prettyuseful.engine.store.base import FileEntry, Manifest
    from prettyuseful.prompts.strategies import Prompts

SHARD = "shard.parquet"
"""The file with the images of a step that makes a part of a data set."""
_MAX_LINE = 300  # characters of a line that a library has logged
WRITERS = 4
"""Threads that encode images."""
_AHEAD = 3  # micro-batches that may wait for them
_HOPELESS = 8  # images that show nothing, and no others, after which a step stops
_NAMED = 3  # paths of such images that are named
_PAPER_FORMAT = StoredFormat(name="jpeg")


@dataclass(frozen=True)
class _MicroBatch:
    """Images of one class that are sampled together; index, prompt and seed of each."""

    class_name: str
    label: int
    indices: tuple[int, ...]
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]

    def first(self, count: int) -> _MicroBatch:
        """Return the first images of the micro-batch."""
        return replace(self, indices=self.indices[:count], prompts=self.prompts[:count], seeds=self.seeds[:count])


@dataclass(frozen=True)
class _Sampler:
    """How the images of a micro-batch are drawn, the settings in effect, and the prompts that were truncated.

    `truncated`: names of the tokenizers, by number of the prompt over all classes.
    """

    draw: Callable[[_MicroBatch], Drawn]
    applied: Callable[[], dict[str, Any]]
    truncated: dict[str, list[str]]


@dataclass(frozen=True)
class _Image:
    """A generated image: its row, whether it shows anything, and whether its values were finite."""

    row: Row
    shown: bool
    finite: bool


class Encoding(BaseModel):
    """How a step encodes the prompts of its images itself.

    `sequence` is the largest number of tokens for the long text encoder. `mixed`: whether a micro-batch holds images of
    several prompts. `version` is that of encoding.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    sequence: int | None
    mixed: bool
    version: int = EncodeSpec.version


class GenerateSpec(StepSpec):
    """Generate one shard: the micro-batches `first` to `stop` of one class.

    The images do not depend on how a class is divided into shards. `seed` is the seed of the data set; the seed of an
    image is a hash of it, the class, the prompt and the index within the class. `images` is the number of images of the
    class up to this shard; images beyond it pad the last micro-batch and are not stored. `generator` is the name in
    rows and messages. `sampling` is None for a user-defined generator. `condition`: what images are conditioned on
    besides prompts. `stored`: the format of the image files. Inputs are the prompts, for a diffusion pipeline without
    `encoding` their embeddings, and with a condition the real training images, see `SourceImages`.

    An image whose values are not finite is stored black, so that one overflow does not cost a data set, and counted
    with those of one colour. The step stops early if it makes nothing else; `CollectSpec` refuses too many of them.
    """

    kind: ClassVar[str] = "generate"
    version: ClassVar[int] = 5
    pace: ClassVar[float] = 0.03
    generates: ClassVar[bool] = True
    generator: str
    model: Pinned[GeneratorChoice]
    sampling: Sampling | None
    label: int
    images: int
    prompts: int
    first: int
    stop: int
    seed: int
    micro_batch: int
    numerics: Numerics
    encoding: Encoding | None = None
    stored: StoredFormat = StoredFormat()
    condition: Pinned[Condition] | None = None

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        prompts = read_prompts(job, "prompts")
        batches = self._micro_batches(prompts)
        sources = SourceImages(job, self.label) if self.condition is not None else None
        sampler = self._open(job, batches, sources)
        images, pending = list[_Image](), deque[Future[list[_Image]]]()
        total = sum(index < self.images for batch in batches for index in batch.indices)
        # The device samples the next micro-batch while threads fetch and encode the images of the previous one.
        with ThreadPoolExecutor(WRITERS) as writers, self._library_logs() as logs:
            for batch in batches:
                fetch = _start_host_copy(self._draw_or_explain(sampler, batch))
                pending.append(writers.submit(self._encode_images, fetch, batch, sources))
                while len(pending) > _AHEAD:
                    images += pending.popleft().result()
                self._check_any_shown(images)
                job.progress(len(images) / total)
            images += [image for future in pending for image in future.result()]
        self._check_any_shown(images)
        images.sort(key=lambda image: image.row.path)
        rows = [image.row for image in images]
        count = write_shard(job.folder / SHARD, rows, prompts.classes, with_sources=sources is not None)
        blank = [image.row.path for image in images if not image.shown]
        loras = [f"{lora.shown} at {lora.weight:g}" for lora in self.model.source.loras]
        added = {"lora": loras} if loras else {}
        return {
            "images": count,
            "without_contrast": len(blank),
            "not_finite": sum(not image.finite for image in images),
            "blank": blank[:_NAMED],
            "applied": redact_strings({**sampler.applied(), **added}),  # of user-defined classes, too
            "cut": sampler.truncated,
            **({"library_logs": [redact_line(line, _MAX_LINE) for line in logs]} if logs else {}),
        }

    def key_content(self) -> dict[str, Any]:
        content = super().key_content()
        if self.encoding is None:  # keys with embeddings as inputs are older than this field
            del content["encoding"]
        if self.condition is None:  # so are keys without this one
            del content["condition"]
        if self.stored == _PAPER_FORMAT:  # the only one when keys had no such field
            del content["stored"]
        return content

    @property
    def rate_class(self) -> str:
        """Generator, steps, guidance, size and micro-batch determine the speed."""
        words = [f"generate {self.generator}"]
        if self.sampling is not None:
            guided = " guided" if (self.sampling.cfg or 1) > 1 else ""
            words.append(f"{self.sampling.steps} steps{guided}, size {self.sampling.size}")
        if self.condition is not None:
            words.append(self.condition.source.words)
        if self.encoding is not None:
            words.append("with encoding")
        return ", ".join([*words, f"by {self.micro_batch}"])

    @property
    def assumed_pace(self) -> float | None:
        if not is_pocket(self.generator):
            return None
        computed, steps = self.computed_sampling, self.sampling
        return self.pace * (computed.steps or 1) / (steps.steps or 1) if computed and steps else self.pace

    @property
    def computed_sampling(self) -> Sampling | None:
        """The sampling settings, with the number of denoising steps that a condition leaves to be computed."""
        if self.sampling is None or self.condition is None or self.sampling.steps is None:
            return self.sampling
        return self.sampling.model_copy(update={"steps": self.condition.source.denoising_steps(self.sampling.steps)})

    @property
    def needs(self) -> Resources:
        """On a GPU, all weights are loaded through main memory, and text encoders stay there."""
        from prettyuseful.generators.models import joint_memory, weights_memory

        if self.numerics.device == "cpu" or self.sampling is None:
            return replace(super().needs, memory=self.peak_memory)
        with_encoders = self.encoding is not None
        predict = joint_memory if with_encoders else weights_memory
        memory = predict(self.generator, self.sampling, self.numerics.dtype, self.given_condition)
        return replace(super().needs, memory=memory)

    @property
    def peak_memory(self) -> int:
        """The predicted bytes where the step computes; 0 if unknown.

        On a GPU, there need not be room for encoding and sampling together: if there is none for the text encoders
        beside the weights that sample, these are moved out of the device.
        """
        from prettyuseful.generators.models import encoding_memory

        sampling = self.sampling_memory
        if self.encoding is None:
            return sampling
        encoding = encoding_memory(self.generator, self.numerics.dtype)
        return sampling + encoding if self.numerics.device == "cpu" else max(sampling, encoding)

    @property
    def sampling_memory(self) -> int:
        """The predicted bytes for sampling a micro-batch; 0 if unknown."""
        from prettyuseful.generators.models import sampling_memory

        condition = self.given_condition
        return sampling_memory(self.generator, self.sampling, self.micro_batch, self.numerics.dtype, condition)

    @property
    def given_condition(self) -> Condition | None:
        """What images are conditioned on besides prompts, as the study names it."""
        return None if self.condition is None else self.condition.source

    def _micro_batches(self, prompts: Prompts) -> list[_MicroBatch]:
        mixed = self.encoding is not None and self.encoding.mixed
        plan, batches = BatchPlan(self.images, 1 if mixed else self.prompts, self.micro_batch), []
        name = prompts.classes[self.label]
        for number in range(self.first, self.stop):
            indices = tuple(plan.indices(number))
            texts = tuple(prompts.prompt_for(self.label, index) for index in indices)
            seeds = tuple(derive_seed(self.seed, name, text, index) for index, text in zip(indices, texts, strict=True))
            batches.append(_MicroBatch(name, self.label, indices, texts, seeds))
        return batches

    def _model(self, job: Job) -> tuple[Any, ...]:
        """Return the arguments of the classes that sample, with the LoRA weights that other steps have trained."""
        choice = self.model.source
        loras = tuple(
            lora.model_copy(update={"path": str(job.inputs[name].path(LORA_NAME))}) if name in job.inputs else lora
            for name, lora in ((f"lora {number}", lora) for number, lora in enumerate(choice.loras))
        )
        of_condition = () if self.given_condition is None else (self.given_condition,)
        return choice.model_copy(update={"lora": loras}), self.sampling, self.numerics, *of_condition

    @property
    def _content(self) -> str:
        """What identifies the files of the model."""
        return digest([self.model.content, *([self.condition.content] if self.condition else [])])

    def _number(self, index: int) -> int:
        """Return the number of the prompt of an image, over all classes."""
        return self.label * self.prompts + index % self.prompts

    def _open(self, job: Job, batches: list[_MicroBatch], sources: SourceImages | None) -> _Sampler:
        if self.sampling is None:
            return self._open_custom(sources)
        check_resolved(self.model.content, self.generator)
        if self.condition is not None:
            check_resolved(self.condition.content, self.condition.source.words)
        return self._open_stored(job, sources) if self.encoding is None else self._open_encoding(job, batches, sources)

    def _open_custom(self, sources: SourceImages | None) -> _Sampler:
        from prettyuseful.generators.custom import open_custom, output_problem

        generator = cached_model(open_custom, self.model.source.model, content=digest(self.model.content))

        def draw(batch: _MicroBatch) -> Drawn:
            given = sources.images(batch.indices) if sources else None
            request = Request(batch.prompts[0], batch.class_name, batch.label, batch.seeds, given)
            images = generator.generate(request)
            if problem := output_problem(images, request):
                raise DataError(f"{self.generator}: {problem}; run `prettyuseful check generator`")
            return Drawn(images, np.ones(len(batch.seeds), bool))

        return _Sampler(draw, generator.applied, {})

    def _open_stored(self, job: Job, sources: SourceImages | None) -> _Sampler:
        """Return the sampler for embeddings in the store, of one prompt per micro-batch."""
        from prettyuseful.generators.embeddings import FILE, StoredEmbeddings
        from prettyuseful.generators.sampler import DiffusersSampler

        with self._explain_loading():
            sampler = cached_model(DiffusersSampler, *self._model(job), content=self._content)
        names = sorted(name for name in job.inputs if name.startswith("embeddings"))
        stored = StoredEmbeddings(job.inputs[name].path(FILE) for name in names)

        def draw(batch: _MicroBatch) -> Drawn:
            embedding = stored.load(self._number(batch.indices[0]))
            return sampler.draw([embedding] * len(batch.seeds), batch.seeds, _images_of(batch, sources))

        numbers = range(self.label * self.prompts, (self.label + 1) * self.prompts)
        facts = [job.inputs[name].manifest.facts.get("cut", {}) for name in names]
        cut = {number: tokenizers for cut in facts for number, tokenizers in cut.items() if int(number) in numbers}
        return _Sampler(draw, sampler.applied, cut)

    def _open_encoding(self, job: Job, batches: list[_MicroBatch], sources: SourceImages | None) -> _Sampler:
        """Encode the prompts of all micro-batches, and return the sampler."""
        from prettyuseful.generators.text_to_image import TextToImage

        with self._explain_loading():
            model = cached_model(TextToImage, *self._model(job), content=self._content)
        with explain_out_of_memory(text_encoders_too_large(self.generator)):
            embeddings = model.encode(chain.from_iterable(batch.prompts for batch in batches))

        def draw(batch: _MicroBatch) -> Drawn:
            encoded = [embeddings[prompt] for prompt in batch.prompts]
            return model.sampler.draw(encoded, batch.seeds, _images_of(batch, sources))

        images = chain.from_iterable(zip(batch.indices, batch.prompts, strict=True) for batch in batches)
        prompts = {self._number(index): prompt for index, prompt in images if index < self.images}
        cut = {str(number): model.too_long(prompt) for number, prompt in prompts.items()}
        return _Sampler(draw, model.sampler.applied, {number: names for number, names in cut.items() if names})

    def _explain_loading(self) -> AbstractContextManager[None]:
        """Return a context in which exhausted memory is explained by the size of the weights."""
        smaller = "" if self.sampling and self.sampling.quantise else "sampling: {quantise: float8}, or "
        return explain_out_of_memory(
            f"{self.generator}: its weights exceed the memory before an image is made; use {smaller}a device with more "
            "memory"
        )

    def _library_logs(self) -> AbstractContextManager[list[str]]:
        """Return a context that collects what libraries log; user-defined generators may log what they like."""
        if self.sampling is None:
            return nullcontext([])
        from prettyuseful.hub.library_logs import capture_library_logs

        return capture_library_logs()

    def _draw_or_explain(self, sampler: _Sampler, batch: _MicroBatch) -> Drawn:
        try:
            return sampler.draw(batch)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, so that the memory of the failed batch is freed before a smaller one is tried.
        fits = largest_fitting_count(lambda count: sampler.draw(batch.first(count)), len(batch.seeds))
        advice = (
            f"{fits} fit: set micro_batch: {fits} for this data set (with `prettyuseful generate`: --numerics "
            f"'{{micro_batch: {fits}}}'); its images are generated again, and no others"
            if fits
            else "not even one image fits: use a smaller size, another dtype or a device with more memory"
        )
        raise MemoryLimitError(
            f"{self.generator}: {len(batch.seeds)} images per micro-batch exceed the memory; {advice}"
        )

    def _encode_images(
        self,
        fetch: Callable[[], tuple[np.ndarray, np.ndarray]],
        batch: _MicroBatch,
        sources: SourceImages | None,
    ) -> list[_Image]:
        images = []
        drawn = zip(batch.indices, batch.prompts, batch.seeds, *fetch(), strict=True)
        for index, text, seed, pixels, finite in drawn:
            if index < self.images:  # the rest is padding
                path, data = f"{batch.class_name}/{index:06d}{self.stored.suffix}", self.stored.encode(pixels)
                group, source = sources.origin(index) if sources else (path, None)
                row = Row(data, path, self.label, group, None, text, seed, self.generator, source)
                images.append(_Image(row, has_contrast(pixels), bool(finite)))
        return images

    def _check_any_shown(self, images: Sequence[_Image]) -> None:
        """Raise a DataError if these images all show nothing, so that no more of them need to be made."""
        if len(images) >= _HOPELESS and not any(image.shown for image in images):
            dtype = None if self.sampling is None else self.numerics.dtype
            examples, not_finite = [image.row.path for image in images[:_NAMED]], sum(not i.finite for i in images)
            problem = blank_problem(len(images), len(images), examples, not_finite, dtype)
            raise DataError(f"{self.generator}: {problem}")


class CollectSpec(StepSpec):
    """Combine the shards of a generated data set, in order, under file names in the style of Hugging Face."""

    kind: ClassVar[str] = "collect"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.00002
    classes: tuple[str, ...]
    images_per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        shards = [job.inputs[name].manifest for name in sorted(job.inputs)]
        files = [_images_file(shard) for shard in shards]
        for index, file in enumerate(files):
            job.adopt(shard_name(index, len(shards)), file)
        cut = {number: names for shard in shards for number, names in shard.facts["cut"].items()}
        return {
            "classes": list(self.classes),
            "images": self.images_per_class * len(self.classes),
            "bytes": sum(file.size for file in files),
            "generation_seconds": round(sum(shard.seconds for shard in shards), 1),
            **self._count_blanks(shards),
            "applied": shards[0].facts["applied"] | join_counts([shard.facts.get("counts", {}) for shard in shards]),
            "prompts_cut": dict(Counter(name for names in cut.values() for name in names)),
        }

    def _count_blanks(self, shards: Sequence[Manifest]) -> dict[str, Any]:
        """Return the numbers of images that show nothing, and examples.

        Raises:
            DataError: they are more than `MAX_BLANK_SHARE` of the images, and more than one.
        """
        images = self.images_per_class * len(self.classes)
        blank = sum(shard.facts["without_contrast"] for shard in shards)
        not_finite = sum(shard.facts.get("not_finite", 0) for shard in shards)  # older shards have none
        examples = [path for shard in shards for path in shard.facts.get("blank", [])][:_NAMED]
        if blank > max(1, MAX_BLANK_SHARE * images):
            spec = shards[0].spec
            dtype = spec["numerics"]["dtype"] if spec.get("sampling") else None
            raise DataError(f"{spec['generator']}: {blank_problem(images, blank, examples, not_finite, dtype)}")
        return {"without_contrast": blank, "not_finite": not_finite, "blank": examples}


def _images_file(shard: Manifest) -> FileEntry:
    (file,) = (entry for entry in shard.files if entry.name == SHARD)
    return file


def _images_of(batch: _MicroBatch, sources: SourceImages | None) -> tuple[np.ndarray, ...]:
    return sources.images(batch.indices) if sources else ()


def _start_host_copy(drawn: Drawn) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    """Start to copy images from their device to main memory; return a function that waits for `pixels`, `finite`."""
    pixels, finite = (_start_copy(array) for array in (drawn.pixels, drawn.finite))
    return lambda: (pixels(), finite())


def _start_copy(array: np.ndarray | torch.Tensor) -> Callable[[], np.ndarray]:
    if isinstance(array, np.ndarray):
        return lambda: array
    import torch

    if not array.is_cuda:
        return lambda: np.asarray(array)
    # On a separate stream, because on the sampler's stream the copy would wait for the next micro-batch.
    stream = torch.cuda.Stream(array.device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(array.device))
    with torch.cuda.stream(stream):
        host = torch.empty(array.shape, dtype=array.dtype, pin_memory=True)
        host.copy_(array, non_blocking=True)
        array.record_stream(stream)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(stream)

    def fetch() -> np.ndarray:
        done.synchronize()
        return np.asarray(host)

    return fetch
