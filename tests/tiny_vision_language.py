"""A tiny vision-language model with random weights, in a folder with the layout of the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessor,
    CLIPVisionConfig,
    GenerationConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<image>", "user", "assistant")
TEMPLATE = (
    "{% for message in messages %}{{ message.role }} {% for part in message.content %}"
    "{% if part.type == 'image' %}<image> {% else %}{{ part.text }} {% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}assistant{% endif %}"
)


def save_llava(folder: Path, words: Sequence[str]) -> Path:
    """Save a LLaVA that knows these words, 16 px, whose generation config enables sampling."""
    vocabulary = [*SPECIAL, *words]
    tokens = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokens.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokens, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        tokenizer=tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=CLIPVisionConfig(**sizes, num_hidden_layers=2, image_size=16, patch_size=8),
            text_config=LlamaConfig(
                **sizes,
                num_hidden_layers=1,
                vocab_size=len(vocabulary),
                initializer_range=1.0,  # wide, so that the picture changes the words
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
            ),
            image_token_index=vocabulary.index("<image>"),
            image_seq_length=4,
        )
    )
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=9.0, top_k=40, eos_token_id=2, pad_token_id=0
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
