"""Pin a generator: its model, adapters and other weight files by content or commit, for each of its two halves.

The text encoders and the denoiser are loaded by different steps. Each gets a choice with what it reads, so that a key
holds what changes the artifact of its step and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.generators.base import AddedWeights
from prettyuseful.generators.choice import GeneratorChoice, Lora, TextualInversion, WeightFile
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.lora_kinds import check_lora, read_lora
from prettyuseful.generators.model import Model
from prettyuseful.generators.models import find_model, pin_model, weight_files
from prettyuseful.generators.schedulers import resolve_scheduler
from prettyuseful.generators.single_file import checkpoint_parts
from prettyuseful.generators.textual_inversions import check_embedding
from prettyuseful.generators.variants import check_variant, variants_of
from prettyuseful.generators.weight_files import pin_file

PinnedChoice = Pinned[GeneratorChoice]


@dataclass(frozen=True)
class PinnedGenerator:
    """A generator and its halves: `text` encodes prompts, `image` makes images from the result, `whole` does both.

    `added`: the files that are loaded beside those of the model, for records.
    """

    whole: PinnedChoice
    text: PinnedChoice
    image: PinnedChoice
    added: tuple[AddedWeights, ...] = ()


@dataclass(frozen=True)
class _Part:
    """What one setting adds to the content of a generator, and which halves read it."""

    field: str
    value: WeightFile | None
    content: JsonValue
    text: bool
    image: bool


def pin_generator(
    choice: GeneratorChoice, condition: AnyCondition | None = None, tunings: Collection[str] = ()
) -> PinnedGenerator:
    """Pin a diffusion model with all of its settings.

    A choice without settings has the content of its model alone. `condition`: see `find_model`.

    Args:
        choice: as the study names it.
        tunings: names of LoRA weights that a step of the study trains. They are inputs of the steps that use them, and
            not pinned.

    Raises:
        UserError: see `find_model` and `pin_model`; or a file does not exist, is not what its field expects, or is for
            another model; or the model has no such variant or scheduler.
    """
    choice = choice.written_out
    model = choice.find(condition)
    pinned = pin_model(choice.model, model)
    parts = list(_parts(choice, model, tunings))
    found = choice.model_copy(update={"model": pinned.source, "dtype": None})

    def half(chosen: Sequence[_Part]) -> PinnedChoice:
        values: dict[str, tuple[WeightFile, ...]] = {"lora": (), "textual_inversion": (), "single_file": ()}
        content: dict[str, JsonValue] = {}
        for part in chosen:
            if part.value is None:
                content[part.field] = part.content
            else:
                values[part.field] += (part.value,)
                listed = content.setdefault(part.field, [])
                assert isinstance(listed, list)
                listed.append(part.content)
        names = {part.field for part in chosen}
        update = {
            **values,
            "single_file": next(iter(values["single_file"]), None),
            "scheduler": found.scheduler if "scheduler" in names else None,
        }
        whole_content: JsonValue = [pinned.content, content] if content else pinned.content
        return Pinned(source=found.model_copy(update=update), content=whole_content)

    if choice.scheduler is not None:
        found = found.model_copy(update={"scheduler": resolve_scheduler(choice.scheduler, model)})
    return PinnedGenerator(
        half(parts),
        half([part for part in parts if part.text]),
        half([part for part in parts if part.image]),
        tuple(
            AddedWeights(
                part.field, part.value.shown, part.value.weight if isinstance(part.value, Lora) else None, part.content
            )
            for part in parts
            if part.value is not None and part.value.path not in tunings
        ),
    )


def _parts(choice: GeneratorChoice, model: Model, tunings: Collection[str]) -> Iterator[_Part]:
    if choice.variant is not None and _changes_files(find_model(choice.model, model.condition), choice.variant):
        yield _Part("variant", None, choice.variant, text=True, image=True)
    if choice.single_file is not None:
        yield _single_file(choice.single_file, model)
    for number, lora in enumerate(choice.loras):
        if lora.path in tunings:
            yield _Part("lora", lora, {"input": "lora", "weight": lora.weight}, text=False, image=True)
            continue
        yield _lora(lora, model, "lora" if len(choice.loras) == 1 else f"lora[{number}]")
    for embedding in choice.textual_inversions:
        yield _textual_inversion(embedding, model)
    if choice.scheduler is not None:
        yield _Part("scheduler", None, resolve_scheduler(choice.scheduler, model), text=False, image=True)


def _changes_files(model: Model, variant: str) -> bool:
    """Return whether a variant loads other files than the model would by itself; check that it exists."""
    others = []
    for files in weight_files(model):
        available = variants_of(files)
        check_variant(model.id, variant, available)
        others.append(model.variant.loaded_from(available) != variant)
    return any(others)


def _single_file(file: WeightFile, model: Model) -> _Part:
    if model.refiner:
        raise DataError(f"single_file: {model.id!r} has two denoisers; give a model with one")
    found, pinned = pin_file(file, "single_file")
    parts = checkpoint_parts(pinned.header, f"single_file: {found.shown}")
    return _Part("single_file", found, pinned.content, text=parts.text, image=True)


def _lora(lora: Lora, model: Model, field: str) -> _Part:
    found, pinned = pin_file(lora, field)
    content: JsonValue = {"file": pinned.content, "weight": lora.weight}
    if pinned.header is None:
        return _Part("lora", found, content, text=True, image=True)
    name = f"{field}: {found.shown}"
    weights = read_lora(pinned.header, name)
    check_lora(weights, model, name)
    return _Part("lora", found, content, text=bool(weights.text), image=bool(weights.image))


def _textual_inversion(embedding: TextualInversion, model: Model) -> _Part:
    found, pinned = pin_file(embedding, "textual_inversion")
    check_embedding(pinned.header, model, found.shown)
    return _Part("textual_inversion", found, {"file": pinned.content, "token": found.token}, text=True, image=False)
