"""Settings that change the last bits of results. They are part of the keys of steps; where a step runs is not."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

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
MemoryFormat = Literal["contiguous", "channels_last"]


class Numerics(BaseModel):
    """Device type, number format, CPU threads, compilation and memory format of a step."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    device: Literal["cpu", "cuda"] = Field("cpu", description="type of the device that runs the steps")
    dtype: DType = Field("float32", description="number format of image generation, and of autocast in classifiers")
    threads: int = Field(1, ge=1, le=256, description="CPU threads per step; several steps share the CPU cores")
    compile: bool = Field(False, description="use torch.compile for the denoiser and the classifier")
    memory_format: MemoryFormat = Field("contiguous", description="memory format of image tensors")
    fuse_projections: bool = Field(
        False, description="compute query, key and value of the denoiser in one matrix product"
    )
    attention: Literal["auto", "math", "flash", "efficient", "cudnn"] = Field(
        "auto", description="kernel of scaled dot-product attention in generation; auto: PyTorch chooses"
    )
    float32_precision: Literal["ieee", "tf32"] = Field(
        "ieee",
        description="float32 matrix products and convolutions of generation and classifiers on a GPU: ieee, or tf32, "
        "which is faster and rounds their inputs to 10 bits of mantissa; metrics always use ieee",
    )

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out the precision on a CPU, which has one only: it must not be in keys."""
        values: dict[str, Any] = handler(self)
        if self.device == "cpu":
            values.pop("float32_precision", None)
        return values

    def apply(self) -> None:
        """Configure PyTorch in this process for a step with these settings.

        Raises:
            StudyError: this machine has no such device.
        """
        import torch

        from prettyuseful.errors import StudyError
        from prettyuseful.memory import keep_freed_memory

        if self.device == "cuda" and not torch.cuda.is_available():
            raise StudyError("numerics.device is cuda, but this machine has no CUDA device; set numerics.device: cpu")
        keep_freed_memory()
        torch.set_num_threads(self.threads)
        torch.backends.cudnn.benchmark = False
        # By default, PyTorch computes float32 convolutions in TF32. Inductor reads these flags, not the newer
        # `fp32_precision`, and mixing both is an error.
        torch.backends.cuda.matmul.allow_tf32 = self.float32_precision == "tf32"
        torch.backends.cudnn.allow_tf32 = self.float32_precision == "tf32"

    def autocast(self) -> AbstractContextManager[object]:
        """Return a context in which a network computes in `dtype` while its weights stay float32."""
        import torch

        return nullcontext() if self.dtype == "float32" else torch.autocast(self.device, getattr(torch, self.dtype))

    def to_memory_format(self, images: torch.Tensor) -> torch.Tensor:
        """Return images of shape (N, 3, S, S) in the memory format of these settings."""
        if self.memory_format == "contiguous":
            return images
        return images.contiguous(memory_format=self.torch_memory_format)

    @property
    def torch_memory_format(self) -> torch.memory_format:
        import torch

        return torch.channels_last if self.memory_format == "channels_last" else torch.contiguous_format

    @contextmanager
    def attention_kernel(self) -> Iterator[None]:
        """Run scaled dot-product attention on the chosen kernel inside the `with` block.

        Raises:
            StepFailedError: the model has no such kernel on this device.
        """
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
                f"numerics.attention: {self.attention} does not support this model on {self.device}; choose another "
                "kernel, or auto"
            ) from error

    def prepare(self, module: ModuleT) -> ModuleT:
        """Return the module on the device and in the memory format of these settings, compiled if `compile` is set."""
        module = module.to(device=self.device, memory_format=self.torch_memory_format)  # type: ignore[call-overload]
        if self.compile:
            module.compile()
        return module


class TrainingNumerics(Numerics):
    """Numerics of classifier training."""

    images_at_once: int | None = Field(
        None,
        ge=1,
        description="images per forward pass in training; gradients are accumulated up to the batch size of the "
        "recipe; default: the whole batch, or on a GPU as many as are predicted to fit, without batch norm",
    )
    recompute: bool = Field(
        False,
        description="compute activations again in the backward pass (activation checkpointing): less memory, more "
        "time; for networks of timm that support it",
    )

    def apply(self) -> None:
        """Configure PyTorch in this process for training.

        All batches of a training have one shape, so on a GPU cuDNN times its convolution kernels and takes the fastest.
        Its choice changes the last bits, which are not the same from run to run on a GPU anyway. Generation does not do
        this, because an image must not depend on the process that made it.

        Raises:
            StudyError: this machine has no such device.
        """
        import torch

        super().apply()
        torch.backends.cudnn.benchmark = self.device == "cuda"

    @model_serializer(mode="wrap")
    def _serialise(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is off, too: keys are older than this field."""
        values = super()._serialise(handler)  # pydantic calls only the serializer of the subclass
        return {name: value for name, value in values.items() if name != "recompute" or value}


@contextmanager
def limit_linear_algebra_threads(count: int) -> Iterator[None]:
    """Limit NumPy and SciPy to `count` threads inside the `with` block; `Numerics.apply` sets those of PyTorch."""
    with _threadpool_controller().limit(limits=count, user_api="blas"):
        yield


@cache
def _threadpool_controller() -> ThreadpoolController:
    # The controller knows only libraries that are loaded already, so load them first.
    import numpy  # noqa: F401
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


class Environment(BaseModel):
    """The machine and the package versions. The exact bytes of a result depend on them and on the key of its step."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    python: str
    system: str
    cpu: str
    cores: int | None
    packages: dict[str, str]


@cache
def environment() -> Environment:
    """Return the environment of this process, for manifests and records. It is not part of keys."""
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
