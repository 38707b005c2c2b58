"""Steps that generate data sets: generate (one shard of one class) and collect (all shards)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from prettyuseful.data.dataset import Row, shard_name, write_shard
from prettyuseful.engine.keys import derive_seed, digest
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Resources, StepSpec
from prettyuseful.errors import DataError, MemoryLimitError
from prettyuseful.generators.base import Request, Sampling
from prettyuseful.generators.micro_batches import BatchPlan
from prettyuseful.generators.pocket import is_pocket
from prettyuseful.hub.commits import check_resolved
from prettyuseful.memory import explain_out_of_memory, is_out_of_memory, largest_fitting_count
from prettyuseful.numerics import Numerics
from prettyuseful.redaction import redact_line, redact_strings
from prettyuseful.steps.inputs import read_prompts

if TYPE_CHECKING:
    import torch

_MAX_LINE = 300  # characters of a line that a library has logged
_WRITERS, _AHEAD = 2, 3  # threads that encode images, and micro-batches that may wait for them

Draw = Callable[[Request, int], Any]
"""Generates the images of a request. The number identifies its prompt among the prompts of all classes."""


class GenerateSpec(StepSpec):
    """Generate one shard: the micro-batches `first` to `stop` of one class.

    The images do not depend on how a class is divided into shards. `seed` is the seed of the data set; the seed of an
    image is a hash of it, the class, the prompt and the index within the class. `images` is the number of images of the
    class up to this shard; images beyond it pad the last micro-batch and are not stored. `generator` is the name in
    rows and messages. `sampling` is None for a user-defined generator. Inputs are the prompts and, for a diffusion
    pipeline, their embeddings.
    """

    kind: ClassVar[str] = "generate"
    version: ClassVar[int] = 5
    pace: ClassVar[float] = 0.03
    generates: ClassVar[bool] = True
    generator: str
    model: Pinned[str]
    sampling: Sampling | None
    label: int
    images: int
    prompts: int
    first: int
    stop: int
    seed: int
    micro_batch: int
    numerics: Numerics

    def make(self, job: Job) -> dict[str, Any]:
        self.numerics.apply()
        batches = BatchPlan(self.images, self.prompts, self.micro_batch)
        prompts, draw, applied = read_prompts(job, "prompts"), *self._open(job)
        name, rows, pending = prompts.classes[self.label], [], deque[Future[list[Row]]]()
        total = len(batches.image_indices(self.first, self.stop))
        flat: list[str] = []  # paths of images without contrast
        # The device samples the next micro-batch while threads fetch and encode the images of the previous one.
        with ThreadPoolExecutor(_WRITERS) as writers, self._library_logs() as logs:
            for number in range(self.first, self.stop):
                indices = batches.indices(number)
                text = prompts.prompt_for(self.label, indices[0])
                seeds = tuple(derive_seed(self.seed, name, text, index) for index in indices)
                request = Request(text, name, self.label, seeds)
                fetch = _start_host_copy(
                    self._draw_or_explain(draw, request, self.label * self.prompts + number % self.prompts)
                )
                pending.append(writers.submit(self._rows, fetch, request, indices, flat))
                while len(pending) > _AHEAD:
                    rows += pending.popleft().result()
                job.progress(len(rows) / total)
            rows += [row for future in pending for row in future.result()]
        count = write_shard(job.folder / "shard.parquet", sorted(rows, key=lambda row: row.path), prompts.classes)
        return {
            "images": count,
            "without_contrast": len(flat),
            "applied": redact_strings(applied()),  # of user-defined classes, too
            "cut": self._truncated_prompts(job),
            **({"library_logs": [redact_line(line, _MAX_LINE) for line in logs]} if logs else {}),
        }

    @property
    def rate_class(self) -> str:
        """Generator, steps, guidance, size and micro-batch determine the speed."""
        words = [f"generate {self.generator}"]
        if self.sampling is not None:
            guided = " guided" if (self.sampling.cfg or 1) > 1 else ""
            words.append(f"{self.sampling.steps} steps{guided}, size {self.sampling.size}")
        return ", ".join([*words, f"by {self.micro_batch}"])

    @property
    def assumed_pace(self) -> float | None:
        return self.pace if is_pocket(self.generator) else None

    @property
    def needs(self) -> Resources:
        from prettyuseful.generators.models import sampling_memory

        memory = sampling_memory(self.generator, self.sampling, self.micro_batch, self.numerics.dtype)
        return replace(super().needs, memory=memory)

    def _open(self, job: Job) -> tuple[Draw, Callable[[], dict[str, Any]]]:
        from prettyuseful.engine.cache import cached_model

        if self.sampling is None:
            from prettyuseful.generators.custom import open_custom, output_problem

            generator = cached_model(open_custom, self.model.source, content=digest(self.model.content))

            def draw(request: Request, _: int) -> Any:
                images = generator.generate(request)
                if problem := output_problem(images, request):
                    raise DataError(f"{self.generator}: {problem}; run `prettyuseful check generator`")
                return images

            return draw, generator.applied
        from prettyuseful.generators.embeddings import FILE, StoredEmbeddings
        from prettyuseful.generators.sampler import DiffusersSampler

        check_resolved(self.model.content, self.generator)
        content = digest(self.model.content)
        smaller = "" if self.sampling.quantise else "sampling: {quantise: float8}, or "
        with explain_out_of_memory(
            f"{self.generator}: its weights exceed the memory before an image is made; use {smaller}a device with more "
            "memory"
        ):
            sampler = cached_model(DiffusersSampler, self.model.source, self.sampling, self.numerics, content=content)
        names = sorted(name for name in job.inputs if name.startswith("embeddings"))
        stored = StoredEmbeddings(job.inputs[name].path(FILE) for name in names)
        return lambda request, prompt: sampler.sample(stored.load(prompt), request.seeds), sampler.applied

    def _library_logs(self) -> AbstractContextManager[list[str]]:
        """Return a context that collects what libraries log; user-defined generators may log what they like."""
        if self.sampling is None:
            return nullcontext([])
        from prettyuseful.hub.library_logs import capture_library_logs

        return capture_library_logs()

    def _draw_or_explain(self, draw: Draw, request: Request, prompt: int) -> Any:
        try:
            return draw(request, prompt)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler, so that the memory of the failed batch is freed before a smaller one is tried.
        fits = largest_fitting_count(
            lambda count: draw(replace(request, seeds=request.seeds[:count]), prompt), len(request.seeds)
        )
        advice = (
            f"{fits} fit: set micro_batch: {fits} for this data set (with `prettyuseful generate`: --numerics "
            f"'{{micro_batch: {fits}}}'); its images are generated again, and no others"
            if fits
            else "not even one image fits: use a smaller size, another dtype or a device with more memory"
        )
        raise MemoryLimitError(
            f"{self.generator}: {len(request.seeds)} images per micro-batch exceed the memory; {advice}"
        )

    def _rows(
        self, fetch: Callable[[], np.ndarray], request: Request, indices: list[int], flat: list[str]
    ) -> list[Row]:
        from prettyuseful.data.images import encode_jpeg
        from prettyuseful.generators.contrast import has_contrast

        rows = []
        for index, seed, image in zip(indices, request.seeds, fetch(), strict=True):
            if index < self.images:  # the rest is padding
                path = f"{request.class_name}/{index:06d}.jpg"
                data = encode_jpeg(np.ascontiguousarray(image))
                if not has_contrast(image):
                    flat.append(path)
                rows.append(Row(data, path, self.label, path, None, request.prompt, seed, self.generator))
        return rows

    def _truncated_prompts(self, job: Job) -> dict[str, list[str]]:
        """Return the prompts of this class that a tokenizer truncated: names of the tokenizers, by prompt number."""
        numbers = range(self.label * self.prompts, (self.label + 1) * self.prompts)
        facts = [artifact.manifest.facts.get("cut", {}) for name, artifact in job.inputs.items() if name != "prompts"]
        return {number: names for cut in facts for number, names in cut.items() if int(number) in numbers}


class CollectSpec(StepSpec):
    """Combine the shards of a generated data set, in order, under file names in the style of Hugging Face."""

    kind: ClassVar[str] = "collect"
    version: ClassVar[int] = 3
    pace: ClassVar[float] = 0.00002
    classes: tuple[str, ...]
    images_per_class: int

    def make(self, job: Job) -> dict[str, Any]:
        shards = [job.inputs[name].manifest for name in sorted(job.inputs)]
        for index, shard in enumerate(shards):
            job.adopt(shard_name(index, len(shards)), shard.files[0])
        cut = {number: names for shard in shards for number, names in shard.facts["cut"].items()}
        return {
            "classes": list(self.classes),
            "images": self.images_per_class * len(self.classes),
            "bytes": sum(shard.files[0].size for shard in shards),
            "generation_seconds": round(sum(shard.seconds for shard in shards), 1),
            "without_contrast": sum(shard.facts["without_contrast"] for shard in shards),
            "applied": shards[0].facts["applied"],
            "prompts_cut": dict(Counter(name for names in cut.values() for name in names)),
        }


def _start_host_copy(images: np.ndarray | torch.Tensor) -> Callable[[], np.ndarray]:
    """Start to copy images from their device to main memory; return a function that waits for them."""
    if isinstance(images, np.ndarray):
        return lambda: images
    import torch

    if not images.is_cuda:
        return lambda: np.asarray(images)
    # On a separate stream, because on the sampler's stream the copy would wait for the next micro-batch.
    stream = torch.cuda.Stream(images.device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(images.device))
    with torch.cuda.stream(stream):
        host = torch.empty(images.shape, dtype=images.dtype, pin_memory=True)
        host.copy_(images, non_blocking=True)
        images.record_stream(stream)
        done = torch.cuda.Event()  # type: ignore[no-untyped-call]
        done.record(stream)

    def fetch() -> np.ndarray:
        done.synchronize()
        return np.asarray(host)

    return fetch
