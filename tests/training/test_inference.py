from __future__ import annotations

import numpy as np
import torch

from prettyuseful.data.pixels import Pixels
from prettyuseful.numerics import Numerics
from prettyuseful.training.classifier import Design
from prettyuseful.training.inference import penultimate_features, predict
from prettyuseful.training.initialisation import init_classifier
from prettyuseful.training.recipes import View

NUMERICS = Numerics()


def pixels(count: int = 30) -> Pixels:
    images = np.random.default_rng(0).integers(256, size=(count, 32, 32, 3), dtype=np.uint8)
    return Pixels.from_array(images, np.zeros(count, np.int64), np.arange(count).astype(str))


def test_features_are_the_input_of_the_last_layer() -> None:
    classifier = init_classifier(Design("small", 2, 32), 0)
    classifier.network.eval()
    for view in (View(32, 32), View(32, 24, 2)):
        features = torch.from_numpy(penultimate_features(classifier, pixels(), view))
        head = classifier.network.head
        assert isinstance(head, torch.nn.Linear)
        with torch.inference_mode():
            assert np.allclose(head(features).numpy(), predict(classifier, pixels(), view), atol=1e-5)


def test_logits_are_the_mean_over_the_squares_of_a_view() -> None:
    classifier = init_classifier(Design("small", 2, 24), 0)
    classifier.network.eval()
    images = pixels(3)
    result = predict(classifier, images, View(32, 24, 2))
    corners = []
    for y in (0, 8):
        for x in (0, 8):
            cut = np.stack([images[i][y : y + 24, x : x + 24] for i in range(3)])
            corners.append(predict(classifier, Pixels.from_array(cut, images.labels, images.groups), View(24, 24)))
    assert np.allclose(result, np.mean(corners, axis=0), atol=1e-5)


def test_number_of_threads_does_not_change_the_result() -> None:
    """This includes resampling in threads, which do not share torch's modes."""
    classifier = init_classifier(Design("small", 2, 24), 0)
    classifier.network.eval()
    result = []
    for threads in (1, 2):
        numerics = Numerics(threads=threads)
        numerics.apply()
        result.append(predict(classifier.to(numerics), pixels(40), View(28, 24, 2)))
    NUMERICS.apply()
    assert np.allclose(result[0], result[1], atol=1e-5)
