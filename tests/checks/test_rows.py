from __future__ import annotations

import re

import numpy as np
from tests.checks.pictures import clean, encoded, image_set, picture

from prettyuseful.checks.image_set import Sets
from prettyuseful.checks.results import Results
from prettyuseful.checks.rows import CHECKS, check_ids, check_images, check_results, count_by_check


def test_a_clean_study_has_no_findings() -> None:
    real, test = image_set(clean(0), "train", "real"), image_set(clean(100), "test", "test")
    assert check_images(Sets((real, test, image_set(clean(200), "synthetic", "made")))) == ()


def test_findings_have_severity_and_advice_of_their_row_and_errors_come_first() -> None:
    test = clean(0)
    images = {**clean(100), "a/x.jpg": test["a/000.jpg"], "a/y.jpg": test["a/000.jpg"], "b/z.png": encoded(picture(7))}
    found = check_images(Sets((image_set(images, "train", "real"), image_set(test, "test", "tests"))))
    assert [finding.check for finding in found] == ["leaked", "repeated"]
    assert found[0].severity == "error"
    assert found[0].advice == CHECKS["leaked"].advice
    assert found[0].share == 3 / 27
    assert all(finding.misleads for finding in found)


def test_counts_hold_every_check() -> None:
    found = check_images(Sets((image_set({**clean(0), "a/again.jpg": clean(0)["a/000.jpg"]}),)))
    assert count_by_check(found) == {**dict.fromkeys(check_ids(), 0), "repeated": 1}
    assert "permuted_labels" not in count_by_check(found, reads="images")


def test_names_and_order_of_files_do_not_change_what_is_found() -> None:
    images = {**clean(0), "a/again.png": encoded(picture(0)), "b/flat.png": encoded(picture(1, (300, 300)))}
    renamed = {f"{path[:2]}{99 - i:02d}-other.{path[-3:]}": data for i, (path, data) in enumerate(images.items())}
    shuffled = dict(sorted(renamed.items()))
    first, second = (
        [(f.check, f.count, f.words) for f in check_images(Sets((image_set(each),)))] for each in (images, shuffled)
    )
    assert first == second
    assert first


def test_results_of_classifiers_are_checked_by_their_own_rows() -> None:
    real, swapped = np.diag([40.0, 40.0, 40.0]), np.array([[0, 40, 0], [40, 0, 0], [0, 0, 40.0]])
    (finding,) = check_results(Results("made", ("cat", "dog", "fox"), swapped, real))
    assert (finding.check, finding.severity) == ("permuted_labels", "error")


def test_every_row_is_complete() -> None:
    for check_id, check in CHECKS.items():
        assert check.id == check_id
        assert check_id.isidentifier()
        for text in (check.finds, check.advice):
            assert re.fullmatch(r"[A-Z0-9].*\.", text)
