"""A model's vocabulary grown: rows for new pieces, each the mean of the rows of the pieces that its text had before.

By the mean of weights and biases alike, a new piece's logit is everywhere the mean of its old pieces' logits, never
more than the largest, and the logits of old pieces stay what they were. A random row would be noise beside trained
ones, and a bias of its own, such as 0, would belong to no frequency that was ever seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from bertcli.contracts.architecture import LoadedModel
from bertcli.errors import ModelError


def grow_vocabulary(
    architecture: Any,
    loaded: LoadedModel,
    *,
    size: int,
    old_size: int,
    sources: Mapping[int, Sequence[int]],
    where: str,
) -> None:
    """Give a loaded model ``size`` pieces, ``old_size`` before; ``sources`` are the old ids behind each new id.

    Grows the word embeddings, the language model's decoder, which stays tied where it is, and its bias, each in place;
    the configuration follows. Raises ``ModelError`` where the model ``where`` has fewer rows than its vocabulary.
    """
    head = loaded.heads.get("language_model")
    model = architecture.assemble(loaded.encoder, {} if head is None else {"language_model": head})
    embeddings, decoder = model.get_input_embeddings(), model.get_output_embeddings()
    rows = embeddings.num_embeddings
    if rows < old_size:
        raise ModelError(
            f"the model has {rows:,} word embeddings, its vocabulary {old_size:,} pieces",
            path=where,
            hint="config.json, the weights and the vocabulary must come from the same model",
        )
    size = max(size, rows)  # published models may have more rows than pieces, for the sake of round numbers
    grown = {id(embeddings.weight): embeddings.weight}
    if decoder is not None:
        grown |= {id(parameter): parameter for parameter in decoder.parameters()}
    for parameter in grown.values():  # one that is tied stands here once, and every module that holds it sees it grow
        parameter.data = _grown(parameter.data, size, sources)
    embeddings.num_embeddings = size
    if decoder is not None:
        decoder.out_features = size
    loaded.encoder.config.vocab_size = size


def _grown(old: Tensor, size: int, sources: Mapping[int, Sequence[int]]) -> Tensor:
    """(old pieces, …) → (size, …), each new row the mean of its source rows."""
    grown = old.new_zeros(size, *old.shape[1:])
    grown[: len(old)] = old
    for number, ids in sources.items():
        grown[number] = old[list(ids)].mean(dim=0)
    return grown
