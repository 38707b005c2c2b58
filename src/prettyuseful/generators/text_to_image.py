"""A whole text-to-image model in one process, for prompts that are used by few images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.embeddings import Embedding
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.numerics import Numerics

_SPARE = 2**30  # bytes for what text encoders compute beside their weights


class TextToImage:
    """The text encoders and the sampler of a model.

    On a GPU, the weights of the text encoders are in main memory, and only while prompts are encoded on the device. If
    they do not fit there beside those of the sampler, these are moved to main memory for that time.

    Raises:
        DataError: the model cannot be loaded.
    """

    def __init__(
        self,
        generator: GeneratorChoice | str,
        sampling: Sampling,
        numerics: Numerics,
        condition: AnyCondition | None = None,
    ) -> None:
        self.encoder = PromptEncoder(generator, numerics, bool(sampling.instruction), sampling, condition)
        self.sampler = DiffusersSampler(generator, sampling, numerics, condition)

    def encode(self, prompts: Iterable[str]) -> dict[str, Embedding]:
        """Return the embeddings of each different prompt and of the negative prompt, in main memory."""
        sampling = self.sampler.sampling
        with capture_library_logs(), self._room_for_encoders(), self.encoder.on_device():
            guided = (sampling.cfg or 1) > 1
            negative = _to_cpu(self.encoder.encode_negative(sampling.negative)) if guided else {}
            return {prompt: {**_to_cpu(self.encoder.encode(prompt)), **negative} for prompt in dict.fromkeys(prompts)}

    def too_long(self, prompt: str) -> list[str]:
        """Return the names of the tokenizers that truncate the prompt."""
        with capture_library_logs():
            return self.encoder.too_long(prompt)

    @contextmanager
    def _room_for_encoders(self) -> Iterator[None]:
        if self.sampler.numerics.device == "cpu":
            yield
            return
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info()
        if free >= self.encoder.bytes + _SPARE:
            yield
        else:
            with self.sampler.in_main_memory():
                torch.cuda.empty_cache()
                yield
        torch.cuda.empty_cache()


def _to_cpu(embedding: Embedding) -> Embedding:
    return {name: tensor.cpu() for name, tensor in embedding.items()}
