from __future__ import annotations

from math import log2

from tests.analysis.mixed_records import CELL, Accuracy, all_records, mixed_run, mixed_runs, study_record

from prettyuseful.analysis.mixing import MixGrid, mixing_grids
from prettyuseful.analysis.mixing_answer import headline_sentence, mixing_sentences, row_sentence
from prettyuseful.analysis.summary import summarise
from prettyuseful.study.curve import MixPoint

PRICES = {"real": 0.5, "synthetic": 0.01}
GAINS = {0: 0.0, 20: 0.02, 80: 0.1, 320: -0.08}


def helps(real: int, synthetic: int) -> float:
    return 0.5 + 0.08 * log2(real / 10) + GAINS[synthetic] * (real < 40)


def grid(accuracy: Accuracy = helps, **more: object) -> MixGrid:
    study = study_record({"real": (10, 20, 40), "synthetic": tuple(GAINS), **more})
    (found,) = mixing_grids(study, mixed_runs(study, accuracy))
    return found


def test_a_gain_is_told_with_its_worth_and_where_images_harm() -> None:
    found = grid()
    sentence = row_sentence(found, found.rows[0])
    assert sentence.startswith("With 10 real images per class, 80 of base add ")
    assert "points [" in sentence
    assert "of accuracy, as much as " in sentence
    assert "more real ones; it is the best number tried; beyond 80 they harm." in sentence


def test_the_worth_beyond_the_most_real_images_is_a_bound() -> None:
    found = grid(lambda real, synthetic: 0.5 + 0.08 * log2(real / 10) + (0.3 if synthetic else 0))
    assert "as much as at least 30 more real ones, the most tried" in row_sentence(found, found.rows[0])
    assert "as much as" not in row_sentence(found, found.rows[-1])


def test_none_is_the_answer_with_what_was_found() -> None:
    found = grid(lambda real, _: 0.5 + real / 100)
    sentence = row_sentence(found, found.rows[0])
    assert sentence.startswith("With 10 real images per class, add none of base: no number tried helps clearly; ")
    assert "and none adds more than " in sentence
    harmed = grid(lambda _, synthetic: 0.5 - (0.1 if synthetic else 0))
    assert "every number tried lowers the accuracy, " in row_sentence(harmed, harmed.rows[0])


def test_costs_are_compared_with_real_images() -> None:
    sentences = [*mixing_sentences([grid(prices=PRICES)], CELL)]
    (first, _) = (sentence for sentence in sentences if sentence.startswith("At the given prices"))
    assert first.startswith("At the given prices, these 80 generated images per class cost 3.20, which is 0.")
    assert "per point of accuracy; as many more real images as add as much cost " in first
    assert not any("prices" in sentence for sentence in mixing_sentences([grid()], CELL))


def test_the_last_sentence_says_what_is_equal() -> None:
    assert [*mixing_sentences([grid()], CELL)][-1] == (
        "The intervals of gains hold together for all 9 gains of a data set; all classifiers are trained for equally "
        "many steps, so added images add no training steps."
    )
    *_, epochs = mixing_sentences([grid(fixed="epochs", precision=1)], CELL)
    assert "and 3 looks at the results; all classifiers are trained for equally many epochs" in epochs
    assert [*mixing_sentences([grid()], ("other", "small", "rgb"))] == []


def test_the_headline_is_the_row_in_which_images_help_most() -> None:
    found = grid(lambda real, synthetic: 0.5 + (0.1 if synthetic and real == 20 else 0))
    assert headline_sentence([found], CELL) == row_sentence(found, found.rows[1])
    assert headline_sentence([], CELL) is None


def test_the_summary_has_the_sentences_and_names_missing_records() -> None:
    study = study_record({"real": (10, 20, 40), "synthetic": tuple(GAINS)})
    records = all_records(study, helps)
    summary = summarise(records)
    assert any(sentence.startswith("With 20 real images per class, 80 of base add") for sentence in summary.answer)
    assert not [problem for problem in summary.problems if "10 real" in problem]
    point = MixPoint(real=10, synthetic=20)
    lost = [record for record in records if getattr(record, "mixed", None) != point]
    assert "small on 10 real + 20 base, seed 0: its record is missing" in summarise(lost).problems
    failed = mixed_run(point, 0, None)
    assert "small on 10 real + 20 base, seed 0: missing" in summarise([*lost, failed]).problems
