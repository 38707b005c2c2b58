from __future__ import annotations

from dataclasses import replace

from PIL import ImageOps
from tests.checks.pictures import clean, encoded, image_set, picture

from prettyuseful.checks.copy_checks import conflicting_labels, copied, leaked, repeated, shared
from prettyuseful.checks.image_set import Sets


def test_copies_of_test_images_leak_from_what_is_trained_on() -> None:
    test = clean(0)
    train = image_set({**clean(100), "a/x.jpg": test["a/000.jpg"], "b/y.png": encoded(picture(1))}, "train", "real")
    generated = image_set({**clean(200), "b/z.png": encoded(ImageOps.mirror(picture(2)))}, "synthetic", "made")
    sets = Sets((train, image_set(test, "test", "tests"), generated))
    by_set = {hit.set: hit for hit in leaked(sets)}
    assert (by_set["real"].count, by_set["real"].total, by_set["real"].against) == (2, 26, "tests")
    assert by_set["real"].words == (
        "2 of 26 images of real (7.7%) are copies of 2 of the 24 images of tests, "
        "1 byte for byte and 1 as a near-duplicate."
    )
    assert by_set["real"].examples == ("a/x.jpg = a/000.jpg", "b/y.png = b/001.jpg")
    assert (by_set["made"].count, by_set["made"].examples) == (1, ("b/z.png = a/002.jpg",))
    assert by_set["made"].words.endswith("as a near-duplicate.")


def test_other_sets_are_not_reported_on() -> None:
    test, train = image_set(clean(0), "test", "tests"), image_set(clean(0), "train", "real")
    generated = image_set(clean(0), "synthetic", "made")
    assert [hit.set for hit in leaked(Sets((generated,), (train, test)))] == ["made"]
    assert [hit.against for hit in copied(Sets((generated,), (train, test)))] == ["real"]


def test_synthetic_copies_of_training_images_are_no_leak() -> None:
    train, generated = image_set(clean(0), "train", "real"), image_set(clean(0), "synthetic", "made")
    sets = Sets((train, generated))
    assert [(hit.set, hit.count) for hit in copied(sets)] == [("made", 24)]
    assert not list(leaked(sets))
    assert not list(shared(sets))


def test_places_without_a_role_and_synthetic_sets_are_compared_with_each_other() -> None:
    first, second = image_set(clean(0), "other", "first"), image_set(clean(20), "other", "second")
    (hit,) = shared(Sets((first, second)))
    assert (hit.set, hit.against, hit.count) == ("second", "first", 4)
    made = [image_set(clean(0), "synthetic", name) for name in ("one", "two")]
    assert [hit.set for hit in shared(Sets(tuple(made)))] == ["two"]


def test_two_places_with_one_role_are_compared_with_each_other() -> None:
    for role in ("train", "test"):
        first, second = image_set(clean(0), role, "first"), image_set(clean(0), role, "second")
        assert [(hit.set, hit.count) for hit in shared(Sets((first, second)))] == [("second", 24)]


def test_repeats_are_counted_without_their_first_image() -> None:
    images = {**clean(0), "a/again.png": encoded(picture(0)), "a/more.jpg": clean(0)["a/000.jpg"]}
    (hit,) = repeated(Sets((image_set(images),)))
    assert (hit.count, hit.total) == (2, 26)
    assert hit.words == (
        "2 of 26 images of photos (7.7%) repeat another image of the set, 1 byte for byte and 1 as a near-duplicate."
    )
    assert hit.examples == ("a/000.jpg = a/again.png = a/more.jpg",)


def test_one_picture_in_two_classes_is_a_conflict() -> None:
    images = {**clean(0), "b/again.png": encoded(picture(0))}
    (hit,) = conflicting_labels(Sets((image_set(images),)))
    assert (hit.count, hit.examples) == (2, ("a/000.jpg = b/again.png",))
    assert not list(conflicting_labels(Sets((image_set({**clean(0), "a/again.png": encoded(picture(0))}),))))


def test_copies_among_conditioned_images_are_counted_and_explained() -> None:
    """Against training and test images apart; which ones copy the image that they were generated from."""
    train, test = image_set(clean(0), "train", "real"), image_set({"a/t.png": picture(300)}, "test", "tests")
    pictures = {"a/0.png": picture(0), "a/1.png": picture(2), "b/2.png": picture(300), "b/3.png": picture(400)}
    groups = {
        "a/0.png": "from real/a/000.jpg",
        "a/1.png": "from real/a/000.jpg",
        "b/2.png": "from real/b/001.jpg",
        "b/3.png": "from real/b/001.jpg",
    }
    made = replace(image_set(pictures, "synthetic", "made", groups), conditioned=True)
    sets = Sets((made,), (train, test))
    (copy,), (leak,) = copied(sets), leaked(sets)
    assert copy.count == 2
    assert copy.words.endswith(
        "; all images were generated from real training images, and 1 of the copies from the image they copy."
    )
    assert leak.count == 1
    assert leak.words.endswith("; none of these real images was given to the generator.")
