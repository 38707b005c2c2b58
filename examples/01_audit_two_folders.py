"""Audit a folder of images against a folder of real ones.

The images are crops of the bundled photographs. The "synthetic" ones are blurred by one pixel, so the audit should
report that high frequencies are lost. Replace the two folders by your own: one subfolder per class.
"""

from io import BytesIO
from pathlib import Path

from PIL import Image, ImageFilter

from prettyuseful import TaskSource, audit

REAL, BLURRED = Path("real-images"), Path("blurred-images")


def make_folders() -> None:
    """Write 40 real crops per class, and 24 other crops after a blur."""
    photos = TaskSource(name="photos").open()
    for row in photos.images("train", 64):
        image = Image.open(BytesIO(row.data))
        index = int(Path(row.path).stem)
        path = (REAL if index < 40 else BLURRED) / photos.classes[row.label] / f"{index:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        (image if index < 40 else image.filter(ImageFilter.GaussianBlur(1))).save(path)


if __name__ == "__main__":  # worker processes import this file
    make_folders()
    result = audit(REAL, BLURRED, out="audit-results")
    print(*result.answer, sep="\n")
    print(result.report)
