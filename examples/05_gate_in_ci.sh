#!/usr/bin/env bash
# A gate for CI: the job fails if the generated images are certainly poor training data.
# Exit codes: 0 good enough, 1 the condition holds (or steps failed), 2 a mistake in the command or the folders.
set -euo pipefail

# In your job, these are folders with one subfolder per class. Here they are made from the bundled photographs.
prettyuseful generate pocket-base --images-per-class 24 --out pocket-base
prettyuseful export pocket-base --out generated-images
python - <<'PYTHON'
from pathlib import Path
from prettyuseful import TaskSource

photos = TaskSource(name="photos").open()
for row in photos.images("train", 40):
    path = Path("real-images", photos.classes[row.label], Path(row.path).name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(row.data)
PYTHON

prettyuseful audit --real real-images --synthetic generated-images \
  --fail-if "synth_to_real.high < 0.3 or causes.copies.named"
