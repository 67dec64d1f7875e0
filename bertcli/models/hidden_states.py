"""Vectors out of hidden states: which layers make them, and how a text's are pooled into one.

The six choices of layers are those of Devlin et al. 2019, table 7. Its "weighted sum" is taken with equal weights: a
model trained on the vectors can scale a sum, but cannot take it apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bertcli.errors import ConfigError

if TYPE_CHECKING:
    import torch

_LAYERS_NEEDED = {"second-to-last": 2, "sum-last-four": 4, "concat-last-four": 4}


def check_layers(choice: str, layers: int) -> None:
    """Refuse a choice for which the encoder is too shallow."""
    needed = _LAYERS_NEEDED.get(choice, 1)
    if layers < needed:
        message = f"--layers {choice} needs {needed} layers, the model has {layers}"
        raise ConfigError(message, hint="--layers last always works")


def dimensions(choice: str, hidden_size: int) -> int:
    """The length of a vector made of these layers."""
    return 4 * hidden_size if choice == "concat-last-four" else hidden_size


def choose_layers(layers: tuple[torch.Tensor, ...], choice: str) -> torch.Tensor:
    """The embeddings and every layer's output, each (batch, seq, hidden) → (batch, seq, dimensions), in fp32."""
    import torch

    embeddings, *outputs = layers
    match choice:
        case "embeddings":
            return embeddings.float()
        case "last":
            return outputs[-1].float()
        case "second-to-last":
            return outputs[-2].float()
        case "sum-last-four":
            return torch.stack(outputs[-4:]).float().sum(dim=0)
        case "concat-last-four":
            return torch.cat(outputs[-4:], dim=-1).float()
        case "sum-all":
            return torch.stack(outputs).float().sum(dim=0)
    raise ValueError(f"no such choice of layers: {choice}")


def pool(hidden: torch.Tensor, attention_mask: torch.Tensor | None, pooling: str) -> torch.Tensor:
    """(batch, seq, dimensions) → (batch, dimensions): of ``[CLS]``, or mean or maximum over all pieces but padding."""
    if pooling == "cls":
        return hidden[:, 0]
    if attention_mask is None:
        return hidden.mean(dim=1) if pooling == "mean" else hidden.amax(dim=1)
    real = attention_mask.bool()[:, :, None]  # (batch, seq, 1)
    if pooling == "mean":
        return hidden.masked_fill(~real, 0.0).sum(dim=1) / real.sum(dim=1)
    return hidden.masked_fill(~real, float("-inf")).amax(dim=1)
