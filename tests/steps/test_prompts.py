"""Captions, prompts and embeddings, made in parts with the same result as at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file
from tests.chat_server import Request, running_server, says

from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.store.base import Artifact
from prettyuseful.generators.choice import choice_of
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.captioners.source import CaptionerSource
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.prompts.writers.source import WriterSource
from prettyuseful.steps.datasets import LoadSpec
from prettyuseful.steps.prompts import CaptionSpec, DescribeSpec, EncodeSpec, PromptSpec
from prettyuseful.tasks.folder import FolderTask
from prettyuseful.tasks.source import TaskSource

CLASSES = ("blue", "red")


Make = Callable[..., Artifact]


def read_prompts(artifact: Artifact) -> Any:
    return json.loads(artifact.path("prompts.json").read_text("utf-8"))["prompts"]


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """A task of five images per class, all of different brightness."""
    for folder in (tmp_path / "greys" / split / name for split in ("train", "test") for name in CLASSES):
        folder.mkdir(parents=True)
        for i in range(5):
            Image.new("RGB", (8, 8), (20 + 50 * i,) * 3).save(folder / f"{i}.png")
    return tmp_path / "greys"


def test_captions_made_in_parts_keep_the_order_of_images(make: Make, greys: Path) -> None:
    images = make(LoadSpec(task=Pinned(source=TaskSource(folder=str(greys)), content="x"), split="train", per_class=5))
    source = CaptionerSource()
    parts = {
        f"captions {first:05d}": make(
            CaptionSpec(captioner=source.pin(), first=first, stop=stop, numerics=Numerics()),
            images=images,
        )
        for first, stop in ((0, 3), (3, 4), (4, 10))
    }
    assert [part.manifest.facts["captions"] for part in parts.values()] == [3, 1, 6]
    assert all(part.manifest.facts["applied"] == {"model": "describer"} for part in parts.values())
    actual = read_prompts(make(PromptSpec(strategy=PROMPT_STRATEGIES.pin("caption"), classes=CLASSES), **parts))
    words = ("very dark", "dark", "medium", "bright", "very bright")
    drawn = [words[int(Path(row.path).stem)] for row in FolderTask(greys).images("train", 5)]
    captions = [f"a {word} flat picture, grey tones, smooth, no main direction" for word in drawn]
    blue, red = captions[:5], captions[5:]
    assert actual == [[f"blue, {caption}" for caption in blue], [f"red, {caption}" for caption in red]]


@pytest.mark.parametrize(
    ("strategy", "options", "prompts"),
    [
        ("class-name", {}, [["blue"], ["red"]]),
        ("template", {"templates": ["a {}", "{name}!"]}, [["a blue", "blue!"], ["a red", "red!"]]),
        ("definition", {"definitions": {"red": "a colour"}}, [["blue"], ["red, a colour"]]),
    ],
)
def test_every_strategy_writes_its_prompts(
    make: Make, strategy: str, options: dict[str, Any], prompts: list[str]
) -> None:
    spec = PromptSpec(strategy=PROMPT_STRATEGIES.pin(strategy), classes=CLASSES, options=options)
    assert read_prompts(make(spec)) == prompts


def test_prompts_have_words_for_class_names_that_are_none(make: Make) -> None:
    template = PROMPT_STRATEGIES.pin("template")
    spec = PromptSpec(
        strategy=template, classes=("n01440764", "red"), words={"n01440764": "tench"}, options={"templates": ["a {}"]}
    )
    artifact = make(spec)
    assert read_prompts(artifact) == [["a tench"], ["a red"]]
    assert json.loads(artifact.path("prompts.json").read_text("utf-8"))["classes"] == ["n01440764", "red"]


def test_each_prompt_is_encoded_separately(make: Make, pipeline_folder: Path) -> None:
    """Embeddings do not depend on the division into parts. The negative prompt is encoded if needed."""
    options = {"templates": ["{}", "a {}"]}
    prompts = make(PromptSpec(strategy=PROMPT_STRATEGIES.pin("template"), classes=CLASSES, options=options))

    def encoded(first: int, stop: int, guided: bool = False, negative: str | None = None) -> dict[str, np.ndarray]:
        spec = EncodeSpec(
            generator="tiny",
            model=Pinned(source=choice_of(str(pipeline_folder)), content="x"),
            sequence=None,
            guided=guided,
            negative=negative,
            first=first,
            stop=stop,
            numerics=Numerics(),
        )
        return load_file(make(spec, prompts=prompts).path("embeddings.safetensors"))

    whole, parts = encoded(0, 4), {**encoded(0, 1), **encoded(1, 4)}
    assert whole.keys() == parts.keys() == {f"{number}/prompt_embeds" for number in range(4)}
    assert all(np.array_equal(tensor, parts[name]) for name, tensor in whole.items())
    assert len({tensor.tobytes() for tensor in whole.values()}) == 4
    empty, given = (encoded(0, 1, guided=True, negative=text) for text in ("", "grey"))
    assert empty.keys() == given.keys() == {"0/prompt_embeds", "negative/negative_prompt_embeds"}
    name = "negative/negative_prompt_embeds"
    assert not np.array_equal(empty[name], given[name])


def test_a_language_model_describes_each_class(make: Make) -> None:
    """Each request asks for ten prompts; the server leaves the class out in some, and repeats one."""

    def write(request: Request) -> None:
        name = next(name for name in CLASSES if f'words "{name}"' in request.body["messages"][0]["content"])
        number = len(request.server.requests)
        lines = [f"{i}. p{number} q{i} {name} r{i} s{number}" for i in range(5)]
        says("\n".join(["Here are the prompts:", *lines, lines[0], "nothing of this kind here"]))(request)

    with running_server() as server:
        server.default_reply = write
        writer = WriterSource(model="poet", endpoint=server.url, per_class=8, concurrency=1).pin()
        parts = {
            f"described {index:05d}": make(DescribeSpec(writer=writer, words=name, numerics=Numerics()))
            for index, name in enumerate(CLASSES)
        }
        assert [request.body["temperature"] for request in server.requests] == [1.0] * 4
        assert len({request.body["seed"] for request in server.requests}) == 4
        artifact = make(PromptSpec(strategy=PROMPT_STRATEGIES.pin("described"), classes=CLASSES), **parts)
        url = server.url
    blue, red = read_prompts(artifact)
    assert blue[0] == "p1 q0 blue r0 s1"
    assert (len(set(blue)), len(set(red))) == (8, 8)
    assert all("red" in prompt.split() for prompt in red)
    facts = artifact.manifest.facts
    assert facts["written"] == {
        "model": "poet",
        "endpoint": url,
        "served": ["seer-0613"],
        "temperature": 1.0,
        "max_tokens": 1024,
        "requests": 4,
        "left_out": {"repeats": 4, "without the name of the class": 4},
    }
    assert facts["diversity"]["prompts"] == 16
    assert facts["diversity"]["overlap"]["high"] < 0.5


def test_prompts_of_a_file_are_cycled_within_their_class(make: Make) -> None:
    options = {"prompts": [["a", "b"], ["x", "y", "z"]]}
    artifact = make(PromptSpec(strategy=PROMPT_STRATEGIES.pin("file"), classes=CLASSES, options=options))
    assert read_prompts(artifact) == [["a", "b"] * 3, ["x", "y", "z"] * 2]
    assert artifact.manifest.facts["diversity"]["prompts"] == 5
