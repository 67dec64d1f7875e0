"""Fresh weights for the top of an encoder, whose last layers are fitted to the pretraining task and not to this one."""

from __future__ import annotations

from typing import Any

import torch


@torch.no_grad()
def reinitialise(architecture: Any, encoder: Any, *, layers: int, pooled: bool) -> None:
    """Draw the top ``layers`` anew, and the pooler with them (Zhang et al. 2021, section 4).

    The weights are those that the architecture begins with, from torch's generator.
    """
    config = encoder.config
    fresh = dict(architecture.build(config, pooled=pooled).named_parameters())
    for name, parameter in encoder.named_parameters():
        if architecture.depth_of(name, config) > config.num_hidden_layers - layers:
            parameter.copy_(fresh[name])
