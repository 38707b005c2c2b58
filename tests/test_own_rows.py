"""User-defined prompt strategies, encoders, probes, recipes and tasks, in schema, plan, results and lists."""

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
from prettyuseful.names import list_names
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
    lambda request: [
        [f"{request.options['word']} {verb} {name}" for verb in ("draw", "paint")] for name in request.classes
    ],
    defaults={"word": "please"},
)
WORDY = PromptStrategy(
    "wordy",
    "only captions",
    lambda request: [
        [text for label, text in request.captions if label == c] for c in range(len(request.classes))
    ],
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
    """The text of a study with a user-defined prompt strategy and encoder."""

    def study_text(prompts: str = "mine.py:POLITE", encoder: str = "mine.py:MEAN_COLOUR", more: str = "") -> str:
        return (
            f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: [kid]\nencoders: ['{encoder}']\n"
            f"datasets:\n  a: {{generator: '{planted('Noise')}', images_per_class: 6, prompts: {prompts}}}\n"
            f"train: {{seeds: [0]{more}}}\n"
        )

    return study_text


@pytest.fixture
def plan_study(folder: Path, text: Callable[..., str]) -> Callable[..., Plan]:
    def plan(**fields: str) -> Plan:
        (folder / "study.yaml").write_text(text(**fields))
        return make_plan(load_study(folder / "study.yaml"))

    return plan


def keys(plan: Plan, kind: str) -> set[str]:
    return {key for key, step in plan.steps.items() if step.spec.kind == kind}


def test_the_schema_accepts_user_defined_rows(text: Callable[..., str]) -> None:
    for prompts in ("mine.py:POLITE", "{strategy: 'mine:POLITE', options: {word: kindly}}"):
        content = yaml.safe_load(text(prompts=prompts))
        jsonschema.validate(content, json_schema())
        content["datasets"]["a"]["prompts"] = "politely"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(content, json_schema())


def test_keys_contain_the_content_of_the_file_but_not_its_location(
    plan_study: Callable[..., Plan], folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    first = plan_study()
    assert plan_study(prompts="mine:POLITE", encoder="mine:MEAN_COLOUR").steps.keys() == first.steps.keys()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for name in ("mine.py", "study.yaml"):
        (elsewhere / name).write_text((folder / name).read_text())
    assert make_plan(load_study(elsewhere / "study.yaml")).steps.keys() == first.steps.keys()
    kindly = plan_study(prompts="{strategy: 'mine.py:POLITE', options: {word: kindly}}")
    assert not keys(kindly, "prompt") & keys(first, "prompt")
    assert keys(kindly, "train") != keys(first, "train")
    (folder / "mine.py").write_text(MINE + "# changed code may give other prompts and features\n")
    other = plan_study()
    for kind in ("prompt", "embed"):
        assert not keys(other, kind) & keys(first, kind)
    assert {step.label for step in first.steps.values()} >= {"write polite prompts", "embed a by mean-colour"}


def test_results_of_user_defined_rows(folder: Path, text: Callable[..., str]) -> None:
    (folder / "study.yaml").write_text(text())
    result = run_study(load_study(folder / "study.yaml"), folder / "store", folder / "out", workers=1)
    records = read_records(folder / "out" / "records")
    dataset = next(record for record in records if isinstance(record, DatasetRecord) and record.name == "a")
    assert dataset.prompts == "polite"
    assert {measure.encoder for measure in dataset.measured} == {"mean-colour"}
    assert all("kid" in measure.numbers or "kid" in measure.parts for measure in dataset.measured)
    (study,) = (record for record in records if isinstance(record, StudyRecord))
    assert study.encoders == {"mean-colour": "the mean of each channel"}
    assert "the mean of each channel" in Path(result.report).read_text("utf-8")
    prompts = LocalStore(folder / "store").read(dataset.keys["prompt"])
    assert prompts is not None
    assert json.loads(prompts.path("prompts.json").read_text())["prompts"] == [
        [f"please {verb} {name}" for verb in ("draw", "paint")] for name in ("blue", "red")
    ]


def test_user_defined_strategies_can_use_captions(plan_study: Callable[..., Plan]) -> None:
    plan = plan_study(prompts="{strategy: 'mine.py:WORDY', captioner: describer}")
    (prompt,) = (plan.steps[key] for key in keys(plan, "prompt"))
    assert [*prompt.inputs] == ["captions 00000"]


def test_user_defined_rows_are_listed(folder: Path) -> None:
    encoder, polite = (f"{folder}/mine.py:{name}" for name in ("MEAN_COLOUR", "POLITE"))
    assert list_names("encoders", [encoder])[encoder] == "mean-colour: the mean of each channel"
    assert list_names("prompts", [polite])[polite] == "polite: two polite requests"
    assert list_names("prompts", ["caption"]) == list_names("prompts")
    for kind in ("generators", "architectures", "studies"):
        with pytest.raises(StudyError, match="user-defined objects exist for tasks, prompts, recipes"):
            list_names(kind, [polite])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"prompts": "mine.py:POLIT"}, "data set 'a': module '.*mine.py' has no 'POLIT'; did you mean 'POLITE'?"),
        (
            {"prompts": "mine.py:MEAN_COLOUR"},
            "has the type EncoderRow, but a user-defined prompt strategy",
        ),
        (
            {"encoder": "mine.py:POLITE"},
            "has the type PromptStrategy, but a user-defined encoder",
        ),
        ({"encoder": "mine.py:MEAN_COLOR"}, "has no 'MEAN_COLOR'; did you mean 'MEAN_COLOUR'?"),
        ({"encoder": "other.py:MEAN_COLOUR"}, "no file other.py for 'other.py:MEAN_COLOUR'"),
        (
            {"prompts": "{strategy: 'mine.py:POLITE', options: {wrd: kindly}}"},
            "data set 'a': the prompt strategy 'polite' has no option 'wrd'; did you mean 'word'?",
        ),
        (
            {"prompts": "{strategy: 'mine.py:POLITE', templates: clip-7}"},
            "data set 'a': templates is only for the strategy 'template' or 'instruction', but the "
            "strategy is 'polite'",
        ),
        (
            {"prompts": "{strategy: 'mine.py:POLITE', captioner: describer}"},
            "captioner is only for the strategy 'caption', but the strategy is 'polite'",
        ),
    ],
)
def test_errors_are_one_line(plan_study: Callable[..., Plan], fields: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")) as error:
        plan_study(**fields)
    assert "\n" not in str(error.value)


def test_options_are_only_for_user_defined_strategies(text: Callable[..., str]) -> None:
    with pytest.raises(StudyError, match="options is only for a user-defined strategy, but the strategy is 'caption'"):
        parse_study(text(prompts="{strategy: caption, options: {a: 1}}"))


def test_two_rows_with_the_same_name_are_rejected(plan_study: Callable[..., Plan], folder: Path) -> None:
    (folder / "mine.py").write_text(MINE.replace('"mean-colour"', '"inception"').replace('"polite"', '"caption"'))
    with pytest.raises(
        UnknownNameError, match="encoder 'mine:MEAN_COLOUR' has the name 'inception', which another encoder already has"
    ):
        plan_study()
    with pytest.raises(UnknownNameError, match="prompt strategy 'mine:POLITE' has the name 'caption'"):
        plan_study(encoder="real-trained")


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        ("[]", "returned prompts of 0 classes; the task has 2"),
        ("[['a'], []]", "returned 0 prompts for the class 'dog'; it must return at least one"),
        ("[['a'], ['b', 'c']]", "returned 2 prompts for the class 'dog'"),
        ("[['a'], [5]]", "returned a int as a prompt of 'dog'; it must return texts"),
        ("1 / 0", "prompt strategy odd:ODD: ZeroDivisionError: division by zero"),
        ("None", "prompt strategy odd:ODD: TypeError"),
    ],
)
def test_invalid_prompts_are_reported(tmp_path: Path, returns: str, message: str) -> None:
    (tmp_path / "odd.py").write_text(
        "from prettyuseful.prompts.strategies import PromptStrategy\n"
        f"ODD = PromptStrategy('odd', 'odd', lambda asked: {returns})\n"
    )
    with pytest.raises(DataError, match=re.escape(message)) as error:
        write_prompts(f"{tmp_path}/odd.py:ODD", PromptRequest(("cat", "dog")))
    assert "\n" not in str(error.value)


def test_user_defined_probes_recipes_and_tasks(folder: Path) -> None:
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
