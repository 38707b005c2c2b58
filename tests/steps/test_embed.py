from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from prettyuseful.data.class_counts import ClassCounts
from prettyuseful.data.dataset import read_shard
from prettyuseful.data.pixels import Pixels, decode_rows
from prettyuseful.encoders.source import EncoderSource, open_encoder
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.store.base import Artifact
from prettyuseful.errors import StepFailedError
from prettyuseful.numerics import Numerics
from prettyuseful.steps import embed
from prettyuseful.steps.embed import EmbedSpec, EmbedTextSpec
from prettyuseful.steps.selection import RandomChoice, SelectSpec

Make = Callable[..., Artifact]


def test_every_image_is_embedded_at_its_original_size(
    make: Make, load: Callable[[int], Artifact], clip_folder: Path
) -> None:
    source, dataset = EncoderSource(name="clip-vit-b-32", weights=str(clip_folder)), load(5)
    result = make(EmbedSpec(encoder=source.pin(), numerics=Numerics()), dataset=dataset)
    images = [*decode_rows(read_shard(dataset.path(dataset.manifest.files[0].name)), "native")]
    for i in (0, 9):
        alone = Pixels.from_array(images[i][0][None], np.zeros(1, np.int64), np.array(["x"]))
        np.testing.assert_allclose(
            np.load(result.path("features.npy"))[i],
            open_encoder(source.pin(), Numerics()).features(alone)[0],
            rtol=1e-6,
        )
    assert np.load(result.path("labels.npy")).tolist() == [label for _, label, _ in images]
    assert np.load(result.path("groups.npy")).tolist() == [group for _, _, group in images]
    assert result.manifest.facts == {"images": 10, "dimensions": 12, "classes": 2}


def test_the_chunk_size_does_not_change_features(
    make: Make, load: Callable[[int], Artifact], dinov2_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, dataset = EncoderSource(name="dinov2-b-14", weights=str(dinov2_folder)), load(5)
    spec = EmbedSpec(encoder=source.pin(), numerics=Numerics())
    whole = np.load(make(spec, dataset=dataset).path("features.npy"))
    monkeypatch.setattr(embed, "_CHUNK", 3)
    other = spec.model_copy(update={"encoder": Pinned[EncoderSource](source=source, content={"again": True})})
    np.testing.assert_array_equal(np.load(make(other, dataset=dataset).path("features.npy")), whole)


def test_the_key_does_not_depend_on_the_location_of_weights(clip_folder: Path) -> None:
    here, there = (EncoderSource(name="clip-vit-b-32", weights=place) for place in (str(clip_folder), "elsewhere"))
    pinned = [Pinned[EncoderSource](source=source, content=here.pin().content) for source in (here, there)]
    specs = [EmbedSpec(encoder=encoder, numerics=Numerics()) for encoder in pinned]
    assert specs[0].key_content() == specs[1].key_content()


def test_texts_are_embedded_in_order(make: Make, clip_folder: Path) -> None:
    source, texts = EncoderSource(name="clip-vit-b-32", weights=str(clip_folder)), ("a photo of a red", "blue")
    spec = EmbedTextSpec(encoder=source.pin(), texts=texts, numerics=Numerics())
    result = np.load(make(spec).path("features.npy"))
    wanted = open_encoder(source.pin(), Numerics()).text_features(texts)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(result, wanted)


def test_features_of_a_selection_are_those_of_embedding_it(
    make: Make, load: Callable[[int], Artifact], dinov2_folder: Path
) -> None:
    source, dataset = EncoderSource(name="dinov2-b-14", weights=str(dinov2_folder)).pin(), load(5)
    choice = SelectSpec(by=None, part="random", per_class=ClassCounts(2), random=RandomChoice(seed=0, draw=1))
    selection = make(choice, dataset=dataset)
    all_features = make(EmbedSpec(encoder=source, numerics=Numerics()), dataset=dataset)
    taken = make(embed.SelectFeaturesSpec(), features=all_features, dataset=dataset, selection=selection)
    embedded = make(EmbedSpec(encoder=source, numerics=Numerics()), dataset=selection)
    for name in ("features", "labels", "groups"):
        np.testing.assert_array_equal(np.load(taken.path(f"{name}.npy")), np.load(embedded.path(f"{name}.npy")))
    assert taken.manifest.facts == embedded.manifest.facts
    with pytest.raises(StepFailedError, match="is not in its data set"):
        make(embed.SelectFeaturesSpec(), features=all_features, dataset=selection, selection=dataset)
