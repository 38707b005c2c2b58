"""How an audit measures: from scratch, or with frozen encoders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.frozen import write_encoder

from prettyuseful.auditing import measurement
from prettyuseful.auditing.audit import audit, plan_audit
from prettyuseful.auditing.measurement import choose_measurement
from prettyuseful.auditing.result import NOT_MEASURED
from prettyuseful.errors import UnknownNameError
from prettyuseful.hub.commits import Commit
from prettyuseful.plan.study import make_plan
from prettyuseful.run import run_study
from prettyuseful.study.reading import load_study
from prettyuseful.tasks.source import TaskSource

LITE = "efficientnet-lite0"


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "packaged_file", lambda _: Path("weights.pth"))


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, "packaged_file", lambda _: None)
    monkeypatch.setattr(measurement, "cached_snapshot", lambda _: None)
    monkeypatch.setattr(measurement, "is_reachable", lambda _: False)


@pytest.mark.usefixtures("at_hand")
def test_small_images_are_measured_from_scratch_and_a_note_says_so() -> None:
    chosen = choose_measurement("auto", "quick", 32, 100)
    assert (chosen.architectures, chosen.recipes, chosen.seeds) == (("small",), ("default",), (0, 1, 2))
    assert "short sides of about 32 pixels" in chosen.notes[0]


@pytest.mark.usefixtures("at_hand")
def test_photographs_are_measured_with_the_small_encoder() -> None:
    chosen = choose_measurement("auto", "quick", 348, 100)
    assert (chosen.architectures, chosen.recipes, len(chosen.seeds)) == ((LITE,), ("frozen-features",), 5)
    assert chosen.words == "linear probe on frozen features of efficientnet-lite0 (trained on ImageNet)"
    assert "quick and standard are different measurements" in chosen.notes[0]
    assert len(choose_measurement("auto", "quick", 348, 5000).seeds) == 3


@pytest.mark.usefixtures("nowhere")
def test_without_weights_the_note_says_how_to_get_them() -> None:
    chosen = choose_measurement("auto", "quick", 348, 100)
    assert (chosen.architectures, chosen.recipes) == (("resnet18",), ("quick",))
    assert "pip install 'prettyuseful[photographs]'" in chosen.notes[0]


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize(("place", "answer"), [("cached_snapshot", Commit("a/b", "c" * 40)), ("is_reachable", True)])
def test_the_cache_and_the_hub_have_weights_too(place: str, answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measurement, place, lambda _: answer)
    assert choose_measurement("auto", "quick", 348, 100).encoders == (LITE,)


@pytest.mark.usefixtures("at_hand")
def test_larger_budgets_train_networks_and_named_encoders_are_a_second_measurement() -> None:
    assert choose_measurement("auto", "standard", 348, 100).architectures == ("resnet18",)
    both = choose_measurement(["dinov2-b-14"], "full", 348, 100)
    assert (both.architectures, both.recipes) == (("resnet18", "dinov2-b-14"), ("quick", "frozen-features"))
    assert not both.is_frozen


def test_an_unknown_encoder_is_reported_with_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match=r"encoder: .*did you mean 'dinov2-b-14'"):
        choose_measurement("dinov2-b14", "quick", 348, 100)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders of noisy images of two colours: real ones, and synthetic ones of which half are wrong."""
    root, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for part, count in (("real", 24), ("fake", 6), ("test", 20)):
        for label, colour in (("blue", (90, 90, 150)), ("red", (150, 90, 90))):
            (root / part / label).mkdir(parents=True)
            for i in range(count):
                shift = np.array(colour) if part != "fake" or i % 2 else np.array(colour)[::-1]
                pixels = np.clip(rng.normal(shift + rng.normal(0, 25, 3), 25, (72, 72, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(root / part / label / f"{i}.png")
    return root


def test_an_audit_with_an_encoder_of_ones_own(photographs: Path, tmp_path: Path) -> None:
    encoder, out = write_encoder(tmp_path), tmp_path / "out"
    real = TaskSource(real=str(photographs / "real"), test=str(photographs / "test"))
    result = audit(real, photographs / "fake", out=out, store=tmp_path / "store", workers=1, encoder=encoder)
    assert result.complete
    assert result.encoders == ("means",)
    assert result.classifiers == "linear probe on frozen features of means"
    [fake] = result.synthetic
    for value in (fake.synth_to_real, fake.real_to_synth, fake.real_to_real, fake.gap):
        assert value != NOT_MEASURED
    assert fake.real_to_real != NOT_MEASURED
    assert len(fake.real_to_real.seeds) == 5
    assert any("a linear probe on frozen features of means" in line for line in result.answer)
    study = load_study(out / "study.yaml")
    again = run_study(study, store=tmp_path / "store", out=tmp_path / "again", workers=1)
    accuracy = again.summary.rows[0].to_real
    assert accuracy is not None
    assert accuracy.mean == fake.real_to_real.mean


def test_test_images_beyond_what_the_precision_needs_are_not_looked_at(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prettyuseful.auditing import audit as auditing

    monkeypatch.setattr(auditing, "TEST_IMAGES", 24)
    real = TaskSource(real=str(photographs / "real"), test=str(photographs / "test"))
    request = plan_audit(real, [photographs / "fake"], "quick", encoder=write_encoder(tmp_path))
    assert request.study.task.test_images == 24
    assert request.task.counts("test") == (12, 12)
    assert any(note.startswith("24 of the 40 real test images are used") for note in request.notes)
    assert make_plan(request.study).task.counts("test") == (12, 12)
    assert plan_audit(real, [photographs / "fake"], "standard").task.counts("test") == (20, 20)


def test_linear_probes_of_selections_have_twice_as_many_seeds() -> None:
    plain, selects = (choose_measurement("efficientnet-lite0", "quick", 224, 900, on) for on in (False, True))
    assert (len(plain.seeds), len(selects.seeds)) == (5, 10)
    network = choose_measurement("auto", "quick", 32, 900, selects=True)
    assert len(network.seeds) == 3
