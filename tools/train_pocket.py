"""Train the pocket family: four tiny text-to-image models, from the training crops of the task `photos` only.

    python tools/train_pocket.py [--out src/prettyuseful/generators/pocket_parts] [--threads 1]

This takes about 40 minutes on one core. A stage is skipped if its part is already in --out; remove a part, and the
parts that depend on it, to train it again. All stages are seeded:

- tokenizer: byte-pair merges trained on the prompts;
- VAE: 32 x 32 pixels to 8 x 8 x 4 latents;
- base: CLIP text encoder and UNet trained together on class names and captions, with 10% empty prompts;
- `curated` and `random`: the base UNet fine-tuned for the same number of steps on the crops with the highest score
  `prettiness` of their class, and on equally many random crops.

`turbo` is the base in four steps and has no separate weights.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, DDPMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from prettyuseful.aesthetics import SCORES
from prettyuseful.aesthetics.composite import sum_of_z_scores
from prettyuseful.data.images import decode
from prettyuseful.engine.keys import derive_seed
from prettyuseful.prompts.captioners.describer import describe
from prettyuseful.tasks.photos import PhotosTask

CROPS_PER_CLASS, SLICE_PER_CLASS = 300, 30
VAE_STEPS, BASE_STEPS, FINE_TUNE_STEPS = 2500, 5000, 800
MAX_TOKENS = 32
SCHEDULE = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def preferred_slice(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the indices of the crops with the highest prettiness within their class."""
    parts = [[SCORES[name].of(image) for name in SCORES["prettiness"].parts] for image in pixels]
    prettiness, chosen = sum_of_z_scores(np.array(parts), labels), []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        chosen.append(rows[np.argsort(-prettiness[rows], kind="stable")[:SLICE_PER_CLASS]])
    return np.concatenate(chosen)


def random_slice(labels: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(derive_seed("pocket", "random-slice"))
    picks = [rng.choice(np.flatnonzero(labels == label), SLICE_PER_CLASS, replace=False) for label in np.unique(labels)]
    return np.concatenate(picks)


def make_tokenizer(texts: list[str], folder: Path) -> CLIPTokenizer:
    """Train a CLIP tokenizer on `texts`. Its vocabulary covers every byte."""
    suffix, special = "</w>", ["<|startoftext|>", "<|endoftext|>"]
    bpe = Tokenizer(models.BPE(end_of_word_suffix=suffix))
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    bpe.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=400, end_of_word_suffix=suffix, show_progress=False))
    merges = [
        " ".join(pair) if isinstance(pair, list) else pair for pair in json.loads(bpe.to_str())["model"]["merges"]
    ]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = letters + [letter + suffix for letter in letters] + [merge.replace(" ", "") for merge in merges] + special
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(dict.fromkeys(tokens))}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    tokenizer = CLIPTokenizer(
        vocab=str(folder / "vocab.json"), merges=str(folder / "merges.txt"), model_max_length=MAX_TOKENS
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def encode_text(tokenizer: CLIPTokenizer, texts: list[str]) -> torch.Tensor:
    encoded = tokenizer(texts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt")
    return torch.as_tensor(encoded.input_ids)


def cosine_lr(step: int, steps: int, peak: float) -> float:
    return float(peak * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / steps))))


def train_vae(images: torch.Tensor) -> AutoencoderKL:
    torch.manual_seed(derive_seed("pocket", "vae"))
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(24, 32, 48),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=32,
        mid_block_add_attention=False,
    )
    print(f"VAE: {sum(p.numel() for p in vae.parameters()) / 1e6:.2f} M parameters")
    optimiser = torch.optim.AdamW(vae.parameters(), lr=1e-3, weight_decay=1e-4)
    generator = torch.Generator().manual_seed(derive_seed("pocket", "vae", "draws"))
    for step in range(VAE_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = cosine_lr(step, VAE_STEPS, 2e-3)
        real = images[torch.randint(len(images), (64,), generator=generator)]
        posterior = vae.encode(real).latent_dist
        decoded = vae.decode(posterior.sample(generator)).sample
        error = decoded - real
        edges = error.diff(dim=2).abs().mean() + error.diff(dim=3).abs().mean()
        loss = error.abs().mean() + 0.5 * edges + 1e-5 * posterior.kl().mean() / 256
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        report("vae", step, VAE_STEPS, loss)
    vae.eval().requires_grad_(False)
    with torch.no_grad():
        latents = vae.encode(images).latent_dist.mean
    vae.register_to_config(scaling_factor=round(1.0 / latents.std().item(), 4))
    return vae


class Trainer:
    """Trainer of a denoising UNet (and, for the base, its text encoder) with an exponential moving average."""

    def __init__(self, vae: AutoencoderKL, images: torch.Tensor, tokens: list[torch.Tensor], empty: torch.Tensor):
        with torch.no_grad():
            posterior = vae.encode(images).latent_dist
        self.mean, self.std, self.scale = posterior.mean, posterior.std, vae.config.scaling_factor
        self.tokens, self.empty = tokens, empty
        self.noising = DDPMScheduler(**SCHEDULE)

    def train(
        self, name: str, unet: Any, text: CLIPTextModel, learn_text: bool, rows: np.ndarray, steps: int, lr: float
    ) -> list[Any]:
        """Train and return the averaged UNet, and the averaged text encoder if `learn_text`."""
        torch.manual_seed(derive_seed("pocket", name))
        generator = torch.Generator().manual_seed(derive_seed("pocket", name, "draws"))
        modules = [unet, text] if learn_text else [unet]
        parameters = [p for module in modules for p in module.parameters()]
        averages = [copy.deepcopy(module).requires_grad_(False) for module in modules]
        text.requires_grad_(learn_text)
        optimiser = torch.optim.AdamW(parameters, lr=lr, weight_decay=1e-4, betas=(0.9, 0.99))
        pool = torch.from_numpy(rows)
        decay = 0.999 if steps > 2000 else 0.99
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = cosine_lr(step, steps, lr)
            pick = pool[torch.randint(len(pool), (64,), generator=generator)]
            noise = torch.randn((64, 4, 8, 8), generator=generator)
            latents = (self.mean[pick] + self.std[pick] * torch.randn(noise.shape, generator=generator)) * self.scale
            style = torch.rand(64, generator=generator)
            ids = torch.where((style < 0.5)[:, None], self.tokens[0][pick], self.tokens[1][pick])
            ids = torch.where((style > 0.9)[:, None], self.empty, ids)
            t = torch.randint(1000, (64,), generator=generator)
            predicted = unet(self.noising.add_noise(latents, noise, t), t, text(ids).last_hidden_state).sample
            loss = F.mse_loss(predicted, noise)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            rate = min(decay, (step + 1) / (step + 10))
            for average, module in zip(averages, modules, strict=True):
                for a, p in zip(average.parameters(), module.parameters(), strict=True):
                    a.lerp_(p.detach(), 1 - rate)
            report(name, step, steps, loss)
        return averages


def make_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=96,
            intermediate_size=192,
            projection_dim=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def make_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 96),
        layers_per_block=1,
        attention_head_dim=8,
        norm_num_groups=16,
        cross_attention_dim=96,
    )


_started = time.monotonic()


def report(name: str, step: int, steps: int, loss: torch.Tensor) -> None:
    if step % 250 == 249:
        print(f"{time.monotonic() - _started:6.0f} s  {name} {step + 1}/{steps}  loss {loss.item():.4f}", flush=True)


def save(module: Any, folder: Path) -> None:
    module.half().save_pretrained(folder, safe_serialization=True, variant="fp16")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config.pop("_name_or_path", None)  # a path on this machine
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def restore_text_model_prefix(path: Path) -> None:
    """Restore the prefix of Stable Diffusion checkpoints, which transformers 5 drops.

    Without it, transformers 4 silently loads random weights.
    """
    prefix = "text_model."
    state = {name if name.startswith(prefix) else prefix + name: value for name, value in load_file(path).items()}
    save_file(state, path, metadata={"format": "pt"})


def load_part(kind: Any, folder: Path) -> Any:
    """Load a saved part in single precision for training."""
    return kind.from_pretrained(folder, variant="fp16", dtype=torch.float32).requires_grad_(False)


def write_index(out: Path) -> None:
    """Write the StableDiffusionPipeline index that all four models share.

    `generators/pocket.py` defines the parts of each model.
    """
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.40.0",
        "feature_extractor": [None, None],
        "image_encoder": [None, None],
        "requires_safety_checker": False,
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (out / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")
    # Trailing, because training includes the last time step: with few steps, other spacings begin far below its noise.
    solver = DPMSolverMultistepScheduler(
        **SCHEDULE, algorithm_type="dpmsolver++", solver_order=2, timestep_spacing="trailing"
    )
    solver.save_pretrained(out / "scheduler")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("src/prettyuseful/generators/pocket_parts"))
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    out = arguments.out

    crops = list(PhotosTask().images("train", CROPS_PER_CLASS))
    pixels = np.stack([np.asarray(decode(crop.data, crop.path)) for crop in crops])
    labels = np.array([crop.label for crop in crops])
    names = [PhotosTask.classes[label] for label in labels]
    captions = [
        f"{name}, {describe(image, crop.place)}" for name, image, crop in zip(names, pixels, crops, strict=True)
    ]
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1

    tokenizer = make_tokenizer(names + captions, out / "tokenizer")
    tokens = [encode_text(tokenizer, names), encode_text(tokenizer, captions)]
    print("longest caption:", int((tokens[1] != tokenizer.pad_token_id).sum(1).max()) + 1, "tokens; e.g.", captions[0])

    # Every stage starts from the half-precision parts that are distributed, not from the unrounded weights.
    if not (out / "vae").exists():
        save(train_vae(images), out / "vae")
    trainer = Trainer(load_part(AutoencoderKL, out / "vae"), images, tokens, encode_text(tokenizer, [""]))
    if not (out / "unet-base").exists():
        torch.manual_seed(derive_seed("pocket", "initial weights"))
        unet, text = make_unet(), make_text_encoder(tokenizer)
        print(f"UNet: {sum(p.numel() for p in unet.parameters()) / 1e6:.2f} M parameters")
        unet, text = trainer.train("base", unet, text, True, np.arange(len(labels)), BASE_STEPS, 1e-3)
        save(text, out / "text_encoder")
        restore_text_model_prefix(out / "text_encoder" / "model.fp16.safetensors")
        save(unet, out / "unet-base")
    write_index(out)
    text = load_part(CLIPTextModel, out / "text_encoder")
    for name, rows in {"curated": preferred_slice(pixels, labels), "random": random_slice(labels)}.items():
        if not (out / f"unet-{name}").exists():
            unet = load_part(UNet2DConditionModel, out / "unet-base").requires_grad_(True)
            (unet,) = trainer.train(name, unet, text, False, rows, FINE_TUNE_STEPS, 3e-4)
            save(unet, out / f"unet-{name}")
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"wrote {out}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
