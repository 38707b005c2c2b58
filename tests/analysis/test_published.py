from __future__ import annotations

import csv
from pathlib import Path

import prettyuseful.analysis.published as module
from prettyuseful.analysis.published import published
from prettyuseful.generators.model_rows import MODELS

FOLDER = Path(module.__file__).parent / "published"


def rows(name: str) -> list[dict[str, str]]:
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    assert lines[0].startswith("# "), "the first line of a published file must state the source"
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_published_holds_every_value_of_the_files() -> None:
    paper = published()
    transfers = [
        (t.model, t.release or "", t.synth_to_real, t.real_to_synth)
        for t in paper.transfers
        if t.prompts == "class-name"
    ]
    assert transfers == [
        (r["model"], r["release"], float(r["synth_to_real"]), float(r["real_to_synth"]))
        for r in rows("transfer_class_names.csv")
    ]
    captions = [(t.model, t.synth_to_real, t.real_to_synth) for t in paper.transfers if t.prompts == "caption"]
    assert captions == [
        (r["model"], float(r["synth_to_real"]), float(r["real_to_synth"])) for r in rows("transfer_captions.csv")
    ]
    assert [(d.model, d.prompts, d.density, d.coverage) for d in paper.distributions] == [
        (r["model"], r["prompts"], float(r["density"]), float(r["coverage"])) for r in rows("density_coverage.csv")
    ]


def test_generated_excludes_the_real_baseline() -> None:
    paper = published()
    assert paper.real.synth_to_real == 0.727
    assert all(transfer.model != "real" for transfer in paper.generated)
    assert len(paper.generated) == len(paper.transfers) - 1


def test_notes_state_the_precision_of_the_values() -> None:
    notes = " ".join(published().notes)
    assert "Digitised" in notes
    assert "error about 0.005" in notes


def test_models_use_generator_ids() -> None:
    paper = published()
    thirteen = {transfer.model for transfer in paper.transfers if transfer.prompts == "class-name"} - {"real"}
    distributed = {distribution.model for distribution in paper.distributions}
    assert len(thirteen & MODELS.keys()) == 13
    assert distributed <= MODELS.keys()


def test_probe_and_vae_accuracies_match_the_files() -> None:
    paper = published()
    probe_accuracies = rows("probes_class_names.csv")
    assert paper.probes == ("rgb", "structure", "texture", "low-pass", "high-pass")
    accuracies = {
        model: ["" if value is None else value for value in values] for model, values in paper.probe_accuracies
    }
    for row in probe_accuracies:
        assert accuracies[row["model"]] == [float(v) if v else "" for name, v in row.items() if name != "model"]
    assert {vae: list(values) for vae, values in paper.vae_accuracies} == {
        row["vae"]: [float(row[name]) for name in ("pixel", "high_pass", "low_pass")]
        for row in rows("vae_reencoding.csv")
    }
