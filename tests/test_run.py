"""End-to-end tests of studies: their results, reuse of the store, and concurrent runs on one store."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from prettyuseful.aesthetics import SCORES
from prettyuseful.analysis.summary import summarise
from prettyuseful.console import print_out, summary_table
from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.engine.events import Event
from prettyuseful.engine.keys import derive_seed
from prettyuseful.engine.store.base import Manifest
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, EveryRunFailedError, StoreError, StudyError, UserError
from prettyuseful.metrics import METRICS
from prettyuseful.plan.study import make_plan
from prettyuseful.plugins import load_plugin
from prettyuseful.records import DatasetRecord, RunRecord, StudyRecord, read_records
from prettyuseful.run import dataset_study, explain, generate, run_study, sweep_store
from prettyuseful.study.file import DatasetPlan, Study
from prettyuseful.study.numerics import StudyNumerics
from prettyuseful.study.reading import load_study, parse_study
from prettyuseful.tasks.source import TaskSource

COMMAND = [sys.executable, "-c", "from prettyuseful.cli import main; main()", "run"]


def files_of(store: Path) -> dict[str, list[tuple[str, str]]]:
    """Return the names and digests of the files of every artifact, by key."""
    return {m.key: [(f.name, f.sha256) for f in m.files] for m in LocalStore(store).list()}


@pytest.fixture(scope="module")
def study_file(study_text: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    path.write_text(study_text(images=10, seeds="[0, 1]"))
    return path


@pytest.fixture(scope="module")
def uninterrupted(study_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[str, str]]]:
    """The artifacts of an uninterrupted run, see `files_of`."""
    folder = tmp_path_factory.mktemp("whole")
    run_study(load_study(study_file), folder / "store", folder / "out", workers=1)
    return files_of(folder / "store")


def start(study_file: Path, store: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, str(study_file), "--store", str(store), "--out", str(out), "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow  # test_resume.py and test_object_storage.py let two processes share a store
def test_two_runs_share_a_store(
    study_file: Path, uninterrupted: dict[str, list[tuple[str, str]]], tmp_path: Path
) -> None:
    store = tmp_path / "store"
    processes = [start(study_file, store, tmp_path / f"out{i}") for i in range(2)]
    assert [process.wait(180) for process in processes] == [0, 0]
    assert files_of(store) == uninterrupted
    first, second = (read_records(tmp_path / f"out{i}" / "records") for i in range(2))
    assert first == second


def test_a_failed_draw_leaves_the_others_usable_and_is_made_again(
    planted: Callable[[str], str], shared_task: Path, tmp_path: Path
) -> None:
    text = (
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ntrain: {{seeds: [3]}}\ndatasets:\n"
        f"  noise: {{generator: '{planted('Unlucky')}', images_per_class: 6, draws: 3}}\n"
    )
    study, store, out = parse_study(text), tmp_path / "store", tmp_path / "out"
    refused = load_plugin(planted("Unlucky")).refused
    refused.add(derive_seed(1, "red", "red", 0))  # the seed of an image of draw 1
    try:
        first = run_study(study, store, out, workers=1)
    finally:
        refused.clear()
    made = files_of(store)
    lost = [run for run in first.summary.runs if run.status == "failed"]
    assert {(run.dataset, run.draw, run.seed) for run in lost} == {("noise", 1, 3)}
    assert {run.cause for run in lost} == {"generate noise, draw 1: red 0-6: RuntimeError: no luck with red"}
    assert first.summary.problems[0].startswith("small on noise, draw 1, seed 3: failed (generate noise, draw 1: red 0")
    assert len(first.summary.problems) == 1
    assert [(row.dataset, [*row.draws]) for row in first.summary.rows] == [("real", [0]), ("noise", [0, 2])]
    assert all(row.to_real and len(row.seeds) == 1 for row in first.summary.rows)

    whole = run_study(study, store, out, workers=1)
    assert whole.complete
    assert [[*row.draws] for row in whole.summary.rows] == [[0], [0, 1, 2]]
    assert summarise(read_records(out / "records")).rows == whole.summary.rows
    assert {record.name: record.draws for record in whole.summary.datasets} == {"real": 1, "noise": 3}
    assert {key: files for key, files in files_of(store).items() if key in made} == made
    assert sorted(path.name for path in (out / "datasets").iterdir()) == ["noise", "real@6"]
    assert "This is draw 0 of 3." in (out / "datasets" / "noise" / "README.md").read_text()
    assert (out / "records" / "run@noise@draw-2@small@small@rgb@3.json").is_file()
    assert "Mean accuracy of each" in whole.report.read_text("utf-8")
    assert sweep_store([study], store).artifacts == 0

    one = parse_study(text.replace(", draws: 3", ""))
    swept = make_plan(study).steps.keys() - make_plan(one).steps.keys()
    assert sweep_store([one], store).artifacts == len(swept)


def test_only_the_first_draw_is_generated_alone(
    planted: Callable[[str], str], shared_task: Path, tmp_path: Path
) -> None:
    plan = {"generator": planted("Noise"), "images_per_class": 6, "draws": 3}
    generated = generate(plan, tmp_path / "out", {"folder": str(shared_task)}, store=tmp_path / "store", workers=1)
    assert generated.images == 12
    assert "Only draw 0 of 3 is generated; `prettyuseful run` makes the others." in generated.notes
    assert sum(manifest.step == "collect" for manifest in LocalStore(tmp_path / "store").list()) == 1


def study_of(finished: Path) -> Study:
    record = read_records(finished / "out" / "records")[0]
    assert isinstance(record, StudyRecord)
    return record.file


def test_a_second_run_reuses_all_steps_and_writes_the_same_records(finished: Path, tmp_path: Path) -> None:
    before, study = files_of(finished / "store"), study_of(finished)
    assert make_plan(study).missing_steps(LocalStore(finished / "store")) == {}
    events: list[Event] = []
    result = run_study(study, finished / "store", tmp_path, workers=1, on_event=events.append)
    assert [event.kind for event in events] == ["planned"]
    assert files_of(finished / "store") == before
    assert read_records(result.records) == read_records(finished / "out" / "records")


def test_only_a_lost_shard_is_computed_again(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "store", tmp_path / "store")
    store, study = LocalStore(tmp_path / "store"), study_of(finished)
    before = files_of(store.root)
    shard = next(m for m in store.list() if m.step == "generate").files[0].sha256
    (store.root / "objects" / shard[:2] / shard).unlink()
    plan = make_plan(study)
    kinds = sorted(step.spec.kind for step in plan.missing_steps(store).values())
    assert kinds == ["collect", "generate"]
    assert run_study(study, store.root, tmp_path / "out", workers=1).complete
    assert files_of(store.root) == before


def test_exported_data_sets_can_be_loaded_with_datasets(finished: Path, tmp_path: Path) -> None:
    folder = finished / "out" / "datasets" / "captioned"
    loaded = load_dataset(str(folder), split="train", cache_dir=str(tmp_path))
    assert len(loaded) == 14
    assert loaded.features["label"].names == ["blue", "red"]
    assert loaded[0]["image"].size == (16, 16)
    assert loaded[0]["prompt"].startswith("blue, a ")
    record = next(
        r for r in read_records(finished / "out" / "records") if isinstance(r, DatasetRecord) and r.name == "captioned"
    )
    manifest = Manifest.parse((folder / "manifest.json").read_bytes())
    assert manifest is not None
    assert manifest.key == record.keys["dataset"]


def test_a_failed_step_gives_failed_records(
    study_text: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the sampler gave up")

    monkeypatch.setattr("prettyuseful.steps.generation.GenerateSpec.make", broken)
    study = parse_study(study_text(seeds="[0]") + "metrics: []\n")
    with pytest.raises(
        EveryRunFailedError, match=r"every run failed; the first cause: .*the sampler gave up"
    ) as raised:
        run_study(study, tmp_path / "store", tmp_path / "out", workers=1)
    result = raised.value.result
    assert not result.complete
    records = read_records(result.records)
    statuses = {(r.record, r.status) for r in records if not isinstance(r, StudyRecord)}
    assert statuses == {("dataset", "complete"), ("dataset", "failed"), ("run", "failed")}
    causes = [r.cause for r in records if isinstance(r, RunRecord) and r.status == "failed"]
    assert all(cause is not None and "the sampler gave up" in cause for cause in causes)
    assert result.report.exists()


def datasets_of(out: Path) -> dict[str, DatasetRecord]:
    return {r.name: r for r in read_records(out / "records") if isinstance(r, DatasetRecord)}


def rows_in(folder: Path) -> list[Row]:
    return [row for path in sorted(folder.glob("data-*.parquet")) for row in read_shard(path)]


def test_records_and_cards_state_the_origin_of_images(blended: Path) -> None:
    records = datasets_of(blended / "out")
    assert {record.status for record in records.values()} == {"complete"}
    kinds = {name: record.generator.kind for name, record in records.items() if record.generator}
    mixes = ("half", "deep", "scratch", "tuned", "after")
    assert kinds == dict.fromkeys(mixes, "mix") | {"noise": "custom", "taken": "folder"}
    assert {name for name, record in records.items() if record.holds_real} == {"half", "deep", "scratch", "tuned"}
    assert (records["noise"].prompts, records["noise"].seed, records["noise"].applied) == ("template", 0, {"noise": 55})
    assert (records["taken"].prompts, records["taken"].seed, records["taken"].applied) == (
        None,
        None,
        {"format": "parquet"},
    )
    applied: Any = records["deep"].applied
    assert applied["parts"]["half"]["mix"] == {"real": 3, "noise": 3}
    assert {name: record.pretrain for name, record in records.items() if record.pretrain} == {
        "tuned": "noise",
        "after": "tuned",
    }
    cards = {
        name: (blended / "out" / "datasets" / name / "README.md").read_text() for name in ("noise", "taken", "half")
    }
    assert "generated by planted_generators:Noise" in cards["noise"]
    assert "images from parquet" in cards["taken"]
    assert "3 real, 3 noise per class" in cards["half"]


def test_a_mix_contains_the_first_images_of_its_parts(blended: Path) -> None:
    folder = blended / "out" / "datasets"
    noise = [row.data for row in rows_in(folder / "noise") if int(Path(row.path).stem) < 3]
    half = rows_in(folder / "half")
    assert [row.data for row in half if row.path.startswith("noise/")] == noise
    assert [row.label for row in half] == [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3
    parts = ("half/real", "half/noise", "taken")
    counts = Counter((next(p for p in parts if r.path.startswith(p)), r.label) for r in rows_in(folder / "deep"))
    assert counts == {(part, label): n for part, n in zip(parts, (3, 2, 1), strict=True) for label in (0, 1)}


def test_a_mix_with_real_images_is_tested_only_on_real_images(
    blended: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {r.dataset: r for r in read_records(blended / "out" / "records") if isinstance(r, RunRecord)}
    kinds = {name: [(t.kind, t.tested_on) for t in run.transfers] for name, run in runs.items()}
    others = [("real_to_synth", name) for name in ("noise", "taken", "after")]
    assert kinds["real"] == [("real_to_real", "real"), *others]
    assert kinds["noise"] == kinds["taken"] == [("synth_to_real", "real")]
    mixed = ("half", "deep", "scratch", "tuned", "after")
    assert all(kinds[name] == [("mixed_to_real", "real")] for name in mixed)
    summary = summarise(read_records(blended / "out" / "records"))
    assert summary.complete
    print_out(summary_table(summary))
    table_rows = {line.split()[1]: line for line in capsys.readouterr().out.splitlines() if "% [" in line}
    assert {name: line.count("% [") for name, line in table_rows.items()} == {
        "noise": 2, "taken": 2, "real": 1, "half": 1, "deep": 1, "scratch": 1, "tuned": 1, "after": 2,
    }  # fmt: skip
    assert "missing" not in "".join(table_rows.values())
    (pair,) = (c for c in summary.comparisons if c.planned)
    assert (pair.a, pair.b) == ("tuned", "scratch")


def test_pretraining_changes_the_classifier(blended: Path) -> None:
    runs = {r.dataset: r for r in read_records(blended / "out" / "records") if isinstance(r, RunRecord)}
    store = LocalStore(blended / "store")
    tuned, scratch, noise = (store.read(runs[name].keys["train"]) for name in ("tuned", "scratch", "noise"))
    assert tuned is not None
    assert scratch is not None
    assert noise is not None
    assert tuned.manifest.inputs == {**scratch.manifest.inputs, "start": noise.manifest.key}
    weights = [artifact.path("weights.safetensors").read_bytes() for artifact in (tuned, scratch)]
    assert weights[0] != weights[1]


def test_a_large_data_set_is_split_into_shards_in_order(
    shared_task: Path, planted: Callable[[str], str], tmp_path: Path
) -> None:
    fields = {"images_per_class": 230, "prompts": {"strategy": "template", "templates": ["a {}", "the {}"]}, "seed": 3}
    task, numerics = {"folder": str(shared_task)}, {"micro_batch": 20}
    generate({"generator": planted("Noise"), **fields}, tmp_path / "out", task, numerics, tmp_path / "store", workers=1)
    rows = rows_in(tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.parquet"))) == 6
    assert [row.path for row in rows] == [f"{name}/{i:06d}.png" for name in ("blue", "red") for i in range(230)]
    prompts = [f"{article} {name}" for name in ("blue", "red") for _ in range(115) for article in ("a", "the")]
    assert [row.prompt for row in rows] == prompts
    seeds = [derive_seed(3, row.path.split("/")[0], row.prompt, i % 230) for i, row in enumerate(rows)]
    assert [row.seed for row in rows] == seeds


def test_repeated_images_are_found_when_they_are_generated(shared_task: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "class Same:\n"
        "    version = '1'\n"
        "    def generate(self, request):\n"
        "        ramp = np.arange(48, dtype=np.uint8)[:, None, None] * np.uint8(5 + request.label)\n"
        "        images = np.broadcast_to(ramp, (len(request.seeds), 48, 48, 3)).copy()\n"
        "        images[0] *= request.label\n"
        "        return images\n"
        "    def applied(self):\n"
        "        return {}\n"
    )
    fields = {"generator": f"{tmp_path / 'mine.py'}:Same", "images_per_class": 12}
    task = {"folder": str(shared_task)}
    dataset = generate(fields, tmp_path / "out", task, store=tmp_path / "store", workers=1)
    # The first image of the class 0 is black. Others repeat the first one of their class that is not.
    assert {finding.check: finding.count for finding in dataset.findings if finding.misleads} == {
        "without_contrast": 1,
        "repeated": 10 + 11,
    }
    assert sum("no contrast" in note for note in dataset.notes) == 1
    assert any(note.startswith("21 of 24 images of mine.py-Same (87.5%) repeat") for note in dataset.notes)


def test_a_data_set_is_not_written_over_its_source(shared_task: Path, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "out" / "datasets" / "tiny", tmp_path / "mine")
    before = rows_in(tmp_path / "mine")
    for source in (tmp_path / "mine", tmp_path / "mine" / "*.parquet"):
        fields, task = {"generator": str(source), "images_per_class": 2}, {"folder": str(shared_task)}
        with pytest.raises(StoreError, match="contains the source images of the data set"):
            generate(fields, tmp_path / "mine", task, store=tmp_path / "store", workers=1)
    assert rows_in(tmp_path / "mine") == before


@pytest.mark.parametrize(
    ("generator", "name"),
    [
        ("pocket-base", "pocket-base"),
        ("owner/some model@v1", "some-model-v1"),
        ("x/real", "dataset"),
        ("..", "dataset"),
    ],
)
def test_the_data_set_is_named_after_its_generator(generator: str, name: str) -> None:
    assert list(dataset_study({"generator": generator, "images_per_class": 2}).datasets) == [name]


def test_data_sets_can_be_given_as_python_objects(shared_task: Path) -> None:
    study = dataset_study({"generator": str(shared_task), "images_per_class": 2}, {"folder": str(shared_task)})
    plan = DatasetPlan(generator=str(shared_task), images_per_class=2)
    assert dataset_study(plan, TaskSource(folder=str(shared_task))) == study
    assert dataset_study({"generator": shared_task, "images_per_class": 2}, shared_task) == study
    assert dataset_study(plan, shared_task, StudyNumerics(micro_batch=4)).numerics.micro_batch == 4
    with pytest.raises(StudyError, match=r"^generate: cannot represent an object of type object"):
        dataset_study({"generator": object()})


def test_sweeping_needs_known_commits(shared_task: Path, finished: Path) -> None:
    """Keys contain commits: with an unknown commit, all artifacts of the study would look unused."""
    study = parse_study(
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\n"
        "datasets: {a: {generator: sd-1.5, images_per_class: 2}}\n"
    )
    before = files_of(finished / "store")
    with pytest.raises(DataError, match=r"the commit of .* is unknown"):
        sweep_store([study], finished / "store", remove=True)
    assert files_of(finished / "store") == before


def train_study(
    shared_task: Path, folder: Path, train: str, more: str = "", per_class: int = 5
) -> dict[str, RunRecord]:
    """Run a study whose data set `again` consists of the task's training images; return run records by data set."""
    text = (
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ndatasets:\n"
        f"  again: {{generator: {shared_task / 'train'}, images_per_class: {per_class}}}\n"
        f"train: {{seeds: [0], {train}}}\n{more}"
    )
    with contextlib.suppress(EveryRunFailedError):
        run_study(parse_study(text), folder / "store", folder / "out", workers=1)
    return {record.dataset: record for record in read_records(folder / "out/records") if isinstance(record, RunRecord)}


def test_a_diverging_training_is_recorded_as_failed_with_its_epoch(shared_task: Path, tmp_path: Path) -> None:
    wild = "recipes: {wild: {like: small, learning_rate: 1.0e+30, clip_norm: 1.0e+30, warmup: 0}}\n"
    for record in train_study(shared_task, tmp_path, "recipes: [wild]", wild).values():
        assert record.status == "failed"
        assert re.search(r"the loss is not finite in epoch \d+ of 12", record.cause or "")
        assert record.transfers == []


def test_training_with_one_image_per_class(shared_task: Path, tmp_path: Path) -> None:
    runs = train_study(shared_task, tmp_path, "recipes: [small]", per_class=1)
    assert {name: run.status for name, run in runs.items()} == {"real": "complete", "again": "complete"}


def test_crops_larger_than_the_images_are_rejected(shared_task: Path, tmp_path: Path) -> None:
    large = "recipes: {large: {like: texture, size: 500, stored_size: native, resize: native}}\n"
    with pytest.raises(UserError, match="is smaller than the training crop of 500"):
        train_study(shared_task, tmp_path, "recipes: [large]", large)


@pytest.mark.integration
def test_every_grid_cell_of_probes_and_recipes_is_run(shared_task: Path, tmp_path: Path) -> None:
    own = (
        "recipes: {brief: {like: quick, epochs: 1, size: 32, resize: 36, stored_size: 36}}\n"
        "probes: {texture: {architecture: bagnet17, recipe: brief}}\n"
    )
    text = "recipes: [default, brief], probes: [rgb, texture], checkpoint: lowest-validation-loss"
    train_study(shared_task, tmp_path, text, own)
    study, *others = read_records(tmp_path / "out/records")
    assert isinstance(study, StudyRecord)
    assert study.cells == [("small", "small", "rgb"), ("bagnet17", "brief", "texture"), ("small", "brief", "rgb")]
    runs = [record for record in others if isinstance(record, RunRecord)]
    assert [run.status for run in runs] == ["complete"] * 3 * 2
    assert all("validation_loss" in run.last_epoch for run in runs)
    logs = {path.parent.name for path in (tmp_path / "out/training").glob("*/epochs.jsonl")}
    assert "again@bagnet17@brief@texture@0" in logs
    assert len(logs) == 6


def test_effective_real_images_of_real_images_equal_their_number(shared_task: Path, tmp_path: Path) -> None:
    """A control of the method: the data set consists of real images."""
    train_study(shared_task, tmp_path, "recipes: [small], real_curve: [2, 5]")
    summary = summarise(read_records(tmp_path / "out/records"))
    two, five = ClassCounts(2), ClassCounts(5)
    assert [(point.images_per_class, point.steps_of) for point in summary.curve] == [(two, five), (five, five)]
    effective = {row.dataset: row.worth for row in summary.rows}
    assert effective["real"] is None
    assert effective["again"] is not None
    assert summary.complete
    page = (tmp_path / "out/report.html").read_text("utf-8")
    assert 'id="effective-images"' in page
    assert effective["again"].text in page
    assert any(effective["again"].text in sentence for sentence in summary.answer)


@pytest.mark.parametrize("blocked", ["records", "training", "datasets", "report.html"])
def test_write_errors_are_one_line(finished: Path, tmp_path: Path, blocked: str) -> None:
    if blocked == "report.html":
        (tmp_path / blocked).mkdir()
    else:
        (tmp_path / blocked).write_text("in the way")
    with pytest.raises(StoreError, match="cannot write"):
        run_study(study_of(finished), finished / "store", tmp_path)


@pytest.mark.integration
def test_every_metric_with_two_encoders(finished: Path, tmp_path: Path, clip_folder: Path) -> None:
    """Reuses the store of a finished study, so only measurement steps run."""
    shutil.copytree(finished / "store", tmp_path / "store")
    learned = {"clip-iqa", "pickscore"}
    scores = {score.name for score in SCORES if score.model is None} | learned
    names = [metric.name for metric in METRICS if metric.score is None or metric.score in scores]
    more = (
        f"metrics: [{', '.join(names)}]\nencoders: [real-trained, {{name: clip-vit-b-32, weights: {clip_folder}}}]\n"
        f"score_models: {{{', '.join(f'{name}: {{model: {clip_folder}}}' for name in sorted(learned))}}}\n"
    )
    study = parse_study((finished / "my.yaml").read_text("utf-8") + more)
    result = run_study(study, tmp_path / "store", tmp_path / "out", workers=1)
    assert result.complete
    real, *others = result.summary.rows
    for row in (real, *others):
        assert set(row.metrics) == set(names)
        assert all(m.reencoded is not None and m.side == (24 if row.real else 16) for m in row.distribution)
        assert all(m.value.low <= m.value.mean <= m.value.high for m in row.distribution)
    assert {measure.subject for measure in real.distribution} == {"real-test", "real-train"}
    # All images are measured, so label agreement equals the Real->Synth accuracy of the first seed.
    first = next(run for run in result.summary.runs if run.dataset == "real")
    for row in others:
        expected = next(test.top1 for test in first.transfers if test.tested_on == row.dataset)
        assert row.metrics["label-agreement"].mean == pytest.approx(expected)
    report = result.report.read_text("utf-8")
    assert "Metrics by clip-vit-b-32" in report
    assert f"pickscore by {clip_folder.name}" in report
    assert "pickscore compares an image with its own prompt" in report


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("{steps: 2}}\n  captioned", "{steps: 3}}\n  captioned", "sampling.steps changed from 2 to 3"),
        ("seeds: [0, 1]", "seeds: [0, 7]", "training seed changed from 1 to 7"),
        ("seeds: [0, 1]", "seeds: [0, 1, 2]", "the store has none of them"),
        ("numerics: {", "numerics: {threads: 2, ", "numerics.threads changed from 1 to 2"),
        ("train: {", "train: {probes: [edges], ", "the store has none of them"),
        ("seeds", "weights: {}, seeds", ""),
    ],
)
def test_a_changed_study_is_explained(finished: Path, old: str, new: str, why: str) -> None:
    text = (finished / "my.yaml").read_text("utf-8")
    assert old in text
    explanation = explain(parse_study(text.replace(old, new)), finished / "store")
    assert explanation.why == why
    assert len(explanation.groups) == bool(why)


def test_changed_images_of_the_task_explain_all_that_is_made_from_them(
    folder_task: Path, study_text: Callable[..., str], tmp_path: Path
) -> None:
    study = parse_study(study_text(task=folder_task, more="metrics: []\n"))
    run_study(study, tmp_path / "store", tmp_path / "out", workers=1)
    next((folder_task / "train" / "red").iterdir()).write_bytes((folder_task / "train/red/001.png").read_bytes())
    (group,) = explain(study, tmp_path / "store").groups
    assert re.fullmatch(r"content of the task changed \(\S*/colours\)", group.words)
    assert {"load", "train", "evaluate"} <= group.kinds.keys()
    assert "generate" not in group.kinds
