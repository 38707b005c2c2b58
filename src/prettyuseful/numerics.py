"""The settings that change the last bits of a number: part of every key they touch. Where a step runs is not."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import torch
    from threadpoolctl import ThreadpoolController

    ModuleT = TypeVar("ModuleT", bound=torch.nn.Module)

_PACKAGES = (
    "prettyuseful",
    "torch",
    "torchvision",
    "diffusers",
    "transformers",
    "timm",
    "numpy",
    "pillow",
    "pyarrow",
    "scikit-image",
    "scikit-learn",
)


DType = Literal["float32", "bfloat16", "float16"]
Layout = Literal["contiguous", "channels_last"]


class Numerics(BaseModel):
    """Device type, number format, CPU threads per step, compilation and memory layout of a step."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    device: Literal["cpu", "cuda"] = Field("cpu", description="device type that steps run on")
    dtype: DType = Field("float32", description="number format of generation, and of autocast in classifiers")
    threads: int = Field(1, ge=1, le=256, description="CPU threads of one step; steps run side by side on the cores")
    compile: bool = Field(False, description="torch.compile the denoiser and the classifier")
    memory_format: Layout = Field("contiguous", description="layout of images in memory")
    fuse_projections: bool = Field(False, description="one matrix product for query, key and value of the denoiser")
    attention: Literal["auto", "math", "flash", "efficient", "cudnn"] = Field(
        "auto", description="kernel of scaled dot product attention in generation; auto lets PyTorch choose"
    )

    def apply(self) -> None:
        """Sets up this process for a step with these numerics.

        Raises:
            StudyError: the device is not there.
        """
        import torch

        from prettyuseful.errors import StudyError

        if self.device == "cuda" and not torch.cuda.is_available():
            raise StudyError("numerics.device is cuda, but this machine has no CUDA device; say numerics.device: cpu")
        torch.set_num_threads(self.threads)
        torch.backends.cudnn.benchmark = False

    def autocast(self) -> AbstractContextManager[object]:
        """Within it, a network computes in `dtype`; its weights stay float32."""
        import torch

        return nullcontext() if self.dtype == "float32" else torch.autocast(self.device, getattr(torch, self.dtype))

    def laid_out(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, S, S) as the networks of these numerics want them in memory."""
        return images.contiguous(memory_format=self.layout) if self.memory_format == "channels_last" else images

    @property
    def layout(self) -> torch.memory_format:
        import torch

        return torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Within it, attention runs on the kernel that the numerics name."""
        if self.attention == "auto":
            yield
            return
        from torch.nn.attention import SDPBackend, sdpa_kernel

        from prettyuseful.errors import StepFailedError

        kernels = {
            "math": SDPBackend.MATH,
            "flash": SDPBackend.FLASH_ATTENTION,
            "efficient": SDPBackend.EFFICIENT_ATTENTION,
            "cudnn": SDPBackend.CUDNN_ATTENTION,
        }
        try:
            with sdpa_kernel(kernels[self.attention]):
                yield
        except RuntimeError as error:
            if "No available kernel" not in str(error):
                raise
            raise StepFailedError(
                f"numerics.attention: {self.attention} does not run this model on this {self.device}; take another, "
                "or auto"
            ) from error

    def place(self, module: ModuleT) -> ModuleT:
        """The module on the device, in the memory layout, compiled if asked for."""
        module = module.to(device=self.device, memory_format=self.layout)  # type: ignore[call-overload]
        if self.compile:
            module.compile()
        return module


class TrainingNumerics(Numerics):
    """Numerics of a training."""

    images_at_once: int | None = Field(
        None,
        ge=1,
        description="images that go through a classifier together in training; gradients add up to the recipe's batch",
    )


@contextmanager
def linear_algebra_threads(count: int) -> Iterator[None]:
    """Within it, numpy and scipy compute on `count` threads. PyTorch is told by `Numerics.apply`."""
    with _linear_algebra().limit(limits=count, user_api="blas"):
        yield


@cache
def _linear_algebra() -> ThreadpoolController:
    """Knows the libraries that are loaded when it is made: these are."""
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class Environment(BaseModel):
    """What equal bytes depend on beside the key: processor, system, and versions by package."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    python: str
    system: str
    cpu: str
    cores: int | None
    packages: dict[str, str]


@cache
def environment() -> Environment:
    """Of this machine. For manifests and records, not for keys."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return Environment(
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=_cpu_model(),
        cores=os.cpu_count(),
        packages=versions,
    )


def _cpu_model() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
