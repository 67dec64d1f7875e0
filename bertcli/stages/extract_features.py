"""Extracts features: texts through a frozen encoder into a file of vectors, in constant memory and in input order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from bertcli import __version__
from bertcli.config.extract_features import ExtractFeatures
from bertcli.contracts.batch import Batch
from bertcli.contracts.task import Features
from bertcli.core import messages
from bertcli.data.bucketing import BucketedBatches
from bertcli.data.feature_files import FeatureWriter, Vectors, check_output_file, new_feature_file
from bertcli.data.features import encode_sequences
from bertcli.data.texts import read_texts
from bertcli.errors import ConfigError, InputFileError, ModelError, VocabularyError
from bertcli.models.checkpoint import model_directory, open_model, pooler_is_trained
from bertcli.models.hidden_states import check_layers, choose_layers, dimensions, pool
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.training.devices import choose_device, choose_precision, set_threads

WINDOW = 64
"""Batches whose texts are sorted by length together; a sixteenth of it where every piece keeps its vector."""


@dataclass(frozen=True)
class FeatureReport:
    """What was extracted, and from how much text."""

    output: str
    texts: int
    vectors: int
    dimensions: int
    tokens: int
    truncated: int
    max_length: int
    layers: str
    pooling: str
    model: str
    device: str
    precision: str
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def extract_features(config: ExtractFeatures) -> FeatureReport:
    """Write the vectors of all texts. Raises ``UserError`` for whatever does not fit, before any work where it can."""
    check_output_file(config.output, overwrite=config.overwrite)
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    set_threads(config.threads)
    source = read_texts(config.input, text_column=config.text_column, errors=config.errors)
    extractor, tokenizer = _open(config, device, precision)

    started = time.monotonic()
    with new_feature_file(config.output) as file:
        counts = _write_vectors(file, islice(source, config.limit), extractor, tokenizer)
        if not counts["texts"]:
            raise InputFileError("there is no text in it", path=config.input, hint="expected one text a line")
        report = FeatureReport(
            output=str(config.output),
            **counts,
            dimensions=extractor.dimensions,
            max_length=extractor.max_length,
            layers=config.layers,
            pooling=config.pooling,
            model=config.model,
            device=device.type,
            precision=precision,
            elapsed_seconds=round(time.monotonic() - started, 3),
        )
        file.finish(_metadata(report, tokenizer))
    if report.truncated:
        messages.notice(
            f"{report.truncated:,} of {report.texts:,} texts were longer than {report.max_length} pieces and were cut"
        )
    return report


def _write_vectors(
    file: FeatureWriter, texts: Iterator[str], extractor: _Extractor, tokenizer: Tokenizer
) -> dict[str, int]:
    """Write the vectors of all texts, a window at a time, and count."""
    counts = dict.fromkeys(("texts", "vectors", "tokens", "truncated"), 0)
    with messages.progress("extracting", unit="texts") as bar:
        while window := list(islice(texts, extractor.window)):
            features = encode_sequences(window, None, tokenizer, max_length=extractor.max_length)
            vectors = extractor.vectors(features)
            file.append(vectors)
            counts["texts"] += len(window)
            counts["vectors"] += len(vectors.features)
            counts["tokens"] += len(features.input_ids)
            counts["truncated"] += features.truncated_examples()
            bar.update(counts["texts"])
    return counts


@dataclass(frozen=True)
class _Extractor:
    """A frozen encoder and what is taken from it."""

    encoder: Any
    config: ExtractFeatures
    device: Any
    precision: str
    max_length: int
    pad_id: int
    dimensions: int

    @property
    def window(self) -> int:
        """Texts that are sorted by length together."""
        return self.config.batch_size * (WINDOW // 16 if self.config.pooling == "none" else WINDOW)

    def vectors(self, features: Features) -> Vectors:
        """The vectors of encoded texts, in their order, though like lengths are computed together."""
        import torch

        lengths = np.diff(features.offsets)
        per_piece = self.config.pooling == "none"
        rows = len(features.input_ids) if per_piece else len(lengths)
        result = np.empty((rows, self.dimensions), dtype=np.float32)
        batches = BucketedBatches(features, self.pad_id, lambda _: 0).evaluation(batch_size=self.config.batch_size)
        with torch.inference_mode(), self._autocast():
            for items, batch in batches:
                hidden = self._encode(batch.to(self.device)).cpu().numpy()
                if not per_piece:
                    result[items] = hidden
                    continue
                for item, vectors in zip(items.tolist(), hidden, strict=True):
                    begin, end = features.offsets[item : item + 2]
                    result[begin:end] = vectors[: end - begin]
        if per_piece:
            return Vectors(result, features.input_ids, lengths)
        return Vectors(result)

    def _encode(self, batch: Batch) -> Any:
        """(batch, dimensions), or (batch, seq, dimensions) where every piece keeps its vector."""
        if self.config.pooling == "pooler":
            return self.encoder(batch).pooled.float()
        if self.config.layers == "last":
            hidden = self.encoder(batch).streams["last"].float()
        else:
            hidden = choose_layers(self.encoder(batch, layers=True).layers, self.config.layers)
        if self.config.pooling == "none":
            return hidden
        return pool(hidden, batch.get("attention_mask"), self.config.pooling)

    def _autocast(self) -> contextlib.AbstractContextManager[Any]:
        import torch

        if self.precision == "fp32":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


def _open(config: ExtractFeatures, device: Any, precision: str) -> tuple[_Extractor, Tokenizer]:
    pooled = config.pooling == "pooler"
    directory = model_directory(config.model)
    if pooled:
        _refuse_untrained_pooler(directory)
    _, loaded = open_model(config.model, pooled=pooled)
    tokenizer = load_tokenizer(config.model)
    encoder = loaded.encoder.eval().requires_grad_(False).to(device)
    known = encoder.config
    if tokenizer.vocabulary.size > known.vocab_size:
        raise VocabularyError(
            f"the vocabulary has {tokenizer.vocabulary.size:,} pieces, the model only {known.vocab_size:,}",
            path=directory,
            hint="vocabulary and model are not of the same make; take both from the same place",
        )
    check_layers(config.layers, known.num_hidden_layers)
    longest = known.max_position_embeddings
    if config.max_length is not None and config.max_length > longest:
        raise ConfigError(
            f"--max-length {config.max_length}: the model takes {longest} pieces at most",
            hint=f"--max-length {longest}, or leave it out",
        )
    extractor = _Extractor(
        encoder=encoder,
        config=config,
        device=device,
        precision=precision,
        max_length=config.max_length or longest,
        pad_id=tokenizer.vocabulary.pad_id,
        dimensions=dimensions(config.layers, known.hidden_size),
    )
    return extractor, tokenizer


def _refuse_untrained_pooler(directory: Path) -> None:
    trained = pooler_is_trained(directory)
    if trained is False:
        raise ModelError(
            "its pooler was never trained: the pooled vectors would be random",
            path=directory,
            hint="--pooling cls takes the hidden state of [CLS], --pooling mean that of all pieces",
        )
    if trained is None:
        messages.notice("whether this model's pooler was trained is not known")


def _metadata(report: FeatureReport, tokenizer: Tokenizer) -> dict[str, Any]:
    """What the file says of its vectors; nothing that changes from run to run."""
    varying = ("output", "elapsed_seconds")
    facts = {name: value for name, value in report.dump().items() if name not in varying}
    return {"bertcli": __version__, **facts, "vocabulary": tokenizer.vocabulary.fingerprint}
