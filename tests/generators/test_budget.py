"""What steps may pay together is never overspent: not by simultaneous processes, nor by those that are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import StoreError
from prettyuseful.generators.budget import Allowance, Budget

ALLOWED = Allowance(images=2, alone=1, together=5, ledger="ab12")


def further(budget: Budget) -> int:
    """Return how many requests beyond its images a step may pay if it asks until it may not."""
    charged = 0
    while budget.permits(charged):
        charged += 1
    return charged - budget.allowance.images


def test_steps_share_what_remains(tmp_path: Path) -> None:
    first, second = (Budget(ALLOWED, name, tmp_path) for name in ("first", "second"))
    assert [first.permits(charged) for charged in range(4)] == [True] * 4  # its images, and two more
    assert further(second) == 3
    assert further(first) == 2  # what it has taken before
    assert further(Budget(ALLOWED, "third", tmp_path)) == 0
    assert further(Budget(ALLOWED.model_copy(update={"together": 7}), "third", tmp_path)) == 2


def test_steps_without_a_shared_folder_have_a_share_each(tmp_path: Path) -> None:
    assert [further(Budget(ALLOWED, name, None)) for name in ("first", "second")] == [1, 1]
    assert not list(tmp_path.iterdir())


def test_a_request_that_was_not_charged_takes_nothing_twice(tmp_path: Path) -> None:
    step = Budget(ALLOWED, "first", tmp_path)
    assert [step.permits(2) for _ in range(20)] == [True] * 20
    assert further(Budget(ALLOWED, "second", tmp_path)) == 4


def test_what_a_step_was_charged_counts_although_the_ledger_was_deleted(tmp_path: Path) -> None:
    assert Budget(ALLOWED, "first", tmp_path).permits(5)
    assert further(Budget(ALLOWED, "second", tmp_path)) == 1


def test_lines_that_are_cut_off_or_strange_are_harmless(tmp_path: Path) -> None:
    file = tmp_path / "ab12" / "spent.log"
    file.parent.mkdir()
    file.write_bytes(b"first\nsecond\n\xff\xfe odd\nfir")
    assert further(Budget(ALLOWED, "first", tmp_path)) == 3  # the cut line counts as one of another step


def test_a_ledger_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ab12").mkdir()
    (tmp_path / "ab12" / "spent.log").symlink_to(tmp_path / "other")
    with pytest.raises(StoreError, match="the ledger of the budget") as error:
        Budget(ALLOWED, "first", tmp_path).permits(2)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "other").exists()


def test_a_sweep_keeps_the_ledger_of_a_data_set_that_is_kept(tmp_path: Path) -> None:
    store, prompts = LocalStore(tmp_path), "ab" * 32
    allowed = ALLOWED.model_copy(update={"ledger": f"{prompts}.0123"})
    folder = store.checkpoint_dir("cd" * 32).parent
    assert Budget(allowed, "first", folder).permits(4)
    store.sweep({prompts}, remove=True)
    assert further(Budget(allowed, "second", folder)) == 2
    store.sweep(set(), remove=True)
    assert not (folder / allowed.ledger).exists()


_WORKER = """
import sys
from pathlib import Path
from tests.generators.test_budget import Budget, ALLOWED, further
print(further(Budget(ALLOWED.model_copy(update={"together": 200}), sys.argv[1], Path(sys.argv[2]))))
"""


def test_two_processes_spend_no_more_than_there_is(tmp_path: Path) -> None:
    run = [sys.executable, "-c", _WORKER]
    workers = [
        subprocess.Popen([*run, name, str(tmp_path)], stdout=subprocess.PIPE, text=True) for name in ("first", "second")
    ]
    spent = [int(worker.communicate()[0]) for worker in workers]
    assert sum(spent) == 200
