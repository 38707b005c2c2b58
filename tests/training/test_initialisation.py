from __future__ import annotations

import logging
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from prettyuseful.errors import DataError, UnknownNameError
from prettyuseful.training.bagnet import BagNet
from prettyuseful.training.classifier import Design
from prettyuseful.training.initialisation import Pretrained, head_layers, init_classifier, trainable, training_mode
from prettyuseful.training.recipes import Trains

HEADS = {"test_resnet": "fc", "test_convnext": "head.fc", "test_vit": "head", "small": "head"}


SIZE = 160  # input size of timm's test models


def network(architecture: str, classes: int, seed: int, given: Pretrained | None = None) -> nn.Module:
    return init_classifier(Design(architecture, classes, SIZE), seed, given).network


def saved(architecture: str, path: Path, classes: int = 7) -> Path:
    """A file of random weights for `classes` classes, with batch norm statistics."""
    model = network(architecture, classes, 123)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 2)
    save_file(model.state_dict(), path)
    return path


@pytest.mark.parametrize("architecture", HEADS)
@pytest.mark.parametrize("classes", [3, 7])
def test_body_comes_from_the_file_and_head_is_random(architecture: str, classes: int, tmp_path: Path) -> None:
    """The head is random even if the file has the same number of classes."""
    file = saved(architecture, tmp_path / "w.safetensors")
    given = load_file(file)
    model = network(architecture, classes, 5, Pretrained(file))
    fresh = network(architecture, classes, 5).state_dict()
    head = HEADS[architecture]
    result = model.state_dict()
    for name, value in result.items():
        assert torch.equal(value, (fresh if name.rpartition(".")[0] == head else given)[name])
    assert result[f"{head}.weight"].shape[0] == classes
    assert not torch.equal(result[f"{head}.weight"], given[f"{head}.weight"][:classes])


def a_step(model: nn.Module, trains: Trains) -> set[str]:
    """Make one training step, and return the names of the changed parameters and of those with a gradient."""
    before = {name: value.clone() for name, value in model.state_dict().items()}
    learning = trainable(model, trains)
    logits = training_mode(model, trains)(torch.randn(4, 3, 160, 160))
    nn.functional.cross_entropy(logits, torch.arange(4) % 3).backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD(learning, lr=0.1).step()
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    return changed | {name for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("architecture", HEADS)
def test_a_linear_probe_changes_the_head_alone(architecture: str, tmp_path: Path) -> None:
    model = network(architecture, 3, 0, Pretrained(saved(architecture, tmp_path / "w.safetensors")))
    head = HEADS[architecture]
    assert a_step(model, "head") == {f"{head}.weight", f"{head}.bias"}
    # Layers that a linear probe froze can be fine-tuned later, including batch norm statistics.
    statistics = {name for name in model.state_dict() if "running" in name}
    assert a_step(model, "all") >= statistics | dict(model.named_parameters()).keys()


def test_a_linear_probe_reads_fixed_features() -> None:
    """The body has no dropout; the head stays in training mode."""
    torch.manual_seed(0)
    model = timm.create_model("test_vit", num_classes=3, proj_drop_rate=0.5, drop_path_rate=0.5)
    images = torch.randn(2, 3, 160, 160)
    training_mode(model, "head")
    assert torch.equal(model(images), model(images))
    assert model.head.training
    training_mode(model, "all")
    assert not torch.equal(model(images), model(images))


def test_heads_of_every_kind() -> None:
    bagnet = BagNet(9, 2)
    assert head_layers(bagnet) == (bagnet.head,)
    distilled = timm.create_model("deit_tiny_distilled_patch16_224", num_classes=3)
    assert len(head_layers(distilled)) == 2
    assert len(trainable(distilled, "head")) == 4


def test_a_bagnet_starts_from_a_file(tmp_path: Path) -> None:
    save_file(BagNet(9, 7).state_dict(), tmp_path / "w.safetensors")
    model = network("bagnet9", 3, 0, Pretrained(tmp_path / "w.safetensors"))
    assert torch.equal(model.state_dict()["stem.0.weight"], load_file(tmp_path / "w.safetensors")["stem.0.weight"])


def test_invalid_weight_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    start = Pretrained(path)
    with pytest.raises(DataError, match=r"cannot read the weights .*w.safetensors: No such file"):
        network("small", 3, 0, start)
    with pytest.raises(DataError, match="No such file"):
        start.identity("small")
    path.write_bytes(b"PK not safetensors")
    with pytest.raises(DataError, match=r"not a complete safetensors file .*save_file"):
        network("small", 3, 0, start)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = saved("small", tmp_path / "w.safetensors")
    start = Pretrained(path)
    with pytest.raises(DataError, match=r"do not fit test_resnet: shape of 'b.*; choose the architecture"):
        network("test_resnet", 3, 0, start)
    whole = load_file(path)
    lacking = {name: value for name, value in whole.items() if name != "body.1.running_var"}
    save_file(lacking, path)
    with pytest.raises(DataError, match=r"shape of 'body.1.running_var': none, expected: \(24,\)"):
        network("small", 3, 0, start)
    save_file(whole | {"extra": torch.zeros(2)}, path)
    with pytest.raises(DataError, match=r"shape of 'extra': \(2,\), expected: none"):
        network("small", 3, 0, start)
    save_file(whole | {"body.1.bias": torch.zeros(5)}, path)
    with pytest.raises(DataError, match=r"'body.1.bias': \(5,\), expected: \(24,\)"):
        network("small", 3, 0, start)
    # A file without a head is accepted.
    save_file({name: value for name, value in whole.items() if not name.startswith("head")}, path)
    network("small", 3, 0, start)


def test_unreachable_pretrained_weights_give_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    expected = (
        "cannot load the pretrained weights test_resnet.r160_in1k: they are not on this machine "
        "and cannot be downloaded; "
        "with a network connection, run `python -c \"import timm; timm.create_model('test_resnet.r160_in1k', "
        'pretrained=True)"` once, or give a file of weights'
    )
    for architecture in ("test_resnet", "test_resnet.r160_in1k"):
        with pytest.raises(DataError) as error:
            network(architecture, 3, 0, Pretrained())
        assert str(error.value) == expected
    assert logging.getLogger("huggingface_hub").level != logging.ERROR


def test_pretrained_weights_are_timms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """timm's loading code, but with a local file."""
    given = load_file(saved("test_resnet", tmp_path / "model.safetensors", classes=1000))
    create = timm.create_model

    def from_here(name: str, pretrained: bool = False, **others: object) -> nn.Module:
        source = {"file": str(tmp_path / "model.safetensors")} if pretrained else None
        assert not pretrained or name == "test_resnet.r160_in1k"
        model: nn.Module = create(name, pretrained=pretrained, pretrained_cfg_overlay=source, **others)
        return model

    monkeypatch.setattr(timm, "create_model", from_here)
    classifier = init_classifier(Design("test_resnet", 1000, SIZE), 0, Pretrained())
    assert (classifier.design.mean, classifier.design.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    result = classifier.network.state_dict()
    assert all(torch.equal(value, given[name]) for name, value in result.items() if not name.startswith("fc"))
    assert not torch.equal(result["fc.weight"], given["fc.weight"])


def test_missing_pretrained_weights_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        network("resnet500", 3, 0, Pretrained())
    for architecture in ("small", "coatnet_0_224"):
        with pytest.raises(DataError, match=f"no pretrained weights for '{architecture}'; train from scratch"):
            network(architecture, 3, 0, Pretrained())
    with pytest.raises(UnknownNameError, match=r"no weights 'resnet50.a1_in2k'; did you mean 'resnet50.a1_in1k'"):
        network("resnet50.a1_in2k", 3, 0, Pretrained())


def test_identity_depends_on_content_not_on_paths(tmp_path: Path) -> None:
    one, two = saved("small", tmp_path / "one.safetensors"), tmp_path / "two.safetensors"
    two.write_bytes(one.read_bytes())
    identity = Pretrained(one).identity("small")
    assert identity == Pretrained(two).identity("small")
    assert identity.keys() == {"sha256"}
    assert identity != Pretrained(saved("small", two, classes=8)).identity("small")
    assert Pretrained().identity("resnet50") == {"id": "resnet50.a1_in1k"}
    assert Pretrained().identity("resnet50.a3_in1k") == {"id": "resnet50.a3_in1k"}
