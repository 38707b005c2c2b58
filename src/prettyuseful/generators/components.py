"""Components of a model that lie in other repositories than its own, such as a text encoder or a prior."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from pydantic import Field

from prettyuseful.engine.pinned import Pinned
from prettyuseful.errors import DataError, did_you_mean
from prettyuseful.generators.files import INDEX, PipelineFiles, is_pipeline_folder
from prettyuseful.generators.hub import files_at
from prettyuseful.generators.locations import Location, pin_folder
from prettyuseful.hub.files import folder_fingerprint
from prettyuseful.paths import is_folder

PRIOR = "prior"
"""The name for a whole pipeline whose components are those of a combined pipeline that begin with `prior_`."""
REFINER = "refiner"
"""The name for a whole pipeline that does the last fifth of the denoising steps."""
WHOLE = (PRIOR, REFINER)
COMBINED: Mapping[str, str] = {
    "KandinskyPipeline": "KandinskyCombinedPipeline",
    "KandinskyV22Pipeline": "KandinskyV22CombinedPipeline",
    "StableCascadeDecoderPipeline": "StableCascadeCombinedPipeline",
    "WuerstchenDecoderPipeline": "WuerstchenCombinedPipeline",
}
"""The combined pipeline for the class of a decoder, whose prior lies in another repository."""
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---", re.S)
_PRIOR_IN_CARD = re.compile(r"^prior:\s*(?:-\s*)?([\w.-]+/[\w.-]+)\s*$", re.M)


class Component(Location):
    """Where a component is: a folder or repository of its own, or that of a pipeline that has it."""

    subfolder: str | None = Field(
        None,
        pattern=r"^(?:[\w-][\w.-]*(?:/[\w-][\w.-]*)*)?$",
        description="the folder of the component within path or id; default: the one with its name, or else the whole",
    )

    @property
    def files(self) -> PipelineFiles:
        """The small files at the location."""
        return files_at(*self.repository)

    def folder_of(self, name: str) -> str:
        """Return the folder of the component `name` within the location, empty for the whole."""
        if self.subfolder is not None:
            return self.subfolder
        in_index = is_component(self.files.json_if_readable(INDEX).get(name))
        return name if in_index or any(file.startswith(f"{name}/") for file in self.files.names()) else ""

    def has_folder(self, folder: str) -> bool:
        """Return whether the location has a folder; True if that is not known."""
        if not folder or not self.on_hub:
            return not folder or is_folder(Path(self.location) / folder)
        names = self.files.names(cached=False)
        return not names or any(name.startswith(f"{folder}/") for name in names)

    def config(self, name: str) -> dict[str, Any]:
        """Return the configuration of the component `name`; nothing if it cannot be read."""
        return self.files.json_if_readable(f"{self.folder_of(name)}/config.json".lstrip("/"))


Components = Mapping[str, Component]


def check_components(
    names: Iterable[str], components: Collection[str], family: str, switched_off: Collection[str]
) -> None:
    """Check that a pipeline has components with these names.

    Args:
        names: as the study gives them.
        components: those of the class of the pipeline.
        family: the name of its family.
        switched_off: components that are never loaded.

    Raises:
        DataError: it has no such component.
    """
    known = [name for name in components if name not in switched_off]
    known += [PRIOR] if f"{PRIOR}_{PRIOR}" in components else []
    known += [REFINER] if family == "sdxl" else []
    for name in names:
        if name in switched_off:
            raise DataError(f"components.{name}: this component is switched off; remove it")
        if name not in known:
            raise DataError(
                f"components: the pipeline has no component {name!r}{did_you_mean(name, known)}; its components: "
                f"{', '.join(sorted(known))}"
            )


def is_component(entry: Any) -> TypeGuard[list[Any]]:
    """Return whether an entry of the index of a pipeline is the module and the class of a component that it has."""
    return isinstance(entry, list) and len(entry) == 2 and None not in entry


def pin_component(name: str, component: Component) -> Pinned[Component]:
    """Pin a component to the content of its files, or to the commit of its repository, and to a folder there.

    Raises:
        DataError: there is no such folder, repository or revision; or a whole pipeline is needed.
    """
    field = f"components.{name}"
    pinned = pin_folder(component, field)
    found, content = pinned.source, pinned.content
    if name in WHOLE:
        if component.subfolder:
            raise DataError(f"{field} is a whole pipeline and takes no subfolder; give its repository or folder")
        if not found.on_hub and not is_pipeline_folder(found.location):
            raise DataError(f"{field}: {found.location} is not a diffusers pipeline: it has no {INDEX}")
        return pinned
    folder = found.folder_of(name)
    if not found.has_folder(folder):
        raise DataError(f"{field}: {found.location} has no folder {folder!r}; correct subfolder")
    found = found.model_copy(update={"subfolder": folder})
    if not found.on_hub:
        return Pinned(source=found, content={"files": folder_fingerprint(Path(found.location) / folder)})
    assert isinstance(content, dict)
    return Pinned(source=found, content={**content, "folder": folder} if folder else content)


def prior_in_card(card: str) -> Component | None:
    """Return the prior that the model card of a decoder names in its front matter, as diffusers reads it."""
    if (front := _FRONT_MATTER.match(card)) and (found := _PRIOR_IN_CARD.search(front[1])):
        return Component(id=found[1])
    return None
