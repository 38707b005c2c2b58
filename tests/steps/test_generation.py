"""The bytes of an image depend only on its specification, not on how, when or with which others it is generated."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from tests.hub_server import go_offline

from prettyuseful.data.dataset import Row, read_shard
from prettyuseful.data.images import decode
from prettyuseful.data.stored_format import StoredFormat
from prettyuseful.engine.cache import release_model
from prettyuseful.engine.keys import derive_seed
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Step, StepSpec, run_step
from prettyuseful.engine.store.base import Artifact, Manifest
from prettyuseful.engine.store.local import LocalStore
from prettyuseful.errors import DataError, MemoryLimitError, StepFailedError
from prettyuseful.generators.base import Drawn, Request, Sampling
from prettyuseful.generators.choice import choice_of
from prettyuseful.generators.conditions.image_prompt import Adapter, ImagePrompt
from prettyuseful.generators.encoder import PromptEncoder
from prettyuseful.generators.sampler import DiffusersSampler
from prettyuseful.numerics import Numerics
from prettyuseful.prompts.strategies import PROMPT_STRATEGIES
from prettyuseful.steps.generation import CollectSpec, Encoding, GenerateSpec
from prettyuseful.steps.prompts import EncodeSpec, PromptSpec

CLASSES = ("cat", "dog")
SAMPLING = Sampling(steps=2, cfg=1.0)
TWO, THREE = ("{}", "a {}"), ("{}", "a {}", "the {}")


class Maker:
    """Generates shards in a separate store."""

    def __init__(self, root: Path, source: str, sampling: Sampling | None, templates: Sequence[str] = ("{}",)) -> None:
        self.store, self.source, self.sampling, self.templates = LocalStore(root), source, sampling, tuple(templates)
        prompts = PromptSpec(
            strategy=PROMPT_STRATEGIES.pin("template"), classes=CLASSES, options={"templates": [*self.templates]}
        )
        self.inputs = {"prompts": self.make(prompts, {}).manifest.key}
        if sampling is not None:
            self.inputs["embeddings 00000"] = self.encoded()

    def encoded(self) -> str:
        spec = EncodeSpec(
            generator="tiny",
            model=Pinned(source=choice_of(self.source), content="x"),
            sequence=None,
            guided=False,
            negative=None,
            first=0,
            stop=len(CLASSES) * len(self.templates),
            numerics=Numerics(),
        )
        return self.make(spec, self.inputs).manifest.key

    def make(self, spec: StepSpec, inputs: dict[str, str]) -> Artifact:
        step = Step(spec, inputs, "a step", 1)
        run_step(step, self.store, lambda _: None)
        artifact = self.store.read(step.key)
        assert artifact is not None
        return artifact

    def shard(self, first: int, stop: int, **changes: Any) -> Artifact:
        """Run the step for micro-batches `first` to `stop` of four images. `changes` override its spec of ten cats."""
        fields: dict[str, Any] = {
            "generator": "tiny",
            "model": Pinned(source=choice_of(self.source), content="x"),
            "sampling": self.sampling,
            "label": 0,
            "images": 10,
            "prompts": len(self.templates),
            "seed": 0,
            "micro_batch": 4,
            "numerics": Numerics(),
        }
        return self.make(GenerateSpec(first=first, stop=stop, **{**fields, **changes}), self.inputs)

    def rows(self, first: int = 0, stop: int = 3, **changes: Any) -> list[Row]:
        artifact = self.shard(first, stop, **changes)
        rows = list(read_shard(artifact.path("shard.parquet")))
        assert artifact.manifest.facts["images"] == len(rows)
        return rows

    def manifest(self, kind: str) -> Manifest:
        return next(manifest for manifest in self.store.list() if manifest.step == kind)


MakeMaker = Callable[..., Maker]


@pytest.fixture(params=["a pipeline", "a class of one's own"])
def make_maker(
    request: pytest.FixtureRequest, tmp_path: Path, pipeline_folder: Path, planted: Callable[[str], str]
) -> MakeMaker:
    """Create makers for both kinds of generators."""
    own = request.param != "a pipeline"
    source, sampling = (planted("Noise"), None) if own else (str(pipeline_folder), SAMPLING)
    return lambda templates=("{}",), store="store": Maker(tmp_path / store, source, sampling, templates)


@pytest.fixture
def maker(make_maker: MakeMaker) -> Maker:
    return make_maker()


@pytest.fixture
def pipeline(tmp_path: Path, pipeline_folder: Path) -> Maker:
    return Maker(tmp_path / "store", str(pipeline_folder), SAMPLING)


@pytest.fixture
def own(tmp_path: Path, planted: Callable[[str], str]) -> Callable[..., Maker]:
    """Create makers for the planted generators."""
    return lambda kind="Noise", templates=("{}",): Maker(tmp_path / "store", planted(kind), None, templates)


def test_images_do_not_depend_on_the_shards(maker: Maker) -> None:
    whole = maker.rows()
    assert [row.path for row in whole] == [f"cat/{i:06d}.png" for i in range(10)]
    assert maker.rows(2, 3) + maker.rows(0, 1) + maker.rows(1, 2) == whole[8:] + whole[:8]


def test_images_do_not_depend_on_the_shards_with_several_prompts(make_maker: MakeMaker) -> None:
    """Micro-batch 0 has images 0, 2, 4, 6 of the first prompt, micro-batch 1 has 1, 3, 5, 7 of the second."""
    maker = make_maker(TWO)
    whole = maker.rows(0, 4)
    assert [row.path for row in whole] == [f"cat/{i:06d}.png" for i in range(10)]
    assert [row.prompt for row in whole] == ["cat", "a cat"] * 5
    assert maker.rows(2, 4) == whole[8:]
    assert sorted(maker.rows(3, 4) + maker.rows(1, 2), key=lambda row: row.path) == whole[1::2]


def test_a_smaller_data_set_is_a_prefix_of_a_larger_one(make_maker: MakeMaker) -> None:
    maker = make_maker(TWO)  # the padded end of one is in the middle of the other
    assert maker.rows(0, 2, images=5) == maker.rows(0, 4)[:5]


def test_generation_is_reproducible_in_another_store(make_maker: MakeMaker) -> None:
    assert make_maker(store="other").rows(0, 1) == make_maker().rows(0, 1)


def test_an_interrupted_shard_is_not_stored_and_is_generated_again(
    maker: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, calls = StoredFormat.encode, []

    def interrupted(self: StoredFormat, image: Any) -> bytes:
        calls.append(image)
        if len(calls) == 6:
            raise KeyboardInterrupt
        return encode(self, image)

    with monkeypatch.context() as patch:
        patch.setattr(StoredFormat, "encode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            maker.rows()
    assert [m.step for m in maker.store.list() if m.step == "generate"] == []
    assert len(maker.rows()) == 10


def test_every_row_has_its_own_seed_prompt_and_generator(maker: Maker) -> None:
    rows = maker.rows() + maker.rows(label=1)
    assert len({row.seed for row in rows}) == len({row.data for row in rows}) == 20
    assert {row.prompt for row in rows} == {"cat", "dog"}
    assert {row.generator for row in rows} == {"tiny"}
    assert all(row.seed is not None and 0 <= row.seed < 2**63 for row in rows)
    assert all(row.group == row.path for row in rows)


@pytest.mark.parametrize("change", [{"seed": 1}, {"label": 1}, {"sampling": Sampling(steps=3, cfg=1.0)}])
def test_settings_that_define_an_image_change_it(pipeline: Maker, change: dict[str, Any]) -> None:
    before, after = pipeline.rows(0, 1), pipeline.rows(0, 1, **change)
    assert all(a.data != b.data for a, b in zip(before, after, strict=True))


def test_the_seed_of_an_image_is_stable_across_versions(own: Callable[..., Maker]) -> None:
    """The seed depends on the seed of the data set, class, prompt and index. Another rule needs another version."""
    rows = own(templates=TWO).rows(0, 4, label=1, seed=7)
    prompts = ["dog", "a dog"] * 5
    assert [row.seed for row in rows] == [derive_seed(7, "dog", prompt, i) for i, prompt in enumerate(prompts)]


def test_every_micro_batch_has_one_prompt_and_the_same_size(own: Callable[..., Maker], asked: list[Request]) -> None:
    own(templates=THREE).rows(0, 3, label=1)
    assert [(request.prompt, request.class_name, request.label) for request in asked] == [
        (prompt, "dog", 1) for prompt in ("dog", "a dog", "the dog")
    ]
    # Ten images of three prompts: the last micro-batches are padded with the seeds of the next images.
    assert [request.seeds for request in asked] == [
        tuple(derive_seed(0, "dog", request.prompt, first + 3 * i) for i in range(4))
        for first, request in enumerate(asked)
    ]


def test_all_batches_of_the_sampler_have_one_size(pipeline: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batch size can change the last bits of the output of a UNet, so it must be constant."""
    draw, sizes = DiffusersSampler.draw, []

    def watched(self: DiffusersSampler, embeddings: Any, seeds: tuple[int, ...], images: Any) -> Drawn:
        sizes.append(len(seeds))
        return draw(self, embeddings, seeds, images)

    monkeypatch.setattr(DiffusersSampler, "draw", watched)
    assert len(pipeline.rows()) == 10
    assert sizes == [4] * 3


def test_each_prompt_uses_its_own_embedding(tmp_path: Path, pipeline_folder: Path) -> None:
    """Sampling one prompt alone gives the same images as among other prompts, with equal seeds."""
    several = Maker(tmp_path / "several", str(pipeline_folder), SAMPLING, THREE)
    alone = Maker(tmp_path / "alone", str(pipeline_folder), SAMPLING, ("a {}",))
    (second,) = (row for row in several.rows(1, 2, label=1, images=2, micro_batch=1) if row.prompt == "a dog")
    (_, first) = alone.rows(0, 2, label=1, images=2, micro_batch=1)
    assert (first.seed, first.data) == (second.seed, second.data)


MIXED, UNMIXED = (Encoding(sequence=None, mixed=mixed) for mixed in (True, False))


@pytest.fixture
def several(tmp_path: Path, pipeline_folder: Path) -> Maker:
    """Ten cats with three prompts."""
    return Maker(tmp_path / "several", str(pipeline_folder), SAMPLING, THREE)


def test_mixed_micro_batches_do_not_depend_on_the_shards(several: Maker) -> None:
    whole = several.rows(encoding=MIXED)
    assert [row.path for row in whole] == [f"cat/{i:06d}.png" for i in range(10)]
    assert [row.prompt for row in whole] == (["cat", "a cat", "the cat"] * 4)[:10]
    assert several.rows(2, 3, encoding=MIXED) + several.rows(0, 1, encoding=MIXED) == whole[8:] + whole[:4]
    assert several.rows(1, 2, images=5, encoding=MIXED) == whole[4:5]  # the rest of the batch is padding


def test_an_image_is_the_same_in_a_mixed_micro_batch_and_beside_its_own_prompt(several: Maker) -> None:
    """With stored embeddings, too."""
    mixed = several.rows(encoding=MIXED)
    assert several.rows(0, 4, encoding=UNMIXED)[:10] == several.rows(0, 4)[:10] == mixed


def test_the_embeddings_of_a_mixed_shard_are_not_stored(several: Maker) -> None:
    del several.inputs["embeddings 00000"]
    shard = several.shard(0, 3, encoding=MIXED)
    assert [entry.name for entry in shard.manifest.files] == ["shard.parquet"]
    assert shard.manifest.spec["encoding"] == {"mixed": True, "sequence": None, "version": EncodeSpec.version}


def test_truncated_prompts_of_a_mixed_shard_are_counted(tmp_path: Path, pipeline_folder: Path) -> None:
    """Each once, and without those of padding: the micro-batch holds images 0 to 3, of which 3 is padding."""
    templates = ("{}", "thirteen letters {}", "{}s", "{} of many letters")
    maker = Maker(tmp_path / "store", str(pipeline_folder), SAMPLING, templates)
    cut = maker.shard(0, 1, label=1, images=3, encoding=MIXED).manifest.facts["cut"]
    assert cut == {"5": ["tokenizer"]}


def test_an_out_of_memory_error_of_a_mixed_micro_batch_names_a_size(
    several: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, sizes = DiffusersSampler.draw, []

    def draw_two(self: DiffusersSampler, embeddings: Any, seeds: tuple[int, ...], images: Any) -> Drawn:
        sizes.append((len(embeddings), len(seeds)))
        if len(seeds) > 2:
            raise torch.OutOfMemoryError
        return draw(self, embeddings, seeds, images)

    monkeypatch.setattr(DiffusersSampler, "draw", draw_two)
    with pytest.raises(MemoryLimitError, match="4 images per micro-batch exceed the memory; 2 fit"):
        several.rows(encoding=MIXED)
    assert sizes == [(4, 4), (2, 2)]


def test_a_generator_can_return_tensors(own: Callable[..., Maker]) -> None:
    tensors = own("OnTensors")
    assert tensors.rows(0, 1, model=Pinned(source=choice_of(tensors.source), content="y")) == own().rows(0, 1)


def test_the_manifest_records_the_applied_settings(pipeline: Maker) -> None:
    pipeline.rows(0, 1)
    manifest = pipeline.manifest("generate")
    assert manifest.facts["applied"]["steps"] == 2
    assert manifest.facts["applied"]["switched_off"] == ["safety checker"]
    assert manifest.environment["packages"]["torch"]
    assert manifest.spec["model"] == "x"
    assert json.dumps(manifest.spec).count(pipeline.source) == 0


def test_truncated_prompts_are_counted(tmp_path: Path, pipeline_folder: Path) -> None:
    """The tokenizer of the tiny pipeline accepts 14 letters besides its special tokens."""
    maker = Maker(
        tmp_path / "store", str(pipeline_folder), SAMPLING, ("{}", "thirteen letters {}", "{} of many letters")
    )
    assert maker.manifest("encode").facts["cut"] == {str(number): ["tokenizer"] for number in (1, 2, 4, 5)}
    shards = [maker.shard(0, 3, label=label, images=6, micro_batch=2).manifest for label in (0, 1)]
    assert [shard.facts["cut"].keys() for shard in shards] == [{"1", "2"}, {"4", "5"}]
    again = maker.shard(
        0, 1, images=6, micro_batch=2
    ).manifest  # another shard of the same prompts does not count them twice
    collect = CollectSpec(classes=CLASSES, images_per_class=6)
    inputs = {f"{i:05d}": shard.key for i, shard in enumerate([*shards, again])}
    assert maker.make(collect, inputs).manifest.facts["prompts_cut"] == {"tokenizer": 4}


def test_a_data_set_consists_of_its_shards_in_order(own: Callable[..., Maker]) -> None:
    maker = own()
    shards = [maker.shard(*part, label=label) for label in (0, 1) for part in ((0, 2), (2, 3))]
    inputs = {f"{i:05d}": shard.manifest.key for i, shard in enumerate(shards)}
    result = maker.make(CollectSpec(classes=CLASSES, images_per_class=10), inputs)
    names = [entry.name for entry in result.manifest.files]
    assert names == [f"data-{i:05d}-of-00004.parquet" for i in range(4)]
    paths = [row.path for name in names for row in read_shard(result.path(name))]
    assert paths == [f"{name}/{i:06d}.png" for name in CLASSES for i in range(10)]
    assert result.manifest.facts["images"] == 20
    assert result.manifest.facts["applied"] == {"noise": 55}


@pytest.mark.parametrize("kind", ["Hungry", "HungryOnCpu"])
def test_an_out_of_memory_error_suggests_a_micro_batch_that_fits(
    own: Callable[..., Maker], asked: list[Request], kind: str
) -> None:
    maker = own(kind)
    with pytest.raises(MemoryLimitError) as error:
        maker.rows()
    assert str(error.value) == (
        "tiny: 4 images per micro-batch exceed the memory; 2 fit: set micro_batch: 2 for this data set (with "
        "`prettyuseful generate`: --numerics '{micro_batch: 2}'); its images are generated again, and no others"
    )
    assert [len(request.seeds) for request in asked] == [
        2
    ]  # the smaller size is tried once, and no image of it is kept
    assert not any(manifest.step == "generate" for manifest in maker.store.list())


def test_an_out_of_memory_error_without_any_fitting_micro_batch(own: Callable[..., Maker]) -> None:
    with pytest.raises(MemoryLimitError, match=r"4 images .* not even one image fits: use a smaller size"):
        own("Starving").rows()


def test_too_little_memory_for_the_weights_is_reported(pipeline: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    release_model()
    monkeypatch.setattr(DiffusersSampler, "_load", load)
    with pytest.raises(
        MemoryLimitError, match=r"^tiny: its weights exceed the memory .*; use sampling: \{quantise: fl"
    ):
        pipeline.rows()


@pytest.mark.parametrize("method", ["__init__", "encode"])
def test_too_little_memory_for_text_encoders_is_reported(
    tmp_path: Path, pipeline_folder: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    release_model()
    monkeypatch.setattr(PromptEncoder, method, fail)
    with pytest.raises(MemoryLimitError, match=r"^tiny: its text encoders exceed the memory; use a device with more"):
        Maker(tmp_path / "store", str(pipeline_folder), SAMPLING)


@pytest.mark.parametrize(
    ("method", "message"), [("__init__", "its weights exceed"), ("encode", "its text encoders exceed")]
)
def test_too_little_memory_in_a_step_that_encodes_is_reported(
    several: Maker, monkeypatch: pytest.MonkeyPatch, method: str, message: str
) -> None:
    def fail(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    release_model()
    monkeypatch.setattr(PromptEncoder, method, fail)
    with pytest.raises(MemoryLimitError, match=f"^tiny: {message} the memory"):
        several.rows(encoding=MIXED)


def test_what_libraries_log_for_every_batch_is_kept_once(
    pipeline: Maker, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    draw = DiffusersSampler.draw

    def chatty(self: DiffusersSampler, *arguments: Any) -> Drawn:
        logging.getLogger("diffusers.models").warning("%d modules should be kept in float32", len(calls))
        calls.append(1)
        return draw(self, *arguments)

    calls: list[int] = []
    monkeypatch.setattr(DiffusersSampler, "draw", chatty)
    facts = pipeline.shard(0, 3).manifest.facts
    assert len(calls) == 3
    assert facts["library_logs"] == ["0 modules should be kept in float32"]
    assert "modules" not in "".join(capfd.readouterr())


def test_other_failures_are_not_reported_as_out_of_memory(own: Callable[..., Maker]) -> None:
    with pytest.raises(StepFailedError, match="RuntimeError: no luck with cat"):
        own("Ailing").rows()


@pytest.mark.parametrize(
    ("kind", "problem"),
    [("Bright", "its images are float64, not uint8"), ("Short", "it returned 3 images for 4 seeds")],
)
def test_invalid_images_raise_an_error(own: Callable[..., Maker], kind: str, problem: str) -> None:
    with pytest.raises(DataError, match=f"tiny: {problem}.*; run `prettyuseful check generator`"):
        own(kind).rows()


def collect(maker: Maker, *shards: Artifact, images: int) -> Artifact:
    """Collect shards of one class as a data set."""
    inputs = {f"{i}": shard.manifest.key for i, shard in enumerate(shards)}
    return maker.make(CollectSpec(classes=("cat",), images_per_class=images), inputs)


@pytest.mark.parametrize("stored", [StoredFormat(), StoredFormat(name="webp")], ids=str)
def test_the_pixels_of_the_model_are_stored_unchanged(
    make_maker: MakeMaker, stored: StoredFormat, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, bytes] = {}
    encode = StoredFormat.encode

    def noting(self: StoredFormat, pixels: Any) -> bytes:
        data = encode(self, pixels)
        made[data.hex()] = pixels.tobytes()
        return data

    monkeypatch.setattr(StoredFormat, "encode", noting)
    for row in make_maker().rows(stored=stored):
        assert row.path.endswith(stored.suffix)
        assert decode(row.data, row.path).tobytes() == made[row.data.hex()]


def test_the_format_changes_files_and_keys_and_not_the_pixels_that_are_made(own: Callable[..., Maker]) -> None:
    maker = own()
    png, paper = maker.shard(0, 1), maker.shard(0, 1, stored=StoredFormat(name="jpeg"))
    coarse = maker.shard(0, 1, stored=StoredFormat(name="jpeg", quality=20))
    assert len({png.manifest.key, paper.manifest.key, coarse.manifest.key}) == 3
    # JPEG of quality 95 was once the only format, so its keys have no field for it.
    assert "stored" not in paper.manifest.spec
    assert png.manifest.spec["stored"] == {"name": "png", "quality": None}
    files = [[row.data for row in read_shard(shard.path("shard.parquet"))] for shard in (png, paper, coarse)]
    for lossless, fine, rough in zip(*files, strict=True):
        assert StoredFormat(name="jpeg").encode(np.asarray(decode(lossless, "x"))) == fine
        assert len(rough) < len(fine)


def test_a_few_images_that_show_nothing_are_kept_and_counted(own: Callable[..., Maker]) -> None:
    maker = own("RarelyBlack")
    shards = [maker.shard(first, first + 2, images=40) for first in range(0, 10, 2)]
    assert [shard.manifest.facts["without_contrast"] for shard in shards] == [1, 0, 0, 0, 1]
    facts = collect(maker, *shards, images=40).manifest.facts
    assert (facts["without_contrast"], facts["not_finite"]) == (2, 0)
    assert facts["blank"] == ["cat/000000.png", "cat/000039.png"]


def test_a_data_set_with_too_many_images_that_show_nothing_is_refused(own: Callable[..., Maker]) -> None:
    maker = own("RarelyBlack")
    shards = [maker.shard(first, first + 2, images=40) for first in (0, 8)]
    with pytest.raises(DataError) as raised:
        collect(maker, *shards, images=16)
    assert str(raised.value) == (
        "tiny: 2 of 16 images (12.5%) show nothing, more than the allowed 5%: 2 have one colour (cat/000000.png, "
        "cat/000039.png); mend the generator, or change the prompts"
    )


def test_a_step_stops_when_none_of_its_images_shows_anything(own: Callable[..., Maker], asked: list[Request]) -> None:
    maker = own("AllBlack")
    assert maker.shard(0, 1).manifest.facts["without_contrast"] == 4  # too few to be sure
    with pytest.raises(DataError, match=r"tiny: 8 of 8 images \(100.0%\) show nothing.* and 5 more\); mend the gen"):
        maker.rows(0, 25, images=100)
    assert len(asked) < 1 + 25


def test_images_that_are_not_finite_are_stored_black_and_counted(
    pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One overflow must not cost a data set, and its image must not look like one of the model."""
    break_images(monkeypatch, {1, 4})
    shard = pipeline.shard(0, 3)
    facts = shard.manifest.facts
    assert (facts["images"], facts["without_contrast"], facts["not_finite"]) == (10, 2, 2)
    images = [np.asarray(decode(row.data, row.path)) for row in read_shard(shard.path("shard.parquet"))]
    assert [bool(image.any()) for image in images] == [True, False, True, True, False, *[True] * 5]
    with pytest.raises(DataError) as raised:
        collect(pipeline, shard, images=10)
    assert str(raised.value) == (
        "tiny: 2 of 10 images (20.0%) show nothing, more than the allowed 5%: 2 held values that are not finite (NaN "
        "or infinite) in float32 (cat/000001.png, cat/000004.png); change the prompts or the sampling settings"
    )


def test_one_image_that_shows_nothing_never_refuses_a_data_set(
    pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_images(monkeypatch, {1})
    facts = collect(pipeline, pipeline.shard(0, 3), images=10).manifest.facts
    assert (facts["without_contrast"], facts["blank"]) == (1, ["cat/000001.png"])


def test_another_number_format_is_named_for_values_that_are_not_finite(
    pipeline: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_images(monkeypatch, set(range(100)))
    numerics = Numerics(dtype="bfloat16")
    with pytest.raises(DataError, match=r"in bfloat16 .*; set another number format, such as numerics: .* or float32"):
        pipeline.shard(0, 3, numerics=numerics)


def break_images(monkeypatch: pytest.MonkeyPatch, broken: set[int]) -> None:
    """Let the VAE return NaN for the images with these numbers, in the order in which they are drawn."""
    load, drawn = DiffusersSampler._load, itertools.count()

    def broken_load(*arguments: Any) -> Any:
        pipeline = load(*arguments)
        decode_latents = pipeline.vae.decode

        def decode_broken(latents: torch.Tensor, *args: Any, **options: Any) -> Any:
            (images,) = decode_latents(latents, *args, **options)
            for image in images:
                if next(drawn) in broken:
                    image[0, 0, 0] = torch.nan
            return (images,)

        pipeline.vae.decode = decode_broken
        return pipeline

    monkeypatch.setattr(DiffusersSampler, "_load", broken_load)
    release_model()


def test_an_adapter_whose_commit_is_unknown_can_be_planned_but_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    go_offline(monkeypatch)
    condition = ImagePrompt(adapter=Adapter(id="we/adapter")).pin()
    spec = GenerateSpec(
        generator="tiny",
        model=Pinned(source=choice_of("tiny"), content="x"),
        sampling=SAMPLING,
        label=0,
        images=1,
        prompts=1,
        seed=0,
        micro_batch=1,
        numerics=Numerics(),
        first=0,
        stop=1,
        condition=condition,
    )
    with pytest.raises(DataError, match=r"the commit of 'an image prompt of scale 0\.6' is unknown.*we/adapter"):
        spec._open(cast("Any", None), [], None)
