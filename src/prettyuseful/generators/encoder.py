"""Encodes prompts with the pipeline's own `encode_prompt`; the pipeline is loaded without denoiser and VAE.

For a pipeline with a row in `families.py`, the results are arguments of its call. The call of any other pipeline is
run up to its denoiser, and the results of `encode_prompt` are recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from inspect import signature
from typing import Any

import torch

from prettyuseful.errors import DataError
from prettyuseful.generators.adapters import add_to_text_encoders
from prettyuseful.generators.base import Sampling
from prettyuseful.generators.choice import GeneratorChoice, choice_of
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.families import FAMILIES, Family
from prettyuseful.generators.loading import load_parts, weights_of
from prettyuseful.generators.model import Model, Source
from prettyuseful.generators.recorded_call import call_arguments, explain_settings
from prettyuseful.generators.recording import NotRecordableError, recorded_calls, to_embedding
from prettyuseful.generators.stubs import StubUsedError
from prettyuseful.generators.textual_inversions import add_embeddings
from prettyuseful.hub.library_logs import capture_library_logs
from prettyuseful.numerics import Numerics

_INSTRUCTION = "complex_human_instruction"  # argument of Sana's pipeline


class PromptEncoder:
    """The text encoders of a model. Prompts are encoded one by one, so an embedding depends only on its prompt.

    The weights are in main memory. Encode inside `on_device()`. `instruction`: see `Sampling`. `sampling`: the
    settings, for a model that is recorded. `condition`: what images are conditioned on. It does not change the
    embeddings, but editing models are only found with it.

    Raises:
        DataError: the model cannot be loaded.
    """

    def __init__(
        self,
        generator: GeneratorChoice | str,
        numerics: Numerics,
        instruction: bool = False,
        sampling: Sampling | None = None,
        condition: AnyCondition | None = None,
    ) -> None:
        choice, edits = choice_of(generator), condition is not None and condition.edits
        self.model, self.device = choice.find(condition if edits else None), numerics.device
        self.stages: list[Any]
        if self.model.kind.is_recorded:
            assert sampling is not None
            whole = self.model.kind.whole
            recorder = _WholePrompts(self.model) if whole else _Recorder(self.model, choice, sampling, numerics)
            self.stages = [recorder]
            return
        self.stages = [_Stage(self.model.source, self.model.kind, "", choice, numerics)]
        if instruction:
            self.stages[0].use_instruction()
        if self.model.refiner:
            refiner = FAMILIES["sdxl-refiner"]
            plain = GeneratorChoice(model=choice.model, variant=choice.variant)  # adapters are for the model alone
            self.stages.append(_Stage(self.model.refiner_source, refiner, "refiner.", plain, numerics))

    @property
    def bytes(self) -> int:
        """The size of the weights."""
        return sum(tensor.nbytes for tensor in self._weights)

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """Hold a copy of the weights on the device inside the `with` block."""
        weights = self._weights
        in_main_memory = [tensor.data for tensor in weights]
        try:
            for tensor in weights:
                tensor.data = tensor.data.to(self.device)
            yield
        finally:
            for tensor, data in zip(weights, in_main_memory, strict=True):
                tensor.data = data

    @property
    def _weights(self) -> list[torch.Tensor]:
        return weights_of(stage.pipeline for stage in self.stages if stage.pipeline is not None)

    @torch.inference_mode()
    def encode(self, prompt: str) -> dict[str, torch.Tensor]:
        """Return the embeddings of a prompt by argument name of the pipeline; tensors of shape (1, ...).

        Those of a model that is recorded include the negative prompt, see `recording`.
        """
        return {name: tensor for stage in self.stages for name, tensor in stage.encode(prompt)}

    @torch.inference_mode()
    def encode_negative(self, negative: str | None) -> dict[str, torch.Tensor]:
        """Return the embeddings of a negative prompt; None stands for the pipeline's behaviour without one."""
        return {name: tensor for stage in self.stages for name, tensor in stage.encode_negative(negative)}

    def too_long(self, prompt: str) -> list[str]:
        """Return the names of the tokenizers that truncate the prompt."""
        return [name for stage in self.stages for name in stage.too_long(prompt)]


class _Stage:
    def __init__(
        self, source: Source, family: Family, prefix: str, choice: GeneratorChoice, numerics: Numerics
    ) -> None:
        model = choice.find()
        self.family, self.prefix, self.device = family, prefix, numerics.device
        self.pipeline: Any = load_parts(source, family, family.image, numerics, single_file=choice.single_file)
        _adapt(self.pipeline, model, choice)
        self.sequence = model.max_sequence
        self.arguments = dict(family.encode)
        if self.sequence is not None:
            self.arguments["max_sequence_length"] = self.sequence
        self.instruction = ""

    def use_instruction(self) -> None:
        """Put the vendor's instruction, the default of the pipeline's call, before every prompt."""
        lines = signature(type(self.pipeline).__call__).parameters[_INSTRUCTION].default
        self.arguments[_INSTRUCTION], self.instruction = lines, "\n".join(lines)

    def encode(self, prompt: str) -> Iterator[tuple[str, torch.Tensor]]:
        together = {"do_classifier_free_guidance": False} if self.family.negative == "together" else {}
        for name, tensor in self._call(prompt, **together):
            if not name.startswith("negative_"):
                yield self.prefix + name, tensor

    def encode_negative(self, negative: str | None) -> Iterator[tuple[str, torch.Tensor]]:
        if self.family.negative == "alone":
            for name, tensor in self._call(negative or ""):
                yield f"{self.prefix}negative_{name}", tensor
            return
        for name, tensor in self._call("", do_classifier_free_guidance=True, negative_prompt=negative):
            if name.startswith("negative_"):
                yield self.prefix + name, tensor

    def too_long(self, prompt: str) -> Iterator[str]:
        text, skipped = self.family.wrap(self.pipeline, prompt)
        for name, limit in self.family.limits.items():
            tokenizer = getattr(self.pipeline, name)
            if self.instruction:  # Sana's pipeline adds all but two of its tokens to the limit
                text, skipped = self.instruction + text, len(tokenizer.encode(self.instruction)) - 2
            limit_tokens = tokenizer.model_max_length if limit == "own" else self.sequence
            if len(tokenizer(text, truncation=False, verbose=False).input_ids) - skipped > (limit_tokens or 0):
                yield self.prefix + name

    def _call(self, prompt: str, **arguments: Any) -> Iterator[tuple[str, torch.Tensor]]:
        with capture_library_logs():  # pipelines log every truncated prompt; `too_long` reports them for the record
            outputs = self.pipeline.encode_prompt(
                prompt=prompt, device=self.device, num_images_per_prompt=1, **self.arguments, **arguments
            )
        named = {name: tensor for name, tensor in zip(self.family.returns, outputs, strict=True) if name is not None}
        for name, tensor in named.items():
            if tensor is not None:
                yield name, tensor
            elif name == "prompt_embeds_mask":  # Qwen-Image returns no mask if every token counts
                yield name, torch.ones(named["prompt_embeds"].shape[:2], dtype=torch.long, device=self.device)


def _adapt(pipeline: Any, model: Model, choice: GeneratorChoice) -> None:
    add_to_text_encoders(pipeline, model, choice.loras)
    add_embeddings(pipeline, model, choice.textual_inversions)


class _Recorder:
    """Runs the call of a pipeline without denoiser, and records what `encode_prompt` returns.

    `too_long` knows the prompts that were encoded, from what the pipeline logs.
    """

    def __init__(self, model: Model, choice: GeneratorChoice, sampling: Sampling, numerics: Numerics) -> None:
        self.model, self.sampling = model, sampling
        self.pipeline: Any = load_parts(
            self.model.source, self.model.kind, (), numerics, half="text", single_file=choice.single_file
        )
        _adapt(self.pipeline, self.model, choice)
        self._truncated: set[str] = set()

    def encode(self, prompt: str) -> Iterator[tuple[str, torch.Tensor]]:
        try:
            with capture_library_logs() as logs:
                one = self._outputs(prompt, 1)
                embedding = self._for_several(prompt, one) or to_embedding(prompt, one, None)
        except NotRecordableError as error:
            raise DataError(
                f"{self.model.id}: the prompts of {self.model.kind.name} cannot be encoded without its denoiser: "
                f"{error}; write a generator class (module:Class)"
            ) from error
        if any("truncated" in line for line in logs):
            self._truncated.add(prompt)
        yield from embedding.items()

    def encode_negative(self, _: str | None) -> Iterator[tuple[str, torch.Tensor]]:
        return iter(())

    def too_long(self, prompt: str) -> Iterator[str]:
        if prompt in self._truncated:
            yield "tokenizer"

    def _for_several(self, prompt: str, one: list[Any]) -> dict[str, torch.Tensor] | None:
        """Return the record for any number of images, or None if they must be made one by one."""
        if not self.model.kind.several:
            return None
        try:
            return to_embedding(prompt, one, self._outputs(prompt, 2))
        except NotRecordableError:
            return None

    def _outputs(self, prompt: str, images: int) -> list[Any]:
        arguments = call_arguments(self.model, self.sampling, prompt, tuple(range(images)))
        with recorded_calls(self.pipeline) as outputs:
            try:
                with explain_settings(self.model):
                    self.pipeline(**arguments)
            except StubUsedError as error:
                if outputs:
                    return outputs
                raise NotRecordableError(f"it runs {error} before encode_prompt") from error
        raise NotRecordableError("its call does not run the denoiser")


class _WholePrompts:
    """The prompts of a pipeline that encodes them itself, beside its denoiser."""

    pipeline = None

    def __init__(self, model: Model) -> None:
        self._several = model.kind.several

    def encode(self, prompt: str) -> Iterator[tuple[str, torch.Tensor]]:
        yield from to_embedding(prompt, [], [] if self._several else None).items()

    def encode_negative(self, _: str | None) -> Iterator[tuple[str, torch.Tensor]]:
        return iter(())

    def too_long(self, _: str) -> Iterator[str]:
        return iter(())
