"""One edit of a study is one cause, in the words of the study: plans are compared, no step runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

from prettyuseful.engine.changes import changes_between, flatten
from prettyuseful.engine.explain import Explanation, explain_steps
from prettyuseful.engine.step import Step, manifest_of
from prettyuseful.engine.store.base import Manifest
from prettyuseful.engine.study_changes import in_words_of_the_study
from prettyuseful.plan.study import Plan, make_plan
from prettyuseful.study.reading import parse_study

NOISE = Path(__file__).parents[1] / "planted_generators.py"
PROMPTS = "{strategy: template, templates: ['a {}', 'the {}']}"
CUSTOM = f"""
version: 1
task: {{folder: colours}}
recipes: {{mine: {{like: small, epochs: 2}}}}
train: {{seeds: [0, 1], recipes: [mine]}}
metrics: []
numerics: {{micro_batch: 4}}
datasets:
  tiny: {{generator: 'g.py:Noise', images_per_class: 7, prompts: {PROMPTS}}}
  other: {{generator: 'g.py:Noise', images_per_class: 5, seed: 4}}
  both: {{mix: {{real: 3 per class, tiny: 3 per class}}}}
"""
DIFFUSION = f"""
version: 1
task: {{folder: colours}}
recipes: {{mine: {{like: small, epochs: 2}}}}
train: {{seeds: [0], recipes: [mine], probes: [rgb, own], real_curve: [2, 4]}}
probes: {{own: {{transform: {{kind: blur, width: 0.5}}}}}}
metrics: [density]
numerics: {{micro_batch: 4}}
datasets:
  pic: {{generator: pocket-base, images_per_class: 6, prompts: {PROMPTS}, sampling: {{steps: 3}}}}
  fold: {{generator: colours/train, images_per_class: 5}}
  blurred: {{of: real, transform: {{kind: blur, width: 0.2}}, images_per_class: 6}}
  captioned: {{generator: pocket-base, images_per_class: 4, prompts: caption, sampling: {{steps: 3}}}}
"""
NEW = "the store has no such step"


class PlannedStore:
    """A store that has the artifacts of a plan; nothing has been made."""

    def __init__(self, plan: Plan) -> None:
        self.manifests = [manifest_of(step, (), {}, 1.0) for step in plan.steps.values()]
        self.keys = set(plan.steps)

    def list(self) -> Iterator[Manifest]:
        return iter(self.manifests)

    def select_existing(self, keys: set[str]) -> set[str]:
        return self.keys & set(keys)

    def failures(self) -> Mapping[str, str]:
        return {}

    swept = failures

    def broken(self, keys: Mapping[str, Step]) -> Mapping[str, str]:
        del keys
        return {}


@pytest.fixture(scope="module")
def folder(shared_task: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("studies")
    shutil.copytree(shared_task, path / "colours")
    (path / "g.py").write_text(f"{NOISE.read_text()}\n\nclass Two(Noise):\n    pass\n")
    return path


@pytest.fixture(scope="module")
def stores(folder: Path) -> dict[str, PlannedStore]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return {text: PlannedStore(make_plan(parse_study(text))) for text in (CUSTOM, DIFFUSION)}


@pytest.fixture
def explain(
    folder: Path, stores: dict[str, PlannedStore], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Explanation]:
    monkeypatch.chdir(folder)

    def explain(base: str, text: str) -> Explanation:
        plan, store = make_plan(parse_study(text)), stores[base]
        return explain_steps(plan.steps, plan.missing_steps(store), store)  # type: ignore[arg-type]

    return explain


EDITS: list[tuple[str, str, str, list[str]]] = [
    (CUSTOM, "epochs: 2", "epochs: 3", ["recipe `mine` changed its epochs from 2 to 3"]),
    (CUSTOM, "epochs: 2", "epochs: 2, size: 16", ["recipe `mine` changed its size from 32 to 16"]),
    (CUSTOM, "like: small,", "like: small-texture,", [
        "recipe `mine` changed its size from 32 to 24, its augmentation.kind from nudge to crop and its learning rate "
        "from 0.003 to 0.001"]),
    (CUSTOM, "mine", "ours", []),
    (CUSTOM, "[0, 1]", "[0]", []),
    (CUSTOM, "[0, 1]", "[0, 2]", ["training seed changed from 1 to 2"]),
    (CUSTOM, "[0, 1]", "[0, 1, 2]", [NEW]),
    (CUSTOM, "recipes: [mine]", "recipes: [mine], architectures: [resnet18]",
     ["architecture changed from small to resnet18"]),
    (CUSTOM, "'a {}'", "'one {}'", ['prompts.templates changed from ["a {}", "the {}"] to ["one {}", "the {}"]']),
    (CUSTOM, PROMPTS, "class-name", ["prompts.strategy changed from template to class-name"]),
    (CUSTOM, "tiny: {generator: 'g.py:Noise'", "tiny: {generator: 'g.py:Two'",
     ["generator changed from g:Noise to g:Two"]),
    (CUSTOM, "images_per_class: 7", "images_per_class: 8", ["images_per_class changed from 7 to 8"]),
    (CUSTOM, "images_per_class: 7", "images_per_class: 6", ["images_per_class changed from 7 to 6"]),
    (CUSTOM, "seed: 4", "seed: 5", ["seed of data set other changed from 4 to 5"]),
    (CUSTOM, "images_per_class: 7", "images_per_class: 7, seed: 1", ["seed of data set tiny changed from 0 to 1"]),
    (CUSTOM, "real: 3", "real: 4", ["mix of data set both changed from {real: 3, tiny: 3} to {real: 4, tiny: 3}"]),
    (CUSTOM, "tiny: 3 per", "other: 3 per",
     ["mix of data set both changed from {real: 3, tiny: 3} to {real: 3, other: 3}"]),
    (CUSTOM, "tiny", "small_set", [
        "mix of data set both changed from {real: 3, tiny: 3} to {real: 3, small_set: 3}",
        "name of the data set changed from tiny to small_set"]),
    (CUSTOM, "micro_batch: 4", "micro_batch: 8", ["micro_batch changed from 4 to 8"]),
    (CUSTOM, "micro_batch: 4", "micro_batch: 4, threads: 2", ["numerics.threads changed from 1 to 2"]),
    (CUSTOM, "micro_batch: 4", "micro_batch: 4, device: cuda", ["numerics.device changed from cpu to cuda"]),
    (CUSTOM, "metrics: []", "metrics: [density]", [NEW]),
    (CUSTOM, "folder: colours}", "folder: colours, classes: {red: crimson}}",
     ["content of the task changed (colours)", 'classes changed from ["blue", "red"] to ["blue", "crimson"]']),
    (DIFFUSION, "]}, sampling: {steps: 3}", "]}, sampling: {steps: 4}", ["sampling.steps changed from 3 to 4"]),
    (DIFFUSION, "]}, sampling: {steps: 3}", "]}, sampling: {steps: 3, cfg: 3}",
     ["sampling.cfg changed from 1.0 to 3.0"]),
    (DIFFUSION, "]}, sampling: {steps: 3}", "]}, sampling: {steps: 3, cfg: 3, negative: x}",
     ["sampling.cfg changed from 1.0 to 3.0 and sampling.negative from none to x"]),
    (DIFFUSION, PROMPTS, "caption", ["prompts.strategy changed from template to caption", NEW]),
    (DIFFUSION, "'a {}', 'the {}'", "'a {}'", ["prompts.templates changed (the {} removed)", NEW]),
    (DIFFUSION, "micro_batch: 4", "micro_batch: 2", ["micro_batch changed from 4 to 2", NEW]),
    (DIFFUSION, "width: 0.2", "width: 0.3", ["transform.width changed from 0.2 to 0.3"]),
    (DIFFUSION, "{kind: blur, width: 0.2}", "{kind: jpeg, quality: 50}", ["transform.kind changed from blur to jpeg"]),
    (DIFFUSION, "width: 0.5", "width: 0.7", ["probe.transform.width changed from 0.5 to 0.7"]),
    (DIFFUSION, "width: 0.5}}", "width: 0.5}, crops: 2}", ["crops of the probe changed from 1 to 2"]),
    (DIFFUSION, "images_per_class: 4", "images_per_class: 5", ["images_per_class changed from 4 to 5"]),
    (DIFFUSION, "images_per_class: 5", "images_per_class: 4", ["images_per_class changed from 5 to 4"]),
    (DIFFUSION, "epochs: 2", "epochs: 2, resize: 40", ["recipe `mine` changed its resize from 32 to 40"]),
    (DIFFUSION, "epochs: 2", "epochs: 2, stored_size: 40", [
        "recipe `mine` changed its stored size from 32 to 40", "recipe.stored_size changed from 32 to 40"]),
    (DIFFUSION, "recipes: [mine]", "recipes: [mine], checkpoint: lowest-validation-loss",
     ["train.checkpoint changed from last to lowest-validation-loss"]),
    (DIFFUSION, "{generator: colours/train,", "{generator: colours/train, pretrain: real,", ["pretrain changed"]),
]  # fmt: skip


@pytest.mark.parametrize(("base", "old", "new", "causes"), EDITS, ids=[f"{old} -> {new}" for _, old, new, _ in EDITS])
def test_one_edit_of_the_study_is_one_cause(
    base: str, old: str, new: str, causes: list[str], explain: Callable[..., Explanation]
) -> None:
    assert old in base
    explanation = explain(base, base.replace(old, new))
    assert [group.words for group in explanation.groups] == causes


def test_two_edits_are_two_causes(explain: Callable[..., Explanation]) -> None:
    text = CUSTOM.replace("epochs: 2", "epochs: 3").replace("seed: 4", "seed: 5")
    assert [group.words for group in explain(CUSTOM, text).groups] == [
        "recipe `mine` changed its epochs from 2 to 3",
        "seed of data set other changed from 4 to 5",
    ]


def test_a_test_is_compared_with_the_former_test_of_the_same_training_seed(explain: Callable[..., Explanation]) -> None:
    reasons = explain(CUSTOM, CUSTOM.replace("images_per_class: 7", "images_per_class: 6")).reasons
    words = {reason.step: reason.words for reason in reasons}
    for seed in (0, 1):
        assert words[f"test small on 6 real, seed {seed} on tiny"] == (
            "input pixels (decode collect tiny, made from collect tiny): images_per_class changed from 7 to 6"
        )
    assert words["inspect the real training images"] == (
        "input dataset (load 6 real train images per class): images_per_class changed from 7 to 6"
    )


def test_changed_files_are_named(folder: Path, explain: Callable[..., Explanation]) -> None:
    image = next((folder / "colours" / "train" / "red").iterdir())
    content = image.read_bytes()
    Image.new("RGB", (28, 24), (9, 9, 9)).save(image)
    assert explain(CUSTOM, CUSTOM).why == "content of the task changed (colours)"
    image.write_bytes(content)
    code = (folder / "g.py").read_text()
    (folder / "g.py").write_text(f"{code}\n# a comment\n")
    assert explain(CUSTOM, CUSTOM).why == "content of the generator changed (g.py:Noise)"
    (folder / "g.py").write_text(code)
    assert explain(CUSTOM, CUSTOM).reasons == ()


def test_another_class_changes_no_numbers_of_classes(folder: Path, explain: Callable[..., Explanation]) -> None:
    for split in ("train", "test"):
        shutil.copytree(folder / "colours" / split / "red", folder / "colours" / split / "pink")
    words = [group.words for group in explain(CUSTOM, CUSTOM).groups]
    for split in ("train", "test"):
        shutil.rmtree(folder / "colours" / split / "pink")
    assert words == ["content of the task changed (colours)", "classes changed (pink added)"]


def test_changes_that_would_only_follow_from_each_other_are_all_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    step = next(step for step in make_plan(parse_study(CUSTOM)).steps.values() if step.spec.kind == "generate")
    after = dict(flatten(step.spec.key_content()))
    before = {**after, "first": 3, "stop": 9}
    changes = changes_between(before, step, after)
    words = {change.field for change in in_words_of_the_study(changes, step, before, ())}
    assert words == {"first of the part", "end of the part"}
    assert in_words_of_the_study(changes, step, before, ("classes",)) == ()
