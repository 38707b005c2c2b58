"""A prompt strategy and an encoder of the user's, each one object in a file: in the schema, plan, results and lists."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import yaml

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, StudyError, UnknownNameError, UserError
from prettyuseful.names import names_of
from prettyuseful.plan.cells import cell_groups
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.prompts.strategies import PromptRequest, write_prompts
from prettyuseful.records import DatasetRecord, StudyRecord, read_records
from prettyuseful.run import run_study
from prettyuseful.study.reading import json_schema, load_study, parse_study

MINE = """\
import numpy as np
from prettyuseful.encoders.table import EncoderRow
from prettyuseful.prompts.strategies import PromptStrategy
from prettyuseful.tasks.source import NamedTask
from prettyuseful.tasks.photos import PhotosTask
from prettyuseful.training.recipes import SMALL, NamedRecipe
from prettyuseful.transforms.colour import Colour
from prettyuseful.transforms.probes import Probe


class MeanColour:
    def features(self, pixels):
        return np.stack([pixels[i].mean(axis=(0, 1)) for i in range(len(pixels))])


MEAN_COLOUR = EncoderRow("mean-colour", "the mean of each channel", lambda weights, numerics: MeanColour())
POLITE = PromptStrategy(
    "polite",
    "two polite requests",
    lambda asked: [[f"{asked.options['word']} {verb} {name}" for verb in ("draw", "paint")] for name in asked.classes],
    defaults={"word": "please"},
)
WORDY = PromptStrategy(
    "wordy",
    "captions alone",
    lambda asked: [[text for label, text in asked.captions if label == c] for c in range(len(asked.classes))],
    needs_captions=True,
)
GREY = Probe("grey", "without colour", Colour(saturation=0.0))
SHORT = NamedRecipe("short", "the small one", SMALL)
LARGER = NamedTask("larger", "the photographs again", PhotosTask)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.fixture
def text(shared_task: Path, planted: Callable[[str], str]) -> Callable[..., str]:
    """A study of the user's own strategy and encoder."""

    def of(prompts: str = "mine.py:POLITE", encoder: str = "mine.py:MEAN_COLOUR", more: str = "") -> str:
        return (
            f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: [kid]\nencoders: ['{encoder}']\n"
            f"datasets:\n  a: {{generator: '{planted('Noise')}', images_per_class: 6, prompts: {prompts}}}\n"
            f"train: {{seeds: [0]{more}}}\n"
        )

    return of


@pytest.fixture
def planned(folder: Path, text: Callable[..., str]) -> Callable[..., Plan]:
    def of(**said: str) -> Plan:
        (folder / "study.yaml").write_text(text(**said))
        return make_plan(load_study(folder / "study.yaml"))

    return of


def keys(plan: Plan, kind: str) -> set[str]:
    return {key for key, step in plan.steps.items() if step.spec.kind == kind}


def test_the_schema_takes_them(text: Callable[..., str]) -> None:
    for prompts in ("mine.py:POLITE", "{strategy: 'mine:POLITE', options: {word: kindly}}"):
        content = yaml.safe_load(text(prompts=prompts))
        jsonschema.validate(content, json_schema())
        content["datasets"]["a"]["prompts"] = "politely"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content, json_schema())


def test_their_file_is_in_the_keys_and_its_place_is_not(
    planned: Callable[..., Plan], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = planned()
    assert planned(prompts="mine:POLITE", encoder="mine:MEAN_COLOUR").steps.keys() == first.steps.keys()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("mine.py", "study.yaml"):
        (elsewhere / name).write_text((folder / name).read_text())
    assert make_plan(load_study(elsewhere / "study.yaml")).steps.keys() == first.steps.keys()
    kindly = planned(prompts="{strategy: 'mine.py:POLITE', options: {word: kindly}}")
    assert not keys(kindly, "prompt") & keys(first, "prompt")
    assert keys(kindly, "train") != keys(first, "train")
    (folder / "mine.py").write_text(MINE + "# other text may mean other prompts and features\n")
    other = planned()
    for kind in ("prompt", "embed"):
        assert not keys(other, kind) & keys(first, kind)
    assert {step.label for step in first.steps.values()} >= {"write polite prompts", "embed a by mean-colour"}


def test_results_are_theirs(folder: Path, text: Callable[..., str]) -> None:
    (folder / "study.yaml").write_text(text())
    result = run_study(load_study(folder / "study.yaml"), folder / "store", folder / "out", workers=1)
    records = read_records(folder / "out" / "records")
    made = next(record for record in records if isinstance(record, DatasetRecord) and record.name == "a")
    assert made.prompts == "polite"
    assert {measure.encoder for measure in made.measured} == {"mean-colour"}
    assert all("kid" in measure.numbers or "kid" in measure.parts for measure in made.measured)
    (study,) = (record for record in records if isinstance(record, StudyRecord))
    assert study.encoders == {"mean-colour": "the mean of each channel"}
    assert "the mean of each channel" in Path(result.report).read_text("utf-8")
    prompts = LocalStore(folder / "store").read(made.keys["prompt"])
    assert prompts is not None
    assert json.loads(prompts.path("prompts.json").read_text())["prompts"] == [
        [f"please {verb} {name}" for verb in ("draw", "paint")] for name in ("blue", "red")
    ]


def test_captions_are_theirs_to_use(planned: Callable[..., Plan]) -> None:
    plan = planned(prompts="{strategy: 'mine.py:WORDY', captioner: describer}")
    (prompt,) = (plan.steps[key] for key in keys(plan, "prompt"))
    assert [*prompt.inputs] == ["captions 00000"]


def test_they_are_listed_beside_the_others(folder: Path) -> None:
    encoder, polite = (f"{folder}/mine.py:{name}" for name in ("MEAN_COLOUR", "POLITE"))
    assert names_of("encoders", [encoder])[encoder] == "mean-colour: the mean of each channel"
    assert names_of("prompts", [polite])[polite] == "polite: two polite requests"
    assert names_of("prompts", ["caption"]) == names_of("prompts")
    for kind in ("generators", "architectures", "studies"):
        with pytest.raises(StudyError, match=r"objects of your own describe tasks, prompts, recipes, probes, encoders"):
            names_of(kind, [polite])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"prompts": "mine.py:POLIT"}, "data set 'a': module '.*mine.py' has no 'POLIT'; did you mean 'POLITE'?"),
        (
            {"prompts": "mine.py:MEAN_COLOUR"},
            "is of the type EncoderRow; what describes your own prompt strategy",
        ),
        (
            {"encoder": "mine.py:POLITE"},
            "is of the type PromptStrategy; what describes your own encoder",
        ),
        ({"encoder": "mine.py:MEAN_COLOR"}, "has no 'MEAN_COLOR'; did you mean 'MEAN_COLOUR'?"),
        ({"encoder": "other.py:MEAN_COLOUR"}, "no file other.py for 'other.py:MEAN_COLOUR'"),
        (
            {"prompts": "{strategy: 'mine.py:POLITE', options: {wrd: kindly}}"},
            "data set 'a': the prompt strategy 'polite' has no option 'wrd'; did you mean 'word'?",
        ),
        (
            {"prompts": "{strategy: 'mine.py:POLITE', templates: clip-7}"},
            "data set 'a': templates: only for the strategy 'template', and this is 'polite'",
        ),
        (
            {"prompts": "{strategy: 'mine.py:POLITE', captioner: describer}"},
            "captioner: only for the strategy 'caption', and this is 'polite'",
        ),
    ],
)
def test_a_mistake_is_one_line(planned: Callable[..., Plan], said: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words.replace("?", r"\?")) as error:
        planned(**said)
    assert "\n" not in str(error.value)


def test_options_are_for_strategies_of_ones_own(text: Callable[..., str]) -> None:
    with pytest.raises(StudyError, match="options: only for a strategy of your own, and this is 'caption'"):
        parse_study(text(prompts="{strategy: caption, options: {a: 1}}"))


def test_two_rows_of_one_name_are_refused(planned: Callable[..., Plan], folder: Path) -> None:
    (folder / "mine.py").write_text(MINE.replace('"mean-colour"', '"inception"').replace('"polite"', '"caption"'))
    with pytest.raises(UnknownNameError, match="encoder 'mine:MEAN_COLOUR' is called 'inception', as is another here"):
        planned()
    with pytest.raises(UnknownNameError, match="prompt strategy 'mine:POLITE' is called 'caption'"):
        planned(encoder="real-trained")


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        ("[]", "wrote prompts of 0 classes, not of 2"),
        ("[['a'], []]", "wrote 0 prompts of the class 'dog'; it must write at least one, and equally many"),
        ("[['a'], ['b', 'c']]", "wrote 2 prompts of the class 'dog'"),
        ("[['a'], [5]]", "wrote a int as a prompt of 'dog'; it must write texts"),
        ("1 / 0", "prompt strategy odd:ODD: ZeroDivisionError: division by zero"),
        ("None", "prompt strategy odd:ODD: TypeError"),
    ],
)
def test_prompts_that_cannot_be_used_are_one_line(tmp_path: Path, returns: str, words: str) -> None:
    (tmp_path / "odd.py").write_text(
        "from prettyuseful.prompts.strategies import PromptStrategy\n"
        f"ODD = PromptStrategy('odd', 'odd', lambda asked: {returns})\n"
    )
    with pytest.raises(DataError, match=re.escape(words)) as error:
        write_prompts(f"{tmp_path}/odd.py:ODD", PromptRequest(("cat", "dog")))
    assert "\n" not in str(error.value)


def test_probes_recipes_and_tasks_can_be_ones_own(folder: Path) -> None:
    (folder / "study.yaml").write_text(
        "version: 1\ntask: mine.py:LARGER\nmetrics: []\n"
        "datasets: {a: {generator: pocket-base, images_per_class: 2}}\n"
        "train: {probes: [rgb, 'mine.py:GREY'], recipes: ['mine.py:SHORT'], seeds: [0]}\n"
    )
    study = load_study(folder / "study.yaml")
    (group,) = cell_groups(study, lambda: 32)
    assert [cell.names for cell in group.cells] == [("small", "short", "rgb"), ("small", "short", "grey")]
    plan = make_plan(study)
    assert plan.task.name == "photos"
    assert {step.spec.kind for step in plan.steps.values()} >= {"probe"}
    assert any(", grey" in step.label for step in plan.steps.values())
