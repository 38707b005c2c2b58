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
    classifier = init_classifier(Design("small", 2, 24), 0)
    classifier.network.eval()
    return classifier


@pytest.mark.parametrize("view", VIEWS)
def test_features_are_the_input_of_the_last_layer(classifier: Classifier, pixels: Pixels, view: View) -> None:
    features = RealTrained(classifier, view).features(pixels)
    assert features.shape == (19, 128)
    assert features.dtype == np.float32
    head = classifier.network.head
    assert isinstance(head, torch.nn.Linear)
    with torch.inference_mode():
        logits = head(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(logits, predict(classifier, pixels, view), atol=1e-5)


def test_view_changes_the_features(classifier: Classifier, pixels: Pixels) -> None:
    one, two, three = (RealTrained(classifier, view).features(pixels) for view in VIEWS)
    assert not np.allclose(one, two)
    assert not np.allclose(two, three)


def test_features_do_not_depend_on_other_images(classifier: Classifier, pixels: Pixels) -> None:
    encoder, order = RealTrained(classifier, VIEWS[1]), np.arange(18, -1, -3)
    np.testing.assert_allclose(
        encoder.features(pixels.take(order)), encoder.features(pixels)[order], rtol=1e-5, atol=1e-6
    )
