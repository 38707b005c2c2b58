from __future__ import annotations

import copy
import time
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.study.texts import CONTRACT, complaint

from prettyuseful.errors import StudyError
from prettyuseful.study.reading import json_schema, load_study, parse_study

BLUR = "'sigma' in probes.p.transform (blur)"  # the one key that has to be there, and is not, is meant


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "near"),
    [
        ("metrics:", "metrix:", 6, "'metrix'", "metrics"),
        ("task: photos", "task: {nam: photos}", 2, "'nam' in task", "name"),
        ("images_per_class", "images_per_clas", 4, "'images_per_clas' in datasets.base", "images_per_class"),
        ("seed: 0", "sampling: {stepz: 1}", 4, "'stepz' in datasets.base.sampling", "steps"),
        ("architectures", "architecture", 5, "'architecture' in train", "architectures"),
        ("metrics: [", "encoders: [{name: inception, weight: x}]\nmetrics: [", 6, "'weight' in encoders.0", "weights"),
        ("metrics: [", "numerics: {thread: 1}\nmetrics: [", 6, "'thread' in numerics", "threads"),
        (
            "metrics: [",
            "numerics:\n  threads: 1\n  microbatch: 1\nmetrics: [",
            8,
            "'microbatch' in numerics",
            "micro_batch",
        ),
        ("metrics: [", "probes: {p: {transform: {kind: blur, sigma: 1}}}\nmetrics: [", 6, BLUR, "width"),
    ],
)
def test_an_unknown_key_is_named_with_its_line_and_the_nearest(
    old: str, new: str, line: int, key: str, near: str
) -> None:
    assert complaint(CONTRACT.replace(old, new)).startswith(
        f"study.yaml:{line}: unknown key {key}; did you mean '{near}'?; valid keys: "
    )


@pytest.mark.parametrize("name", ["Sampling", "literal", "train"])
def test_a_data_set_may_be_called_what_it_likes(name: str) -> None:
    text = CONTRACT.replace("base:", f"{name}:", 1).replace("images_per_class", "images_per_clas")
    assert complaint(text).startswith(f"study.yaml:4: unknown key 'images_per_clas' in datasets.{name}; did you mean")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version: 1\n", "", "'version' is missing"),
        ("version: 1", "version: 2", "study.yaml:1: version: expected 1, got 2"),
        ("images_per_class: 100", "images_per_class: many", "study.yaml:4: datasets.base.images_per_class:"),
        ("images_per_class: 100", "images_per_class: 0", "study.yaml:4: datasets.base.images_per_class:"),
        ("images_per_class: 100", "images_per_class: 1.5", "study.yaml:4: datasets.base.images_per_class:"),
        ("images_per_class: 100", "images_per_class: .inf", "study.yaml:4: datasets.base.images_per_class:"),
        (
            "class-name",
            "captions",
            "study.yaml:4: datasets.base.prompts.strategy: expected 'class-name', 'template', 'definition'",
        ),
        ("seed: 0", "sampling: fast", "study.yaml:4: datasets.base.sampling: expected 'vendor', 'paper' or a mapping"),
        ("seed: 0", "sampling: {steps: 0}", "study.yaml:4: datasets.base.sampling.steps:"),
        ("seed: 0", "sampling: {cfg: 0.5}", "study.yaml:4: datasets.base.sampling.cfg:"),
        ("[0, 1, 2]", "[0, 1, one]", "study.yaml:5: train.seeds.2:"),
        ("[0, 1, 2]", "[]", "study.yaml:5: train.seeds:"),
        ("[density, coverage]", "density", "study.yaml:6: metrics:"),
        ("[density, coverage]", "[densty]", "study.yaml:6: metrics.0: expected 'density', 'coverage', 'precision'"),
        ("metrics:", "encoders: []\nmetrics:", "study.yaml:6: encoders:"),
        ("metrics:", "encoders: [inception]\nmetrics:", "study.yaml:6: encoders.0: inception has no weights to fetch"),
        ("photos", "5", "study.yaml:2: task:"),
        ("photos", "{name: photos, folder: here}", "study.yaml:2: task: give either a name or a folder"),
        ("photos", "{}", "study.yaml:2: task: give either a name or a folder"),
        ("seed: 0", "seed: 0, seed: 1", "study.yaml:4: 'seed' stands here twice"),
        ("metrics:", "task: photos\nmetrics:", "study.yaml:6: 'task' stands here twice"),
        ("photos", "[unclosed", "study.yaml:"),
        (
            "class-name",
            "{strategy: captions}",
            "study.yaml:4: datasets.base.prompts.strategy: expected 'class-name",
        ),
        ("class-name", "5", "study.yaml:4: datasets.base.prompts: expected text or a mapping (keys: "),
        (
            "class-name",
            "{stratgy: caption}",
            "unknown key 'stratgy' in datasets.base.prompts; did you mean 'strategy'?",
        ),
        ("class-name", "{templates: clip-7}", "study.yaml:4: datasets.base.prompts: templates: only for the strategy"),
        (
            "class-name",
            "{strategy: template, templates: clip-8}",
            "datasets.base.prompts: no template set 'clip-8'; known:",
        ),
        (
            "class-name",
            "{strategy: template, templates: [a]}",
            "datasets.base.prompts: template 'a' must hold {} or {name}",
        ),
        (
            "class-name",
            "{strategy: template, templates: [5]}",
            "datasets.base.prompts.templates.0: expected text, got 5",
        ),
        (
            "class-name",
            "{strategy: template, templates: 5}",
            "datasets.base.prompts.templates: expected text or a list of entries, each text, got 5",
        ),
        ("class-name", "{captioner: describer}", "study.yaml:4: datasets.base.prompts: captioner: only"),
        (
            "class-name",
            "{strategy: caption, captioner: {modl: x}}",
            "study.yaml:4: unknown key 'modl' in datasets.base.prompts.captioner; did you mean 'model'?",
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_line(old: str, new: str, said: str) -> None:
    assert old in CONTRACT
    assert said in complaint(CONTRACT.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "5", "just words", "null"])
def test_a_file_that_is_no_mapping_says_what_a_study_is(text: str) -> None:
    assert "a study is a mapping with version, task, datasets and train" in complaint(text)


KEYS = st.sampled_from(
    ["version", "task", "datasets", "train", "metrics", "numerics", "sampling", "a", "<<", "1", "null"]
)
SCALARS = st.sampled_from(
    ["1", "photos", "2020-13-45", "!!int ''", "!!bool x", "!!float x", "!!timestamp x", "&a 1", "*a", ".nan", "0x", "~"]
)
YAMLISH = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda xs: "[" + ", ".join(xs) + "]")
        | st.dictionaries(KEYS, inner, max_size=4).map(
            lambda xs: "{" + ", ".join(f"{key}: {value}" for key, value in xs.items()) + "}"
        )
    ),
    max_leaves=10,
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.text(max_size=60) | YAMLISH)
@example("\x00")
@example("version: 2020-13-45")
@example("version: " + "9" * 5000)
@example("a: &a [*a]")
@example("a: &a {b: *a}")
@example("[" * 3000)
@example("a: !!bool x")
@example("a: !!int ''")
@example("a: !!timestamp x")
@example("!!python/object/apply:os.system [ls]")
@example("? [a]\n: b")
@example("2020-01-01: 1")
@example(CONTRACT.replace("base:", "2020-01-01:", 1))
@example(CONTRACT.replace("base:", "null:", 1))
@example(CONTRACT.replace("base:", "? [x]\n  :", 1))
def test_no_text_raises_anything_but_a_study_error_of_one_line(text: str) -> None:
    said = ""
    try:
        parse_study(text)
    except StudyError as error:
        said = str(error)
    assert "\n" not in said


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    # Ten lines that stand for nine to the seventh values, 40 million; a wiser bomber takes twenty lines.
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 8))]
    started = time.monotonic()
    complaint("\n".join(lines))
    assert time.monotonic() - started < 2


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot read the study file .*none\.yaml: No such file"):
        load_study(tmp_path / "none.yaml")


def test_a_file_that_is_not_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00version")
    with pytest.raises(StudyError, match="not UTF-8 text"):
        load_study(tmp_path / "study.yaml")


def test_relative_folders_are_looked_up_from_the_file(tmp_path: Path) -> None:
    (tmp_path / "my-pipeline").mkdir()
    text = CONTRACT.replace("photos", "{folder: my-images}").replace("pocket-base", "my-pipeline")
    (tmp_path / "study.yaml").write_text(text)
    study = load_study(tmp_path / "study.yaml")
    assert study.task.folder == str(tmp_path / "my-images")
    assert study.datasets["base"].generator == str(tmp_path / "my-pipeline")


def test_everything_that_lies_beside_the_file_is_looked_up_there(tmp_path: Path) -> None:
    for name in ("images", "captioner"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine.py").write_text("class Mine: ...")
    generators = ("images", "'part-{00..09}.tar'", "'mine.py:Mine'", "mine:Mine", "owner/name", "sd-1.5")
    sets = "".join(f"  d{i}: {{generator: {place}, images_per_class: 1}}\n" for i, place in enumerate(generators))
    text = CONTRACT.replace("train:", f"{sets}train:").replace(
        "class-name", "{strategy: caption, captioner: captioner}"
    )
    (tmp_path / "study.yaml").write_text(text)
    study = load_study(tmp_path / "study.yaml")
    mine = f"{tmp_path}/mine.py:Mine"
    places = [f"{tmp_path}/images", f"{tmp_path}/part-{{00..09}}.tar", mine, mine, "owner/name", "sd-1.5"]
    assert [study.datasets[f"d{i}"].generator for i in range(6)] == places
    captioner = study.datasets["base"].prompts.captioner
    assert captioner is not None
    assert captioner.model == str(tmp_path / "captioner")


def test_a_folder_does_not_take_the_name_of_a_known_generator(tmp_path: Path) -> None:
    (tmp_path / "pocket-base").mkdir()
    (tmp_path / "study.yaml").write_text(CONTRACT)
    assert load_study(tmp_path / "study.yaml").datasets["base"].generator == "pocket-base"


@pytest.mark.parametrize(
    "change",
    [
        {"metrix": []},
        {"version": 2},
        {"datasets": {}},
        {"train": {"seeds": []}},
        {"datasets": {"a": {"generator": "x", "images_per_class": 0}}},
        {"datasets": {"a": {"generator": "x", "images_per_class": 1, "sampling": {"stepz": 1}}}},
        {"datasets": {"a": {"generator": "x", "images_per_class": "5 per clas"}}},
        {"datasets": {"a": {"mix": {"real": 0}}}},
        {"datasets": {"a": {"generator": "x", "images_per_class": 1, "prompts": "captions"}}},
        {"datasets": {"a": {"generator": "x", "images_per_class": 1, "prompts": {"strategy": "captions"}}}},
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(change: dict[str, object]) -> None:
    content = {**copy.deepcopy(yaml.safe_load(CONTRACT)), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json_schema())
    complaint(yaml.safe_dump(content))


def test_weights_of_encoders_are_looked_up_from_the_studys_folder(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    encoders = "encoders: [{name: clip-vit-b-32, weights: clip}, {name: dinov2-b-14, weights: owner/name}]\n"
    (tmp_path / "study.yaml").write_text(CONTRACT + encoders)
    study = load_study(tmp_path / "study.yaml")
    assert [encoder.weights for encoder in study.encoders] == [str(tmp_path / "clip"), "owner/name"]


def test_a_metric_of_ones_own_in_two_spellings_is_one(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    file = tmp_path / "study.yaml"
    file.write_text(
        "version: 1\ntask: photos\ndatasets: {base: {generator: pocket-base, images_per_class: 4}}\n"
        "metrics: ['mine:OWN', 'mine.py:OWN']\n"
    )
    with pytest.raises(StudyError, match="metrics: mine:OWN stands here twice, in two spellings; remove one"):
        load_study(file)
