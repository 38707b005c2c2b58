from __future__ import annotations

import copy
import time
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.redaction.texts import RANDOM
from tests.study.texts import EXAMPLE, error_message

from prettyuseful.errors import StudyError
from prettyuseful.generators.choice import choice_of
from prettyuseful.study.reading import json_schema, load_study, parse_study

SECRET = "hf_" + "canary0123456789" * 2

BLUR = "'sigma' in probes.p.transform (blur)"  # the only missing required key is suggested


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
def test_an_unknown_key_is_reported_with_its_line_and_the_nearest_key(
    old: str, new: str, line: int, key: str, near: str
) -> None:
    assert error_message(EXAMPLE.replace(old, new)).startswith(
        f"study.yaml:{line}: unknown key {key}; did you mean '{near}'?; valid keys: "
    )


@pytest.mark.parametrize("name", ["Sampling", "literal", "train"])
def test_names_of_data_sets_do_not_confuse_error_messages(name: str) -> None:
    text = EXAMPLE.replace("base:", f"{name}:", 1).replace("images_per_class", "images_per_clas")
    assert error_message(text).startswith(
        f"study.yaml:4: unknown key 'images_per_clas' in datasets.{name}; did you mean"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
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
            "study.yaml:4: datasets.base.prompts.strategy: expected 'class-name', 'template', 'instruction', "
            "'definition'",
        ),
        ("seed: 0", "sampling: fast", "study.yaml:4: datasets.base.sampling: expected 'vendor', 'paper' or a mapping"),
        ("seed: 0", "sampling: {steps: 0}", "study.yaml:4: datasets.base.sampling.steps:"),
        ("seed: 0", "sampling: {cfg: 0.5}", "study.yaml:4: datasets.base.sampling.cfg:"),
        ("[0, 1, 2]", "[0, 1, one]", "study.yaml:5: train.seeds.2:"),
        ("[0, 1, 2]", "[]", "study.yaml:5: train.seeds:"),
        ("[density, coverage]", "density", "study.yaml:6: metrics:"),
        ("[density, coverage]", "[densty]", "study.yaml:6: metrics.0: expected 'density', 'coverage', 'precision'"),
        ("metrics:", "encoders: []\nmetrics:", "study.yaml:6: encoders:"),
        ("metrics:", "encoders: [inception]\nmetrics:", "study.yaml:6: encoders.0: inception has no default weights"),
        ("photos", "5", "study.yaml:2: task:"),
        ("photos", "{name: photos, folder: here}", "study.yaml:2: task: give either a name or a folder"),
        ("photos", "{}", "study.yaml:2: task: no images given; set exactly one of name, folder, huggingface and real"),
        ("seed: 0", "seed: 0, seed: 1", "study.yaml:4: duplicate key 'seed'"),
        ("metrics:", "task: photos\nmetrics:", "study.yaml:6: duplicate key 'task'"),
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
        (
            "class-name",
            "{templates: clip-7}",
            "study.yaml:4: datasets.base.prompts: templates is only for",
        ),
        (
            "class-name",
            "{strategy: template, templates: clip-8}",
            "datasets.base.prompts: unknown templates 'clip-8'; known:",
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
        ("class-name", "{captioner: describer}", "study.yaml:4: datasets.base.prompts: captioner is only"),
        (
            "class-name",
            "{strategy: caption, captioner: {modl: x}}",
            "study.yaml:4: unknown key 'modl' in datasets.base.prompts.captioner; did you mean 'model'?",
        ),
    ],
)
def test_an_invalid_value_is_reported_with_its_line(old: str, new: str, message: str) -> None:
    assert old in EXAMPLE
    assert message in error_message(EXAMPLE.replace(old, new, 1))


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]", "5", "just words", "null"])
def test_a_file_that_is_not_a_mapping_is_rejected(text: str) -> None:
    assert "a study file must be a mapping with the keys version, task and datasets" in error_message(text)


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
@example(EXAMPLE.replace("base:", "2020-01-01:", 1))
@example(EXAMPLE.replace("base:", "null:", 1))
@example(EXAMPLE.replace("base:", "? [x]\n  :", 1))
def test_any_text_parses_or_raises_a_one_line_study_error(text: str) -> None:
    message = ""
    try:
        parse_study(text)
    except StudyError as error:
        message = str(error)
    assert "\n" not in message


def test_an_alias_bomb_is_rejected_quickly() -> None:
    # Ten lines that stand for nine to the seventh values, 40 million; a wiser bomber takes twenty lines.
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 8))]
    started = time.monotonic()
    error_message("\n".join(lines))
    assert time.monotonic() - started < 2


def test_a_missing_file_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"cannot read the study file .*none\.yaml: No such file"):
        load_study(tmp_path / "none.yaml")


def test_a_binary_file_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_bytes(b"\xff\xfe\x00version")
    with pytest.raises(StudyError, match="not UTF-8 text"):
        load_study(tmp_path / "study.yaml")


def test_relative_folders_are_resolved_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "my-pipeline").mkdir()
    text = EXAMPLE.replace("photos", "{folder: my-images}").replace("pocket-base", "my-pipeline")
    (tmp_path / "study.yaml").write_text(text)
    study = load_study(tmp_path / "study.yaml")
    assert study.task.folder == str(tmp_path / "my-images")
    assert study.datasets["base"].generator == choice_of(str(tmp_path / "my-pipeline"))


def test_all_relative_paths_are_resolved_from_the_folder_of_the_file(tmp_path: Path) -> None:
    for name in ("images", "captioner"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine.py").write_text("class Mine: ...")
    generators = ("images", "'part-{00..09}.tar'", "'mine.py:Mine'", "mine:Mine", "owner/name", "sd-1.5")
    sets = "".join(f"  d{i}: {{generator: {source}, images_per_class: 1}}\n" for i, source in enumerate(generators))
    text = EXAMPLE.replace("train:", f"{sets}train:").replace("class-name", "{strategy: caption, captioner: captioner}")
    (tmp_path / "study.yaml").write_text(text)
    study = load_study(tmp_path / "study.yaml")
    mine = f"{tmp_path}/mine.py:Mine"
    expected = [f"{tmp_path}/images", f"{tmp_path}/part-{{00..09}}.tar", mine, mine, "owner/name", "sd-1.5"]
    assert [study.datasets[f"d{i}"].generator for i in range(6)] == [choice_of(name) for name in expected]
    captioner = study.datasets["base"].prompts.captioner
    assert captioner is not None
    assert captioner.model == str(tmp_path / "captioner")


def test_names_of_built_in_generators_take_precedence_over_folders(tmp_path: Path) -> None:
    (tmp_path / "pocket-base").mkdir()
    (tmp_path / "study.yaml").write_text(EXAMPLE)
    assert load_study(tmp_path / "study.yaml").datasets["base"].generator == choice_of("pocket-base")


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
def test_the_json_schema_rejects_what_the_parser_rejects(change: dict[str, object]) -> None:
    content = {**copy.deepcopy(yaml.safe_load(EXAMPLE)), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, json_schema())
    error_message(yaml.safe_dump(content))


def test_weights_of_encoders_are_resolved_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    encoders = "encoders: [{name: clip-vit-b-32, weights: clip}, {name: dinov2-b-14, weights: owner/name}]\n"
    (tmp_path / "study.yaml").write_text(EXAMPLE + encoders)
    study = load_study(tmp_path / "study.yaml")
    assert [encoder.weights for encoder in study.encoders] == [str(tmp_path / "clip"), "owner/name"]


def test_weights_of_scores_are_resolved_from_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "head.pth").touch()
    weights = "score_models: {laion-aesthetic: {model: owner/name, head: head.pth}}\n"
    (tmp_path / "study.yaml").write_text(EXAMPLE + weights)
    given = load_study(tmp_path / "study.yaml").score_models["laion-aesthetic"]
    assert (given.model, given.head) == ("owner/name", str(tmp_path / "head.pth"))


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ("{laion-aesthetics: {head: x}}", "unknown learned score 'laion-aesthetics'; did you mean 'laion-aesthetic'"),
        ("{contrast: {head: x}}", "the score 'contrast' has no model; remove it"),
        ("{pickscore: {heads: x}}", "unknown key 'heads' in score_models.pickscore; did you mean 'head'?"),
    ],
)
def test_weights_of_other_scores_are_rejected(weights: str, words: str) -> None:
    assert words in error_message(f"{EXAMPLE}score_models: {weights}\n")


def test_a_user_defined_metric_in_two_spellings_is_a_duplicate(tmp_path: Path) -> None:
    (tmp_path / "mine.py").touch()
    file = tmp_path / "study.yaml"
    file.write_text(
        "version: 1\ntask: photos\ndatasets: {base: {generator: pocket-base, images_per_class: 4}}\n"
        "metrics: ['mine:OWN', 'mine.py:OWN']\n"
    )
    with pytest.raises(StudyError, match="metrics: mine:OWN is listed twice in different spellings; remove one"):
        load_study(file)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (f"title: 'with {SECRET}'", "2: title"),
        (f"question: a\ntitle: |\n  one\n  {SECRET}", "3: title"),
        (f"datasets: {{a: {{generator: x, api_key: {SECRET}}}}}", "2: datasets.a.api_key"),
        (f"{SECRET}: 1", "2: [token]"),
        ("task: {huggingface: 'https://me:canary-pw@host/a'}", "2: task.huggingface"),
        ("title: value-of-a-variable", None),
    ],
)
def test_a_study_must_not_contain_secrets(text: str, place: str | None) -> None:
    with pytest.raises(StudyError) as error:
        parse_study(f"version: 1\n{text}\n", "my.yaml")
    assert "canary" not in str(error.value)
    assert ("contains a secret" in str(error.value)) == (place is not None)
    assert str(error.value).startswith(f"my.yaml:{place}" if place else "my.yaml")


def test_a_study_must_not_contain_the_value_of_a_secret_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_PASSWORD", "photos")
    monkeypatch.setenv("MY_TOKEN", RANDOM)
    text = f"version: 1\ntask: photos\n# {RANDOM}\ndatasets: {{a: {{generator: pocket-base, images_per_class: 1}}}}\n"
    assert parse_study(text).task is not None  # a comment is in no result, and the password is a word
    with pytest.raises(StudyError, match="question contains a secret") as error:
        parse_study(f"{text}question: about {RANDOM}\n")
    assert RANDOM not in str(error.value)
