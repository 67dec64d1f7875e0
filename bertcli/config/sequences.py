"""How sequences are cut and which objectives they serve: shared by static data, audits and pretraining."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bertcli.core.component_folder import Folder
from bertcli.core.settings import ChoiceOf, ComponentChoice, Flag, Settings, Share

OBJECTIVES = Folder("bertcli.objectives", "objective")


class Sequences(Settings):
    """Length, way of cutting, and objectives."""

    objectives: Annotated[ComponentChoice, ChoiceOf(OBJECTIVES)] = ComponentChoice()
    """What is learned; a mapping from names to settings."""
    seq_length: Annotated[int | None, Field(ge=8), Flag("--seq-length")] = None
    """Pieces in a sequence, [CLS] and [SEP] included (128 where the data do not say)."""
    sequences: Annotated[
        Literal["segment-pairs", "sentence-pairs", "full-sentences", "document-sentences"] | None, Flag("--sequences")
    ] = None
    """How documents are cut (default: segment-pairs where an objective needs pairs, else full-sentences)."""
    short_sequence_probability: Annotated[Share | None, Flag("--short-sequence-probability")] = None
    """Share of segment pairs that are made shorter than the length (0.1 where the data do not say; Devlin et al.
    2019)."""
