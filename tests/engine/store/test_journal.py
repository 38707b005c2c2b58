from __future__ import annotations

import json

import pytest

from prettyuseful.engine.store.journal import failure_from_json, failure_to_json, merge_sweeps, sweep_to_json

A, B = "a" * 64, "b" * 64


def test_failure_record_is_read_as_written() -> None:
    assert failure_from_json(failure_to_json('no "luck" at ä')) == 'no "luck" at ä'
    assert failure_from_json(failure_to_json("x").encode()) == "x"
    assert json.loads(failure_to_json("x"))["host"]


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "1", '"cause"', '{"cause": 1}', "[" * 100_000])
def test_incomplete_failure_record_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (the JSON reader's own, or ours)
        failure_from_json(text)


def test_long_cause_is_cut() -> None:
    assert len(failure_from_json(failure_to_json("x" * 1_000_000))) == 10_000


def test_cause_is_one_printable_line() -> None:
    assert failure_from_json('{"cause": "bad \\ud800\\u001b[2J\\n x"}') == "bad [2J x"


def test_keys_of_sweeps_have_the_latest_time() -> None:
    first, second = (
        json.dumps({"time": time, "keys": keys}).encode()
        for time, keys in (("2026-01-02T00:00:00+02:00", [A, B]), ("2026-03-01T00:00:00+00:00", [A]))
    )
    expected = {A: "2026-03-01T00:00:00+00:00", B: "2026-01-01T22:00:00+00:00"}
    assert merge_sweeps([first, second]) == merge_sweeps([second, first]) == expected
    assert set(merge_sweeps([sweep_to_json([A, B]).encode()])) == {A, B}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"time": 1, "keys": []}', f'{{"time": "yesterday", "keys": ["{A}"]}}', '{"keys": 1}']
)
def test_invalid_record_of_a_sweep_is_left_out(text: str) -> None:
    valid = sweep_to_json([B]).encode()
    assert set(merge_sweeps([text.encode(), None, valid])) == {B}


def test_what_is_no_key_is_left_out_of_a_sweep() -> None:
    record = json.dumps({"time": "2026-01-02T00:00:00+00:00", "keys": ["../x", 1, None, A]}).encode()
    assert set(merge_sweeps([record])) == {A}
