"""The step that asks a hosted model for some images of one class."""

from __future__ import annotations

from typing import Any, ClassVar

from prettyuseful.data.dataset import Row, write_shard
from prettyuseful.engine.pinned import Pinned
from prettyuseful.engine.step import Job, StepSpec
from prettyuseful.generators.budget import Allowance, Budget
from prettyuseful.generators.hosted import HostedModel
from prettyuseful.redaction import redact_strings
from prettyuseful.steps.generation import SHARD
from prettyuseful.steps.inputs import read_prompts, write_json

REVISED = "revised.json"
"""The file with the prompts that the server used instead of those of the requests, by the number of the image."""


class HostedSpec(StepSpec):
    """Ask a hosted model for the images `first` to `stop` of one class, and keep their bytes as received.

    No seed is sent: with another `seed`, which is that of the data set, the images are asked for again. `allowance`:
    the requests that may be charged, see `HostedModel.allowances`. The input is the prompts.
    """

    kind: ClassVar[str] = "generate-hosted"
    pace: ClassVar[float] = 1.0
    generates: ClassVar[bool] = True
    generator: str
    model: Pinned[HostedModel]
    label: int
    first: int
    stop: int
    seed: int
    allowance: Allowance | None = None

    def key_content(self) -> dict[str, Any]:
        content = super().key_content()
        del content["allowance"]  # it changes no image
        return content

    def make(self, job: Job) -> dict[str, Any]:
        from prettyuseful.endpoints.client import RetryPolicy
        from prettyuseful.endpoints.images import SUFFIXES, ImageRequest
        from prettyuseful.generators.hosted_images import request_images, summarise
        from prettyuseful.generators.kept_images import KeptImages

        prompts, model = read_prompts(job, "prompts"), self.model.source
        name, indices = prompts.classes[self.label], range(self.first, self.stop)
        requests = [ImageRequest(i, prompts.prompt_for(self.label, i), f"{name}/{i:06d}") for i in indices]
        kept, policy = KeptImages(job.checkpoint_dir), RetryPolicy(answer_timeout=model.timeout)
        folder = job.checkpoint_dir.parent if job.shares_checkpoints else None
        budget = None if self.allowance is None else Budget(self.allowance, job.checkpoint_dir.name, folder)
        received = request_images(model, requests, kept, budget, job.progress, policy)
        rows = []
        for request, image in zip(requests, received.images, strict=True):
            path = request.name + SUFFIXES[image.format]
            rows.append(Row(image.data, path, self.label, path, None, request.prompt, None, self.generator))
        revised = {request.index: image.revised for request, image in zip(requests, received.images, strict=True)}
        write_json(job.folder / REVISED, {str(index): text for index, text in revised.items() if text is not None})
        write_shard(job.folder / SHARD, rows, prompts.classes)
        applied = {"model": model.model, "endpoint": model.endpoint, "size": model.size, "options": model.options}
        return {
            "images": len(rows),
            "without_contrast": 0,
            "applied": redact_strings({**applied, "seed_sent": None}),
            "counts": summarise(received, name),
            "cut": {},
        }

    @property
    def rate_class(self) -> str:
        return f"{self.kind} {self.generator}"

    @property
    def assumed_pace(self) -> float | None:
        return None

    @property
    def fee(self) -> float | None:
        return self.model.source.cost_per_image
