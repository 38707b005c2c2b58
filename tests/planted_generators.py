"""User-defined generators, valid and invalid, in a separate file so that every worker process can import them."""

from __future__ import annotations

import logging
import os
import textwrap
from typing import Any, ClassVar

import numpy as np

from prettyuseful.engine.keys import derive_seed
from prettyuseful.generators.base import Request

SIZE = 12


class Noise:
    """Images with a colour from the prompt and noise from the seed. The class records its requests."""

    requests: ClassVar[list[Request]] = []

    def generate(self, request: Request) -> Any:
        self.requests.append(request)
        colour = derive_seed(request.prompt, request.class_name, request.label) % 200
        noise = [np.random.default_rng(seed).integers(0, 55, (SIZE, SIZE, 3)) for seed in request.seeds]
        return (np.stack(noise) + colour).astype(np.uint8)

    def applied(self) -> dict[str, object]:
        return {"noise": 55}


class OnTensors(Noise):
    """The same images, as tensors."""

    def generate(self, request: Request) -> Any:
        import torch

        return torch.from_numpy(super().generate(request))


class Black(Noise):
    """Images that show nothing, except the first of each request."""

    def generate(self, request: Request) -> Any:
        images = super().generate(request)
        images[1:] = 0
        return images


class AllBlack(Noise):
    """Images that show nothing."""

    def generate(self, request: Request) -> Any:
        return np.zeros_like(super().generate(request))


class RarelyBlack(Noise):
    """Of 40 images of one prompt in micro-batches of four, the first and the last show nothing."""

    def generate(self, request: Request) -> Any:
        images = super().generate(request)
        for image, seed in zip(images, request.seeds, strict=True):
            if seed in (derive_seed(0, request.class_name, request.prompt, index) for index in (0, 39)):
                image[:] = 200
        return images


class Hungry(Noise):
    """Raises the out-of-memory error of an accelerator for more than three images."""

    most = 3

    def generate(self, request: Request) -> Any:
        import torch

        if len(request.seeds) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return super().generate(request)


class HungryOnCpu(Hungry):
    """Raises the out-of-memory error of PyTorch on a CPU."""

    def generate(self, request: Request) -> Any:
        if len(request.seeds) > self.most:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] data. DefaultCPUAllocator: can't allocate memory: you tried to "
                "allocate 4000000000000 bytes."
            )
        return super().generate(request)


class Starving(Hungry):
    """Raises the out-of-memory error for any number of images."""

    most = 0


class Ailing(Noise):
    """Raises another error."""

    def generate(self, request: Request) -> Any:
        raise RuntimeError(f"no luck with {request.prompt}")


class Unlucky(Noise):
    """Raises an error for the seeds in `refused`, a set that tests change."""

    refused: ClassVar[set[int]] = set()

    def generate(self, request: Request) -> Any:
        if self.refused & set(request.seeds):
            raise RuntimeError(f"no luck with {request.prompt}")
        return super().generate(request)


class Leaky(Noise):
    """Raises errors that contain secrets, as some libraries do."""

    def generate(self, request: Request) -> Any:
        url = f"http://me:{os.environ['CANARY_PASSWORD']}@host/{request.prompt}"
        raise RuntimeError(f"401 for {url} with {dict(os.environ)}")


class Wordy(Noise):
    """Says secrets in its settings, and prints them in forms that libraries use."""

    def applied(self) -> dict[str, object]:
        return {"api_key": "canary", "url": os.environ["DATABASE_URL"], "names": [os.environ["GPG_PASSPHRASE"]]}

    def generate(self, request: Request) -> Any:
        logging.getLogger("prettyuseful").info("with key\n  %s", os.environ["DEPLOY"].replace("\n", "\n  "))
        return super().generate(request)


class Wrapping(Noise):
    """Raises an error of several lines, each with a part of a secret."""

    def generate(self, request: Request) -> Any:
        secrets = f"{os.environ['GPG_PASSPHRASE']} {os.environ['API_KEYS']}"
        raise RuntimeError(textwrap.fill(f"wrong: {secrets} for {request.prompt}", 20))


class Bright(Noise):
    """Returns images with values from 0 to 1."""

    def generate(self, request: Request) -> Any:
        return super().generate(request) / 255


class Short(Noise):
    """Returns one image too few."""

    def generate(self, request: Request) -> Any:
        return super().generate(request)[1:]


class Forgetful(Noise):
    """Ignores the seeds, so the images are not reproducible."""

    def generate(self, request: Request) -> Any:
        return np.random.default_rng().integers(0, 255, (len(request.seeds), SIZE, SIZE, 3), np.uint8)
