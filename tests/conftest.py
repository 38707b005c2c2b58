"""The tiny real things that tests share: a random-weight pipeline folder, a folder task, a finished study."""

from __future__ import annotations

import gc
import json
import os
import uuid
from collections.abc import Callable, Generator, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from PIL import Image

from prettyuseful.generators.base import Request
from prettyuseful.plugins import load_plugin
from prettyuseful.study.reading import parse_study

# Torch processes with more threads than cores slow each other down many times over.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Nothing is fetched: a hub id is planned as it is without a network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The default suite must take less than ten minutes; `make slow` tries more examples.
hypothesis.settings.register_profile("few examples", max_examples=40)
hypothesis.settings.register_profile("many examples", max_examples=400)
hypothesis.settings.load_profile("few examples")

CLASSES = {"red": (200, 40, 40), "blue": (40, 40, 200)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole studies first: of two processes, none should be left with the longest tests at the end."""
    items.sort(key=lambda item: item.path.parent != Path(__file__).parent)


def skip_in_garbage_collection() -> None:
    """Exempt all objects that exist now: with the modules of torch and diffusers, a collection takes half a second."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()  # what is imported and collected stays
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    skip_in_garbage_collection()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
    result = yield
    if fixturedef.scope == "session":  # it may have imported more, and its value stays
        skip_in_garbage_collection()
    return result


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is not None and nextitem.path != item.path:
        skip_in_garbage_collection()


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """In this process, files are not forced to the disk: no test cuts the power, and a store does it for every file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


PLANTED = Path(__file__).parent / "planted_generators.py"


@pytest.fixture(scope="session")
def planted() -> Callable[[str], str]:
    """How a study names a class of `planted_generators.py`."""
    return lambda kind: f"{PLANTED}:{kind}"


@pytest.fixture
def asked(planted: Callable[[str], str]) -> list[Request]:
    """What the planted generators are asked for from now on, in this process."""
    requests: list[Request] = load_plugin(planted("Noise")).requests
    requests.clear()
    return requests


@pytest.fixture(scope="session")
def pipeline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A StableDiffusionPipeline with random weights, 16 px, as anyone might have saved it."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    folder = tmp_path_factory.mktemp("pipeline")
    letters = [chr(c) for c in range(97, 123)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=16)
    torch.manual_seed(0)
    text = CLIPTextConfig(
        vocab_size=len(tokens),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=16,
        bos_token_id=len(tokens) - 2,
        eos_token_id=len(tokens) - 1,
        pad_token_id=len(tokens) - 1,
    )
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL(
            block_out_channels=(8, 8),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            norm_num_groups=4,
            latent_channels=4,
        ),
        text_encoder=CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=UNet2DConditionModel(
            sample_size=8,
            in_channels=4,
            out_channels=4,
            block_out_channels=(16, 16),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            norm_num_groups=4,
            attention_head_dim=4,
            cross_attention_dim=16,
        ),
        scheduler=DDIMScheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    place = folder / "tiny-pipeline"
    pipeline.save_pretrained(place)
    return place


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_encoders import save_clip

    return save_clip(tmp_path_factory.mktemp("clip") / "tiny-clip")


@pytest.fixture(scope="session")
def dinov2_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny_encoders import save_dinov2

    return save_dinov2(tmp_path_factory.mktemp("dinov2") / "tiny-dinov2")


def make_folder_task(root: Path, train: int = 8, test: int = 14, size: int = 24) -> Path:
    """An ImageFolder tree of noisy colours that a classifier can tell apart."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("test", test)):
        for name, colour in CLASSES.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = np.clip(np.array(colour) + rng.normal(0, 30, (size, size + 4, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i:03d}.png")
    return root


@pytest.fixture
def folder_task(tmp_path: Path) -> Path:
    return make_folder_task(tmp_path / "colours")


@pytest.fixture(scope="session")
def shared_task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder task that no test changes."""
    return make_folder_task(tmp_path_factory.mktemp("shared") / "colours")


StudyText = Callable[..., str]


RAY_NODE = {"num_cpus": 1, "object_store_memory": 80_000_000}
# A killed node refuses connections, so it is known to be lost after a second. A busy one has 10 s to answer.
RAY_HEALTH = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 2}


@pytest.fixture(scope="module")
def started_cluster() -> Iterator[Any]:
    """A Ray cluster for the tests of a file: to start one takes seconds."""
    cluster = pytest.importorskip("ray.cluster_utils").Cluster
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        head = {**RAY_NODE, "include_dashboard": False, "_system_config": RAY_HEALTH}
        started = cluster(initialize_head=True, head_node_args=head)
        yield started
        started.shutdown()


@pytest.fixture
def ray_cluster(started_cluster: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two raylets of one CPU each on this machine; `--on ray` finds them by RAY_ADDRESS. A test may remove one."""
    if not started_cluster.worker_nodes:
        started_cluster.add_node(**RAY_NODE)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ADDRESS", started_cluster.address)
    return started_cluster


@pytest.fixture(scope="session")
def study_text(shared_task: Path, pipeline_folder: Path) -> StudyText:
    """The text of a small study on the folder task and the random-weight pipeline."""

    def text(task: Path = shared_task, images: int = 7, seeds: str = "[0]", steps: int = 2, more: str = "") -> str:
        return (
            f"version: 1\ntask: {{folder: {task}}}\ndatasets:\n"
            f"  tiny: {{generator: {pipeline_folder}, images_per_class: {images}, sampling: {{steps: {steps}}}}}\n"
            f"train: {{seeds: {seeds}}}\nnumerics: {{micro_batch: 4}}\n{more}"
        )

    return text


@pytest.fixture(scope="session", params=["a class of one's own", pytest.param("a pipeline", marks=pytest.mark.slow)])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, shared_task: Path) -> list[str]:
    """The command that runs a small study, for a process of its own: one with a pipeline needs seconds to import it."""
    path = tmp_path_factory.mktemp("study") / "study.yaml"
    if request.param == "a pipeline":
        path.write_text(request.getfixturevalue("study_text")(seeds="[0, 1]"))
    else:
        path.write_text(
            f"version: 1\ntask: {{folder: {shared_task}}}\ntrain: {{seeds: [0, 1]}}\nnumerics: {{micro_batch: 4}}\n"
            "metrics: []\n"
            f"datasets: {{tiny: {{generator: '{PLANTED}:Noise', images_per_class: 7, prompts: template}}}}\n"
        )
    return ["run", str(path)]


@pytest.fixture(scope="session")
def uninterrupted(run: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run of `run`; no test changes it."""
    from tests.runs import finish

    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    finish(run, folder)
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, shared_task: Path, pipeline_folder: Path) -> Path:
    """A folder with `store` and `out` of a finished small study; no test changes it."""
    from prettyuseful.run import run_study

    folder = tmp_path_factory.mktemp("finished")
    text = (
        f"version: 1\ntitle: small\ntask: {{folder: {shared_task}}}\ndatasets:\n"
        f"  tiny: {{generator: {pipeline_folder}, images_per_class: 7, sampling: {{steps: 2}}}}\n"
        f"  captioned: {{generator: {pipeline_folder}, images_per_class: 7, prompts: caption, "
        "sampling: {steps: 2}}\n"
        "train: {seeds: [0, 1]}\nnumerics: {micro_batch: 4}\n"
    )
    (folder / "my.yaml").write_text(text, "utf-8")
    run_study(parse_study(text), folder / "store", folder / "out", workers=1)
    return folder


@pytest.fixture(scope="session")
def blended(
    tmp_path_factory: pytest.TempPathFactory, shared_task: Path, finished: Path, planted: Callable[[str], str]
) -> Path:
    """A finished study of data sets of other kinds: a class of one's own, a folder, mixes, and one after another."""
    from prettyuseful.run import run_study

    folder = tmp_path_factory.mktemp("blended")
    text = (
        f"version: 1\ntask: {{folder: {shared_task}}}\nmetrics: []\ntrain: {{seeds: [0]}}\ndatasets:\n"
        f"  noise: {{generator: '{planted('Noise')}', images_per_class: 6, prompts: template}}\n"
        f"  taken: {{generator: {finished / 'out' / 'datasets' / 'tiny'}, images_per_class: 6}}\n"
        "  half: {mix: {real: 3 per class, noise: 3 per class}}\n"
        "  deep: {mix: {half: 5, taken: 1}}\n"
        "  scratch: {mix: {real: 6}}\n"
        "  tuned: {mix: {real: 6}, pretrain: noise, control: scratch}\n"
        "  after: {mix: {noise: 6}, pretrain: tuned}\n"
    )
    run_study(parse_study(text), folder / "store", folder / "out", workers=1)
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a server that speaks S3, on loopback."""
    import logging

    from botocore.loaders import JSONFileLoader
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    read = cache(partial(JSONFileLoader.load_file, JSONFileLoader()))
    with pytest.MonkeyPatch.context() as patch:  # every connection reads a megabyte of descriptions of S3
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read(path))
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A new bucket; child processes find it too."""
    import fsspec

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "canary-access-key",
        "AWS_SECRET_ACCESS_KEY": "canary-secret-key",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PRETTYUSEFUL_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("s3", use_listings_cache=False).mkdir(bucket)
    return f"s3://{bucket}"
