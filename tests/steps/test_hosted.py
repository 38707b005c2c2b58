"""Steps that ask a hosted model, which is a real server on loopback, and a run that is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.chat_server import CANARY, Server, blank, draws, paints, png, running_server, sends
from tests.cli.commands import call_here, one_error
from tests.runs import COMMAND

from prettyuseful.data.dataset import read_shard
from prettyuseful.endpoints.client import RetryPolicy
from prettyuseful.engine.store.base import Artifact
from prettyuseful.errors import StepFailedError
from prettyuseful.generators.budget import Allowance
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.run import generate
from prettyuseful.steps.generation import CollectSpec
from prettyuseful.steps.hosted import REVISED, HostedSpec
from prettyuseful.steps.prompts import PromptSpec

Make = Callable[..., Artifact]


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        server.default_reply = paints
        yield server


def spec(server: Server, label: int = 0, **changes: Any) -> HostedSpec:
    model = HostedModel(endpoint=server.url, model="painter", concurrency=1)
    fields: dict[str, Any] = {"generator": "painter", "model": model.pin(), "first": 0, "stop": 3, "seed": 0}
    return HostedSpec(label=label, **{**fields, **changes})


@pytest.fixture
def prompts(make: Make) -> Artifact:
    strategy = PROMPT_STRATEGIES.pin("template")
    return make(PromptSpec(strategy=strategy, classes=("cat", "dog"), options={"templates": ["{}", "a {}"]}))


def test_a_shard_holds_the_bytes_as_received(make: Make, prompts: Artifact, server: Server) -> None:
    server.replies = [draws(png(9, "JPEG")), draws(png(8), revised_prompt="A cat."), draws(png(7, "WEBP"))]
    artifact = make(spec(server), prompts=prompts)
    rows = list(read_shard(artifact.path("shard.parquet")))
    assert [(row.path, row.prompt, row.data) for row in rows] == [
        ("cat/000000.jpg", "cat", png(9, "JPEG")),
        ("cat/000001.png", "a cat", png(8)),
        ("cat/000002.webp", "cat", png(7, "WEBP")),
    ]
    assert {(row.seed, row.generator, row.label) for row in rows} == {(None, "painter", 0)}
    assert json.loads(artifact.path(REVISED).read_text()) == {"1": "A cat."}
    assert artifact.manifest.facts["applied"]["seed_sent"] is None


def test_the_key_of_the_endpoint_is_in_no_artifact(
    make: Make, prompts: Artifact, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAINTER_KEY", CANARY)
    server.default_reply = draws(png(1), revised_prompt=f"A cat, {CANARY}.")
    model = HostedModel(endpoint=server.url, model="painter", api_key_env="PAINTER_KEY")
    artifact = make(spec(server, model=model.pin()), prompts=prompts)
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {CANARY}"}
    files = [artifact.path(entry.name).read_bytes() for entry in artifact.manifest.files]
    assert not [content for content in (*files, artifact.manifest.model_dump_json().encode()) if b"canary" in content]


def test_a_data_set_says_what_the_server_told(
    make: Make, prompts: Artifact, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prettyuseful.endpoints.client.RetryPolicy", partial(RetryPolicy, first_wait=0.01))
    server.replies = [draws(png(9), revised_prompt="A cat."), sends(400, '{"error": {"code": "moderation_blocked"}}')]
    shards = {f"{label}": make(spec(server, label), prompts=prompts) for label in (0, 1)}
    facts = make(CollectSpec(classes=("cat", "dog"), images_per_class=3), **shards).manifest.facts
    assert facts["images"] == 6
    assert facts["applied"] == {
        "model": "painter",
        "endpoint": server.url,
        "size": None,
        "options": {},
        "seed_sent": None,
        "model_served": {"painter-0613": 6},
        "formats_received": {"PNG": 6},
        "sizes_received": {"16x12": 6},
        "requests_sent": {"cat": 4, "dog": 3},
        "requests_refused": {"cat": 1},
        "requests_charged": {"cat": 3, "dog": 3},
        "prompts_revised": {"cat": 1},
    }


def test_the_key_holds_seed_and_range_and_no_budget(server: Server) -> None:
    base = spec(server).key_content()
    assert spec(server, allowance=Allowance(images=3, alone=0, together=0, ledger="x")).key_content() == base
    others = [spec(server, seed=1), spec(server, stop=4), spec(server, first=1), spec(server, label=1)]
    assert all(other.key_content() != base for other in others)
    assert server.url not in json.dumps(base)


def test_one_class_may_use_what_others_leave_of_the_budget(
    make: Make, prompts: Artifact, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five images that cost twice, of 16 that may be paid: three for each class, and four that both classes share."""
    monkeypatch.setattr("prettyuseful.endpoints.client.RetryPolicy", partial(RetryPolicy, first_wait=0.01))
    model = HostedModel(endpoint=server.url, model="painter", concurrency=1, cost_per_image=1, at_most=10)
    allowed = model.allowances([3, 3], "ab12")
    cats, dogs = (spec(server, label, model=model.pin(), allowance=allowed[label]) for label in (0, 1))
    server.replies = [draws(blank()), draws(blank()), paints, draws(blank())]
    assert make(cats, prompts=prompts).manifest.facts["counts"]["requests_charged"] == {"cat": 6}
    server.replies = [draws(blank()), draws(blank())]
    with pytest.raises(StepFailedError, match=r"of 10\.00, 4\.00 are for requests without an image .* 4 requests"):
        make(dogs, prompts=prompts)
    assert len(server.requests) == 10
    with pytest.raises(StepFailedError, match="at_most would be exceeded"):  # also by the next run
        make(dogs, prompts=prompts)
    assert len(server.requests) == 10


def test_a_failed_step_keeps_its_images(
    make: Make, prompts: Artifact, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prettyuseful.endpoints.client.RetryPolicy", partial(RetryPolicy, first_wait=0.01))
    refusal = sends(400, '{"error": {"code": "moderation_blocked"}}')
    server.replies = [paints, paints, refusal, refusal, refusal]
    with pytest.raises(StepFailedError, match="failed for 1 of 3 images"):
        make(spec(server), prompts=prompts)
    server.requests.clear()
    make(spec(server), prompts=prompts)
    assert [request.body["prompt"] for request in server.requests] == ["cat"]


def command(server: Server, task: Path, folder: Path, per_class: int, **fields: Any) -> list[str]:
    generator = {"endpoint": server.url, "model": "painter", "concurrency": 4, **fields}
    study = {
        "version": 1,
        "task": {"folder": str(task)},
        "metrics": [],
        "diagnosis": False,
        "datasets": {"hosted": {"generator": generator, "images_per_class": per_class, "prompts": "template"}},
        "train": {"seeds": [0]},
    }
    folder.mkdir(exist_ok=True)
    (folder / "study.yaml").write_text(json.dumps(study))
    paths = ["--store", str(folder / "store"), "--out", str(folder / "out")]
    return ["run", str(folder / "study.yaml"), *paths, "--workers", "1", "--steps-only"]


def test_a_run_that_is_killed_asks_for_no_image_twice(server: Server, shared_task: Path, tmp_path: Path) -> None:
    """Only requests that were under way when the process was killed are sent again, and they count as charged."""
    server.delay = 0.02
    run = [*COMMAND, *command(server, shared_task, tmp_path, 30)]
    process = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    while len(server.requests) < 13:
        assert process.poll() is None, process.stderr and process.stderr.read()
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(0.1)
    kept = list(tmp_path.glob("store/checkpoints/*/*.image"))
    assert 5 <= len(kept) <= 25
    before = len(server.requests)
    result = generate_hosted(server, shared_task, tmp_path)
    assert len(server.requests) - before == 60 - len(kept)
    charged = sum(result["applied"]["requests_charged"].values())
    # Requests are counted before they are sent, so up to four that the server never got are, too.
    assert 0 <= charged - (before + 60 - len(kept)) <= 4


def generate_hosted(server: Server, task: Path, folder: Path) -> Any:
    generator = {"endpoint": server.url, "model": "painter", "concurrency": 4}
    dataset = {"generator": generator, "images_per_class": 30, "prompts": "template"}
    made = generate(dataset, folder / "images", {"folder": str(task)}, store=folder / "store", workers=1)
    assert made.images == 60
    return made.facts


@pytest.mark.parametrize(
    ("reply", "fields", "expected"),
    [
        (sends(200, "<html>Sign in</html>"), {}, "answered with a web page; check endpoint"),
        (paints, {"cost_per_image": 0.04, "at_most": 0.1}, "4 images of painter at 0.04 each cost 0.16, but at_most"),
        (paints, {"api_key_env": "UNSET_KEY"}, "the environment variable UNSET_KEY (api_key_env) is not set"),
    ],
)
def test_a_wrong_endpoint_is_one_line_with_exit_code_2(
    server: Server, shared_task: Path, tmp_path: Path, reply: Any, fields: dict[str, Any], expected: str
) -> None:
    server.default_reply = reply
    assert expected in one_error(call_here(*command(server, shared_task, tmp_path, 2, **fields)))
