"""Says before anything runs which steps of a plan are predicted to exceed the memory of a GPU."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator

from prettyuseful.engine.step import Step
from prettyuseful.formatting import size
from prettyuseful.generators.models import encoding_memory, largest_micro_batch, sampling_memory
from prettyuseful.steps.generation import GenerateSpec

LARGEST_CARD = 80_000_000_000
"""Bytes of memory of the largest common GPU, for plans on machines without one."""
_SECONDS = 10  # to ask the driver


def gpu_memory() -> int | None:
    """Return the bytes of memory of the smallest GPU of this machine; None if it has none that can be asked."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
        return min(int(line) for line in answer.splitlines()) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def memory_warnings(steps: Iterable[Step], card: int | None) -> Iterator[str]:
    """Yield one sentence for each data set, text encoder and architecture that is predicted not to fit.

    Args:
        steps: of a plan; those on CPUs and those without a prediction are left out.
        card: bytes of memory of a GPU; None for a common one of 80 GB.
    """
    limit, where = card or LARGEST_CARD, "this GPU" if card else "a common GPU"
    sentences = (
        f"{what} need {size(needed)}, and {where} has {size(limit)}{remedy}"
        for step in steps
        if step.spec.needs.gpus
        for what, needed, remedy in _too_large(step, limit)
    )
    yield from dict.fromkeys(sentences)


def _too_large(step: Step, limit: int) -> Iterator[tuple[str, int, str]]:
    """Yield what a step does that needs more than `limit` bytes, how many these are, and what helps.

    A step that encodes and samples does not need memory for both: if there is no room for the text encoders beside the
    weights that sample, these are moved out of the device.
    """
    spec = step.spec
    if not isinstance(spec, GenerateSpec):
        if spec.needs.memory > limit:
            yield f"steps that {spec.rate_class}", spec.needs.memory, ""
        return
    if spec.encoding is not None and (needed := encoding_memory(spec.generator, spec.numerics.dtype)) > limit:
        yield f"steps that encode {spec.generator}", needed, ""
    needed = sampling_memory(spec.generator, spec.sampling, spec.micro_batch, spec.numerics.dtype)
    if needed > limit:
        dataset = (step.names or {}).get("dataset", spec.generator)
        what = f"data set {dataset}: {spec.micro_batch} images of {spec.generator} at once"
        yield what, needed, _remedy(spec, limit)


def _remedy(spec: GenerateSpec, limit: int) -> str:
    if spec.sampling is None:
        return ""
    fits = largest_micro_batch(spec.generator, spec.sampling, spec.numerics.dtype, limit)
    if fits:
        return f"; set micro_batch: {fits} for it"
    return "; not even one image fits: use a smaller size, or sampling: {quantise: float8}"
