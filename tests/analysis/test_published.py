from __future__ import annotations

import csv
from pathlib import Path

import prettyuseful.analysis.published as module
from prettyuseful.analysis.published import published
from prettyuseful.generators.models import MODELS

FOLDER = Path(module.__file__).parent / "published"


def rows(name: str) -> list[dict[str, str]]:
    lines = (FOLDER / name).read_text("utf-8").splitlines()
    assert lines[0].startswith("# "), "a published file says where its values are from"
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_holds_every_value_of_the_files() -> None:
    found = published()
    transfers = [
        (t.model, t.release or "", t.synth_to_real, t.real_to_synth)
        for t in found.transfers
        if t.prompts == "class-name"
    ]
    assert transfers == [
        (r["model"], r["release"], float(r["synth_to_real"]), float(r["real_to_synth"]))
        for r in rows("transfer_class_names.csv")
    ]
    captions = [(t.model, t.synth_to_real, t.real_to_synth) for t in found.transfers if t.prompts == "caption"]
    assert captions == [
        (r["model"], float(r["synth_to_real"]), float(r["real_to_synth"])) for r in rows("transfer_captions.csv")
    ]
    assert [(d.model, d.prompts, d.density, d.coverage) for d in found.distributions] == [
        (r["model"], r["prompts"], float(r["density"]), float(r["coverage"])) for r in rows("density_coverage.csv")
    ]


def test_keeps_real_apart_from_the_models() -> None:
    found = published()
    assert found.real.synth_to_real == 0.727
    assert all(transfer.model != "real" for transfer in found.generated)
    assert len(found.generated) == len(found.transfers) - 1


def test_says_how_exact_the_values_are() -> None:
    notes = " ".join(published().notes)
    assert "Digitised" in notes
    assert "error about 0.005" in notes


def test_models_go_by_the_ids_of_studies() -> None:
    found = published()
    thirteen = {transfer.model for transfer in found.transfers if transfer.prompts == "class-name"} - {"real"}
    distributed = {distribution.model for distribution in found.distributions}
    assert len(thirteen & MODELS.keys()) == 13
    assert distributed <= MODELS.keys()


def test_probes_and_vaes_are_those_of_the_files() -> None:
    found = published()
    probed = rows("probes_class_names.csv")
    assert found.probes == ("rgb", "structure", "texture", "low-pass", "high-pass")
    told = {model: ["" if value is None else value for value in values] for model, values in found.probed}
    for row in probed:
        assert told[row["model"]] == [float(v) if v else "" for name, v in row.items() if name != "model"]
    assert {vae: list(values) for vae, values in found.vaes} == {
        row["vae"]: [float(row[name]) for name in ("pixel", "high_pass", "low_pass")]
        for row in rows("vae_reencoding.csv")
    }
