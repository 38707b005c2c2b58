"""Pin a generator: its model, adapters and other weight files by content or commit, for each of its two halves.

The text encoders and the denoiser are loaded by different steps. Each gets a choice with what it reads, so that a key
holds what changes the artifact of its step and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError
from prettyuseful.generators.base import AddedWeights
from prettyuseful.generators.choice import GeneratorChoice, Lora, TextualInversion, WeightFile
from prettyuseful.generators.components import REFINER, Component, pin_component
from prettyuseful.generators.conditions.rows import AnyCondition
from prettyuseful.generators.locations import Location
from prettyuseful.generators.lora_kinds import check_lora, read_lora
from prettyuseful.generators.model import Model
from prettyuseful.generators.models import PinnedSource, check_complete, find_model, has_row, pin_model, weight_files
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
    """What one setting adds to the content of a generator, and which halves read it.

    `name`: of a component, whose content is found by it.
    """

    field: str
    value: Location | None
    content: JsonValue
    text: bool
    image: bool
    name: str = ""


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
            another model; or the model has no such variant or scheduler, or lacks a component.
    """
    choice = choice.written_out
    model = choice.find(condition)
    if not has_row(choice.model):
        check_complete(model)
    own = {name: component for name, component in model.components.items() if name not in choice.components}
    pinned = pin_model(choice.model, replace(model, components=own))
    parts = list(_parts(choice, model, tunings))
    found = choice.model_copy(update={"model": pinned.name, "dtype": None})
    if choice.scheduler is not None:
        found = found.model_copy(update={"scheduler": resolve_scheduler(choice.scheduler, model)})
    return PinnedGenerator(
        _chosen(found, pinned, parts),
        _chosen(found, pinned, [part for part in parts if part.text]),
        _chosen(found, pinned, [part for part in parts if part.image]),
        tuple(
            AddedWeights(
                f"{part.field}.{part.name}" if part.name else part.field,
                part.value.shown,
                part.value.weight if isinstance(part.value, Lora) else None,
                part.content,
            )
            for part in parts
            if part.value is not None and part.value.path not in tunings
        ),
    )


def _chosen(found: GeneratorChoice, pinned: PinnedSource, parts: Sequence[_Part]) -> PinnedChoice:
    """Return the choice of a model with some of the parts that a study adds to it."""
    values: dict[str, tuple[Location, ...]] = {"lora": (), "textual_inversion": (), "single_file": ()}
    components, content = dict(pinned.components), dict[str, JsonValue]()
    for part in parts:
        if part.value is None:
            content[part.field] = part.content
        elif part.name:
            assert isinstance(part.value, Component)
            components[part.name] = part.value
            by_name = content.setdefault(part.field, {})
            assert isinstance(by_name, dict)
            by_name[part.name] = part.content
        else:
            values[part.field] += (part.value,)
            listed = content.setdefault(part.field, [])
            assert isinstance(listed, list)
            listed.append(part.content)
    update = {
        **values,
        "single_file": next(iter(values["single_file"]), None),
        "scheduler": found.scheduler if "scheduler" in content else None,
        "components": components,
    }
    whole_content: JsonValue = [pinned.content, content] if content else pinned.content
    return Pinned(source=found.model_copy(update=update), content=whole_content)


def _parts(choice: GeneratorChoice, model: Model, tunings: Collection[str]) -> Iterator[_Part]:
    if choice.variant is not None:
        preferred = find_model(choice.model, model.condition, choice.components)
        if _changes_files(preferred, choice.variant):
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
    for name, component in sorted(choice.components.items()):
        yield _component(name, component, model)


def _component(name: str, component: Component, model: Model) -> _Part:
    pinned, family = pin_component(name, component), model.kind
    # A recorded pipeline is called in both halves, and reads the configurations of all of its components.
    both = family.is_recorded or name == REFINER
    return _Part(
        "components",
        pinned.source,
        pinned.content,
        text=both or name in family.text,
        image=both or name not in family.text,
        name=name,
    )


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
