from __future__ import annotations

import numpy as np
import pytest
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.encoders.real_trained import RealTrained
from prettyuseful.training.classifier import Classifier, Design
from prettyuseful.training.inference import predict
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.recipes import View

VIEWS = (View(32, 32), View(32, 24), View(32, 24, 2))


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    found = init_classifier(Design("small", 2, 24), 0)
    found.network.eval()
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_features_are_what_the_last_layer_reads(classifier: Classifier, pixels: Pixels, view: View) -> None:
    found = RealTrained(classifier, view).features(pixels)
    assert found.shape == (19, 128)
    assert found.dtype == np.float32
    head = classifier.network.head
    assert isinstance(head, torch.nn.Linear)
    with torch.inference_mode():
        logits = head(torch.from_numpy(found)).numpy()
    np.testing.assert_allclose(logits, predict(classifier, pixels, view), atol=1e-5)


def test_the_view_decides_what_is_seen(classifier: Classifier, pixels: Pixels) -> None:
    one, two, three = (RealTrained(classifier, view).features(pixels) for view in VIEWS)
    assert not np.allclose(one, two)
    assert not np.allclose(two, three)


def test_each_image_is_seen_by_itself(classifier: Classifier, pixels: Pixels) -> None:
    encoder, order = RealTrained(classifier, VIEWS[1]), np.arange(18, -1, -3)
    np.testing.assert_allclose(
        encoder.features(pixels.take(order)), encoder.features(pixels)[order], rtol=1e-5, atol=1e-6
    )
