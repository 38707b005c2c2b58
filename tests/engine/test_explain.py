from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engine.running import run

from prettyuseful.engine.execute import select_missing_steps
from prettyuseful.engine.explain import Explanation, explain_steps
from prettyuseful.engine.history import History
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, Step, StepSpec
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import UnknownNameError


class PinnedSpec(StepSpec):
    """Reads something outside the store."""

    kind: ClassVar[str] = "import"
    pace: ClassVar[float] = 0.01
    images: Pinned[str]
    count: int = 1
    first: int = 0

    def make(self, job: Job) -> dict[str, Any]:
        (job.folder / "out").write_text(str(self.images.content))
        return {}


class OptionsSpec(PinnedSpec):
    options: dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def write(planted_steps: ModuleType) -> Any:
    """Return a step that writes a text; its label is the text."""

    def make(text: str, *inputs: Step, kind: str = "WriteSpec", **fields: Any) -> Step:
        spec = getattr(planted_steps, kind)(text=text, **fields)
        return named(spec, text, *inputs)

    return make


def named(spec: StepSpec, label: str, *inputs: Step, **names: str) -> Step:
    return Step(spec, {f"input {i}": s.key for i, s in enumerate(inputs)}, label, 1.0, names or None)


def explain(store: LocalStore | None, *steps: Step) -> Explanation:
    by_key = {step.key: step for step in steps}
    todo = by_key if store is None else select_missing_steps(by_key, by_key, store)
    explanation = explain_steps(by_key, todo, store)
    assert json.loads(json.dumps(explanation.as_json()))["to_run"] == len(explanation.reasons)
    return explanation


def words(explanation: Explanation) -> list[str]:
    return [f"{reason.step}: {reason.kind}: {reason.words}" for reason in explanation.reasons]


def test_without_a_store_all_steps_are_new(store: LocalStore, write: Any) -> None:
    first = write("a")
    for place in (None, store):
        explanation = explain(place, first, write("b", first))
        assert explanation.summary == "2 of 2 steps to run: the store has none of them"
        assert words(explanation) == [f"{label}: new: the store has no such step" for label in "ab"]
        assert [(group.kind, group.steps, group.first) for group in explanation.groups] == [("new", 2, "a")]


def test_nothing_is_to_explain_when_the_store_has_everything(store: LocalStore, write: Any) -> None:
    first = write("a")
    run(store, first, write("b", first))
    explanation = explain(store, first, write("b", first))
    assert (explanation.reasons, explanation.groups, explanation.why) == ((), (), "")
    assert explanation.summary == "all results are in the store: 0 of 2 steps to run"


def chain(write: Any, text: str, *others: str) -> list[Step]:
    """Return the step `text`, and steps that are each made from the one before."""
    steps = [write(text)]
    for other in others:
        steps.append(write(other, steps[-1], kind="SlowSpec", seconds=0))
    return steps


def test_one_change_explains_all_steps_below_it(store: LocalStore, write: Any) -> None:
    other = named(PinnedSpec(images=Pinned("x", "y")), "other")
    run(store, *chain(write, "old", "middle", "last"), other)
    explanation = explain(store, *chain(write, "new", "middle", "last"), other)
    change = "text changed from old to new"
    assert explanation.summary == f"3 of 4 steps to run: {change}"
    assert words(explanation) == [
        f"new: changed: {change}",
        f"middle: input: input input 0 (new): {change}",
        f"last: input: input input 0 (middle, made from new): {change}",
    ]
    (group,) = explanation.groups
    assert (group.kind, group.words, group.steps, group.first, group.kinds) == (
        "changed",
        change,
        3,
        "new",
        {"load": 3},
    )


def test_the_nearest_artifact_of_a_step_is_made_from_the_nearest_of_its_input(store: LocalStore, write: Any) -> None:
    """Of two old tests, the one of the old classifier is compared, although the other is later."""
    old, other = write("a", kind="SlowSpec", seconds=0), write("b", kind="SlowSpec", seconds=5e-9)
    tests = [write("test", s) for s in (old, other)]
    run(store, old, tests[0])
    run(store, other, tests[1])
    new = write("a", kind="SlowSpec", seconds=1e-9)
    reason = explain(store, new, write("test", new)).reasons[1]
    assert reason.nearest == tests[0].key
    assert reason.words == "input input 0 (a): seconds changed from 0.0 to 1e-09"


def test_several_causes_are_counted_and_the_most_frequent_are_named(store: LocalStore, write: Any) -> None:
    def steps(text: str, seconds: float, flag: str) -> list[Step]:
        one, two = write(text), write("b", kind="SlowSpec", seconds=seconds)
        more = [write(f"{i}", two) for i in range(3)]
        return [one, write("of a", one), two, *more, write("c", kind="KillSpec", flag=flag)]

    (store.root.parent / "old").write_text("")
    old = steps("a", 0, str(store.root.parent / "old"))
    run(store, *old)
    explanation = explain(store, *steps("A", 1, "new"))
    assert explanation.summary == (
        "7 of 7 steps to run: 4 because seconds changed from 0.0 to 1.0, 2 because text changed from a to A, "
        "and 1 other cause"
    )
    assert [group.steps for group in explanation.groups] == [4, 2, 1]


def test_steps_with_the_same_changed_fields_are_one_group(store: LocalStore) -> None:
    def images(content: str, count: int) -> Step:
        return named(PinnedSpec(images=Pinned(content, content), count=count, first=1), f"import {content}")

    run(store, *(images(content, 1) for content in "abc"))
    explanation = explain(store, *(images(content, count) for content, count in (("a", 2), ("b", 2), ("c", 3))))
    (group,) = explanation.groups
    assert (group.steps, group.words) == (3, "count changed")
    (group,) = explain(store, images("a", 2), images("b", 2)).groups
    assert (group.steps, group.words) == (2, "count changed from 1 to 2")


def test_a_step_beside_others_of_the_plan_is_new(store: LocalStore, write: Any) -> None:
    """Another seed is no change: the step with the first seed is still part of the plan."""
    first, second = (write(f"{seed}") for seed in (0, 1))
    run(store, first, write("test", first))
    explanation = explain(store, first, write("test", first), second, write("test", second))
    assert explanation.summary == "2 of 4 steps to run: the store has none of them"
    assert words(explanation) == [
        "1: new: the store has no such step; the most similar one has text 0 instead of 1",
        "test: input: input input 0 (1): the store has no such step",
    ]
    assert explain(store, second).summary == "1 of 1 steps to run: text changed from 0 to 1"


def test_a_step_with_hardly_a_field_in_common_is_new(store: LocalStore, planted_steps: ModuleType) -> None:
    def spec(**values: Any) -> Any:
        return planted_steps.NumericsSpec(text="a", numerics=planted_steps.Numerics(**values))

    run(store, named(spec(), "old"))
    values = {"threads": 2, "compile": True, "dtype": "bfloat16", "memory_format": "channels_last"}
    few = explain(store, named(spec(threads=2, compile=True), "few"))
    assert few.summary.endswith("numerics.threads changed from 1 to 2 and numerics.compile from false to true")
    many = explain(store, named(spec(**values, fuse_projections=True), "many"))
    assert words(many) == ["many: new: the store has no such step"]


def test_a_new_version_of_a_step_is_named(
    store: LocalStore, write: Any, planted_steps: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(store, *chain(write, "first", "second"))
    monkeypatch.setattr(planted_steps.WriteSpec, "version", 3)
    monkeypatch.setattr(planted_steps.SlowSpec, "version", 1)
    explanation = explain(store, *chain(write, "first", "second"))
    assert explanation.summary == "2 of 2 steps to run: the version of `load` steps changed from 1 to 3"
    assert [reason.kind for reason in explanation.reasons] == ["version", "input"]


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("removed", "file out is missing"),
        ("cut off", "file out differs from its manifest"),
        ("torn manifest", "its manifest is not valid, or belongs to another artifact"),
    ],
)
def test_a_damaged_artifact_is_named(store: LocalStore, write: Any, damage: str, problem: str) -> None:
    steps = chain(write, "first", "second")
    run(store, *steps)
    artifact = store.read(steps[0].key)
    assert artifact is not None
    file, manifest = artifact.path("out"), next(store.root.glob(f"manifests/*/{steps[0].key}.json"))
    if damage == "torn manifest":
        manifest.chmod(0o644)
        manifest.write_text("{")
    elif damage == "removed":
        file.unlink()
    else:
        file.chmod(0o644)
        file.write_text("")
    assert words(explain(store, *steps)) == [f"first: broken: its artifact is damaged: {problem}"]


def test_what_gc_removed_is_named_with_the_time(store: LocalStore, write: Any) -> None:
    steps = chain(write, "first", "second")
    run(store, *steps)
    store.sweep({steps[0].key}, remove=True)
    time = store.swept()[steps[1].key]
    assert words(explain(store, *steps)) == [f"second: swept: `gc` removed its artifact at {time}"]


def test_a_failed_step_is_named_with_its_cause(store: LocalStore, planted_steps: ModuleType) -> None:
    bad = named(planted_steps.FailSpec(), "bad")
    after = named(planted_steps.WriteSpec(text="after"), "after", bad)
    run(store, bad, after, named(planted_steps.WriteSpec(text="before"), "before"))
    assert words(explain(store, bad, after)) == [
        "bad: failed: the last attempt failed: RuntimeError: no luck",
        "after: changed: text changed from before to after; input input 0 (bad): the last attempt failed: "
        "RuntimeError: no luck",
    ]


def test_changed_content_outside_the_store_is_said_in_words(store: LocalStore) -> None:
    def images(content: Any, source: str = "/data/cars") -> Step:
        return named(PinnedSpec(images=Pinned(source, content)), "import cars")

    run(store, images("a" * 64), images({"hub": "acme/cars", "commit": "c" * 40}))
    assert explain(store, images("a" * 64, "/moved/cars")).reasons == ()
    assert explain(store, images("b" * 64)).why == "content of the images changed (/data/cars)"
    later = images({"hub": "acme/cars", "commit": "d" * 40})
    assert explain(store, later).why == "commit of acme/cars changed from ccccccc to ddddddd"


def test_an_exchanged_input_is_traced_to_the_field_in_which_it_differs(store: LocalStore, write: Any) -> None:
    """Both inputs are in the store; only the step that uses the second one is missing."""
    one, other = chain(write, "one", "middle"), chain(write, "other", "middle")
    run(store, *one, write("test", one[-1]), *other)
    explanation = explain(store, *other, write("test", other[-1]))
    assert words(explanation) == [
        "test: input: input input 0 (middle, made from other): text changed from one to other"
    ]


def test_an_input_of_another_kind_is_named(store: LocalStore, write: Any) -> None:
    folder = named(PinnedSpec(images=Pinned("x", "y")), "import x")
    run(store, write("a"), write("test", write("a")), folder)
    assert words(explain(store, folder, write("test", folder))) == [
        "test: input: input input 0 (import x): it is now made from: import x"
    ]


def test_an_input_that_is_not_used_any_more_is_named(store: LocalStore, write: Any) -> None:
    first, second, third = (write(text) for text in "abc")
    run(store, first, second, third, write("all", first, second, third))
    assert words(explain(store, first, write("all", first))) == [
        "all: input: input input 1 and 1 more are not used any longer"
    ]


def test_a_step_that_another_process_makes_meanwhile_is_not_explained(store: LocalStore, write: Any) -> None:
    steps = chain(write, "first", "second")
    by_key = {step.key: step for step in steps}
    run(store, steps[0])
    assert [reason.step for reason in explain_steps(by_key, by_key, store).reasons] == ["second"]


def test_manifests_that_were_read_already_are_not_read_again(
    store: LocalStore, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(store, write("old"))
    history = History(store.list())
    monkeypatch.setattr(LocalStore, "list", None)
    new = write("new")
    assert explain_steps({new.key: new}, {new.key: new}, store, history).why == "text changed from old to new"


def test_a_name_of_the_study_is_used_and_is_not_in_the_key(store: LocalStore, planted_steps: ModuleType) -> None:
    def step(threads: int, **names: str) -> Step:
        return named(planted_steps.NumericsSpec(text="a", numerics={"threads": threads}), "a", **names)

    assert step(1).key == step(1, numerics="fast").key
    run(store, step(1))
    assert explain(store, step(2, numerics="fast")).why == "numerics `fast` changed its threads from 1 to 2"


def with_options(options: dict[str, Any]) -> Step:
    return named(OptionsSpec(images=Pinned("x", "y"), options=options), "any")


def test_fields_that_only_look_equal_are_no_reason_to_crash(store: LocalStore) -> None:
    run(store, with_options({"a": {"b": 1}}))
    assert words(explain(store, with_options({"a.b": 1}))) == ["any: new: the store has no such step"]


def test_a_manifest_of_somebody_else_cannot_control_the_terminal(store: LocalStore) -> None:
    run(store, with_options({"\x1b[2J": "\x1b[31m"}))
    (line,) = words(explain(store, with_options({"\x1b[2J": "none"})))
    assert line == "any: changed: options. [2J changed from [31m to none"


NUMERICS: dict[str, Sequence[Any]] = {
    "dtype": ["float32", "bfloat16"],
    "threads": [1, 2, 3],
    "compile": [False, True],
    "memory_format": ["contiguous", "channels_last"],
}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.fixed_dictionaries({name: st.sampled_from(options) for name, options in NUMERICS.items()}), data=st.data()
)
def test_a_change_of_any_field_is_explained_by_exactly_this_field(
    planted_steps: ModuleType, tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], data: st.DataObject
) -> None:
    def step(text: str, numbers: dict[str, Any]) -> Step:
        return named(planted_steps.NumericsSpec(text=text, numerics=planted_steps.Numerics(**numbers)), "a")

    store = LocalStore(tmp_path_factory.mktemp("store"))
    run(store, step("a", values))
    field = data.draw(st.sampled_from([*NUMERICS, "text"]))
    if field == "text":
        changed, path, before, after = step("b", values), "text", "a", "b"
    else:
        before, path = values[field], f"numerics.{field}"
        after = data.draw(st.sampled_from([value for value in NUMERICS[field] if value != before]))
        changed = step("a", {**values, field: after})
    (reason,) = explain(store, changed).reasons
    assert [(change.field, change.before, change.after) for change in reason.changes] == [(path, before, after)]
    assert reason.kind == "changed"


def test_a_step_is_found_by_its_label_its_key_or_a_part_of_its_label(write: Any) -> None:
    steps = [write(text) for text in ("train a, seed 0", "train a, seed 1", "collect b", "collect")]
    explanation = explain(None, *steps)
    assert explanation.find("train a, seed 1") == (steps[1],)
    assert explanation.find("SEED 0") == (steps[0],)
    assert explanation.find("collect") == (steps[3],)
    assert explanation.find(steps[2].key[:12]) == (steps[2],)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trian", "the study has no step 'trian'; did you mean 'train'?; give a part of its name, or its key"),
        ("colect b", "no step 'colect b'; did you mean 'collect b'?"),
        ("seed", "2 names of steps contain 'seed', such as 'train a, seed 0' and 'train a, seed 1'; give more"),
    ],
)
def test_a_step_that_is_not_found_is_an_error_with_a_hint(write: Any, text: str, message: str) -> None:
    explanation = explain(None, *map(write, ("train a, seed 0", "train a, seed 1", "collect b")))
    with pytest.raises(UnknownNameError) as error:
        explanation.find(text)
    assert message in str(error.value)
