"""The data checks: one row each. Reports, JSON, gates and docs derive from these rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from prettyuseful.checks import copy_checks, image_checks, labels, set_checks
from prettyuseful.checks.base import Check, Reads
from prettyuseful.checks.finding import Finding, by_severity
from prettyuseful.checks.image_set import Sets
from prettyuseful.checks.results import Results

_ROWS = (
    Check(
        id="leaked",
        title="Test images in what is trained on",
        finds="Images to train on, real or synthetic, that are copies of test images.",
        severity="error",
        advice="Remove these images from the training images, or use other test images: accuracies on test images that "
        "were trained on are too high.",
        function=copy_checks.leaked,
    ),
    Check(
        id="unreadable",
        title="Unreadable images",
        finds="Images that cannot be decoded.",
        severity="error",
        advice="Replace or remove these images.",
        function=image_checks.unreadable,
    ),
    Check(
        id="permuted_labels",
        title="Labels seem to be permuted",
        finds="Labels that classifiers trained on real images contradict: classes that change places, or an accuracy "
        "significantly below that of guessing.",
        severity="error",
        advice="Check the order of the class names. Labels that are numbers follow the order of whoever wrote them.",
        function=labels.permuted_labels,
        reads="results",
    ),
    Check(
        id="copied",
        title="Copies of real training images",
        finds="Synthetic images that are copies of real images to train on.",
        severity="warning",
        advice="Remove them, if the question is what synthetic images add. Check the generator for memorised images.",
        function=copy_checks.copied,
    ),
    Check(
        id="shared",
        title="Copies between sets",
        finds="Images that occur in two sets of one role, such as two synthetic sets, or in places without a role.",
        severity="warning",
        advice="Remove them from one of the sets; or, if one is for tests, give it as such.",
        function=copy_checks.shared,
    ),
    Check(
        id="repeated",
        title="Repeated images",
        finds="Images that repeat another image of the same set.",
        severity="warning",
        advice="Keep one of each, or put the others into its group: repeats are no further evidence.",
        function=copy_checks.repeated,
    ),
    Check(
        id="conflicting_labels",
        title="One image, several classes",
        finds="Images of one set that occur in more than one class.",
        severity="warning",
        advice="Decide on one class for each, or remove them.",
        function=copy_checks.conflicting_labels,
    ),
    Check(
        id="without_contrast",
        title="Images without contrast",
        finds="Images that are black, white or of any one colour.",
        severity="warning",
        advice="Remove them and look for their cause: safety checkers and half-precision decoders return black images.",
        function=image_checks.without_contrast,
    ),
    Check(
        id="not_finite",
        title="Images that are not finite",
        finds="Generated images whose values were NaN or infinite. They are stored black.",
        severity="warning",
        advice="Generate them in another number format, such as numerics: {dtype: bfloat16} or float32.",
        function=image_checks.not_finite,
    ),
    Check(
        id="ungrouped",
        title="Groups are missing",
        finds="File names that look like frames, crops or augmented copies of one source, without a group.",
        severity="warning",
        advice="Name the groups (--groups, or a column `group`): without them, related images get into both the "
        "training and the test images, and intervals are too narrow.",
        function=set_checks.ungrouped,
    ),
    Check(
        id="missing_classes",
        title="Classes without images",
        finds="Classes of the real images that a set lacks.",
        severity="warning",
        advice="Add images of these classes, or use the same class names.",
        function=set_checks.missing_classes,
        unit="classes",
    ),
    Check(
        id="imbalance_against_real",
        title="Other shares of classes than real images",
        finds="Classes whose share of a synthetic set is less than half, or more than twice, that of the real images.",
        severity="warning",
        advice="Use equally many images per class on both sides, so that the comparison is one of images.",
        function=set_checks.imbalance_against_real,
        unit="classes",
    ),
    Check(
        id="imbalance",
        title="Unequal classes",
        finds="Sets whose largest class has at least three times as many images as the smallest.",
        severity="note",
        advice="Accuracies are means over classes; small classes have wide intervals.",
        function=set_checks.imbalance,
        unit="classes",
    ),
    Check(
        id="few_images",
        title="Classes with few images",
        finds="Classes with fewer than 10 images.",
        severity="note",
        advice="Add images, or leave these classes out: their accuracies are uncertain.",
        function=set_checks.few_images,
        unit="classes",
    ),
    Check(
        id="odd_sizes",
        title="Odd sizes",
        finds="Images whose short side is less than a third, or more than three times, the median of the set.",
        severity="note",
        advice="Look at these images: thumbnails and banners get among photographs.",
        function=image_checks.odd_sizes,
    ),
    Check(
        id="odd_aspect_ratios",
        title="Odd aspect ratios",
        finds="Images that are much longer or narrower than most.",
        severity="note",
        advice="Crop them, if what the class shows is not in the middle.",
        function=image_checks.odd_aspect_ratios,
    ),
    Check(
        id="sizes_differ",
        title="Other size than real images",
        finds="Synthetic images whose median short side differs from that of real images by a factor of 1.5 or more.",
        severity="note",
        advice="Compare at one size: the diagnosis and the re-encoded metrics do.",
        function=set_checks.sizes_differ,
    ),
    Check(
        id="formats_differ",
        title="Other file format than real images",
        finds="Synthetic images that are mostly in another format than the real images.",
        severity="note",
        advice="Compare the re-encoded metrics, or save both sides in one format: a classifier can see compression.",
        function=set_checks.formats_differ,
    ),
    Check(
        id="qualities_differ",
        title="Other JPEG quality than real images",
        finds="Synthetic JPEG images whose median quality differs from that of real ones by 10 or more.",
        severity="note",
        advice="Compare the re-encoded metrics, or save both sides with one quality: a classifier can see compression.",
        function=set_checks.qualities_differ,
    ),
    Check(
        id="orientation_tags",
        title="Images turned by EXIF tags",
        finds="Images that are stored turned, with an EXIF tag that says so.",
        severity="note",
        advice="Nothing here: the tag is applied. Other programs may ignore it, so turn the pixels before you share.",
        function=image_checks.orientation_tags,
    ),
    Check(
        id="transparent",
        title="Transparent images",
        finds="Images with pixels that are not opaque.",
        severity="note",
        advice="Put them on a background of your choice, if white is wrong.",
        function=image_checks.transparent,
    ),
    Check(
        id="scaled",
        title="16-bit and float images",
        finds="Images with more than 8 bits per channel, which are scaled.",
        severity="note",
        advice="Convert them to 8 bits yourself, if the range is wrong.",
        function=image_checks.scaled,
    ),
    Check(
        id="colour_profiles",
        title="Colour profiles",
        finds="Images with another colour profile than sRGB, which are converted.",
        severity="note",
        advice="Nothing here. Other programs may ignore the profile, so convert the images before you share them.",
        function=image_checks.colour_profiles,
    ),
    Check(
        id="several_frames",
        title="Animations and documents",
        finds="Files with several frames or pages, of which the first is used.",
        severity="note",
        advice="Save the frames that you want as images of their own, in one group.",
        function=image_checks.several_frames,
    ),
)

CHECKS: Mapping[str, Check] = MappingProxyType({row.id: row for row in _ROWS})
"""The data checks by id, the most serious first."""


def check_ids() -> tuple[str, ...]:
    return tuple(CHECKS)


def check_images(sets: Sets) -> tuple[Finding, ...]:
    """Run all checks that read images. Errors come first."""
    return _findings("images", sets)


def check_results(results: Results) -> tuple[Finding, ...]:
    """Run all checks that read results of classifiers."""
    return _findings("results", results)


def count_by_check(findings: Iterable[Finding], reads: Reads | None = None) -> dict[str, int]:
    """Return the number of images or classes that each check found; 0 where it found nothing.

    `reads`: leave out checks that read something else.
    """
    counts = {check.id: 0 for check in CHECKS.values() if reads in (None, check.reads)}
    for finding in findings:
        counts[finding.check] += finding.count
    return counts


def _findings(kind: Reads, evidence: Sets | Results) -> tuple[Finding, ...]:
    checks = (check for check in CHECKS.values() if check.reads == kind)
    return by_severity(check.finding(hit) for check in checks for hit in check.function(evidence))  # type: ignore[arg-type]
