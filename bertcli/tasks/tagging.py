"""Tagging: one tag for every word, of named entities (NER) or as parts of speech (POS).

*Source*: Devlin et al. 2019, section 5.3; scores as ``conlleval`` (Tjong Kim Sang and De Meulder 2003).

*Reads*: CoNLL columns, CoNLL-U, and tables whose cells are lists of words and of tags.

*Loss*: cross-entropy of a linear layer on the last hidden state of each word's first piece.

*Differs*: sentences that are too long are not cut but go on in further sequences, so that every word is tagged; tags in
``iob1`` are learned in ``iob2``, and predicted tags are written in the files' own scheme.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.loss import Loss, cross_entropy
from bertcli.contracts.task import (
    LOSS_NAME,
    Encoding,
    Examples,
    Fault,
    Features,
    Limits,
    Prediction,
    Reads,
    Table,
)
from bertcli.core.listing import listed
from bertcli.core.messages import notice
from bertcli.core.settings import Settings, ShareBelowOne
from bertcli.data import column_files, tables
from bertcli.data.word_features import WORD_POSITIONS, encode_words, labels_of_pieces
from bertcli.errors import ConfigError, InputFileError
from bertcli.tasks import _tag_paths, _tag_schemes
from bertcli.tasks._entity_scores import tally_entities, tally_tags
from bertcli.tasks._labels import SHOWN
from bertcli.tasks._tag_schemes import EntityScheme
from bertcli.tasks._word_tables import select_words

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch, Columns
    from bertcli.contracts.tally import Tally

__all__ = ["Tagging"]

_TABLES = (".jsonl", ".parquet")


def _names(value: Any) -> Any:
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(str(one) if isinstance(one, int) else one for one in values)


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class TaggingSettings(Settings):
    """Columns, tags and how they are scored."""

    text_column: Names = ()
    """Column of the words: a name, or in column files a number, from the front (1) or from the end (-1); by itself
    tokens or words, in column files the first, in CoNLL-U FORM. Of several the first that is there is taken."""
    label_column: Names = ()
    """Column of the tags; by itself tags, ner_tags or labels, in column files the last, in CoNLL-U UPOS."""
    id_column: Names = ("id", "idx")
    """Column by which predictions name their sentence; where there is none, the number of the sentence, from 0."""
    labels: Annotated[tuple[str, ...] | None, Field(min_length=2)] = None
    """Tags in the order of their ids, for tables that hold numbers; none: those of the training split."""
    scheme: Literal["auto", "none", "io", "iob1", "iob2", "bilou", "iobes", "bmes"] = "auto"
    """How tags spell entities; none: every tag is by itself, as parts of speech."""
    train_scheme: EntityScheme | None = None
    """The scheme that the model learns; by itself that of the files, and iob2 for iob1."""
    mode: Literal["conlleval", "strict"] = "conlleval"
    """Which entities count: any that conlleval reads, or those alone that the scheme spells in full."""
    per_type: bool = True
    """Also score every type of entity by itself."""
    label_smoothing: ShareBelowOne = 0.0
    """Share of every target that is spread over all tags."""
    constrained: bool = False
    """Predict the likeliest tags that the scheme allows, rather than the likeliest of each word."""

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        repeated = next((label for label in self.labels or () if (self.labels or ()).count(label) > 1), None)
        if repeated is not None:
            raise ValueError(f"two labels are named {repeated!r}")
        return self

    @model_validator(mode="after")
    def _entities_have_a_scheme(self) -> Self:
        if self.scheme == "none" and (self.train_scheme or self.constrained or self.mode == "strict"):
            raise ValueError("train_scheme, constrained and mode: strict need entities, and scheme is none")
        return self


@dataclass(frozen=True)
class TaggedSentence(Prediction):
    """The tags of a sentence. ``words`` are written to the official file alone."""

    words: Sequence[str] = ()


@dataclass(frozen=True)
class Tagging:
    """A tag for every word. ``labels`` are the model's tags, in the order of their ids.

    ``scheme`` is that of the files and of predictions, ``learned`` that of ``labels``; both are None for tags without
    entities. ``types`` are those of the entities.
    """

    settings: TaggingSettings
    labels: tuple[str, ...] | None = None
    scheme: EntityScheme | None = None
    learned: EntityScheme | None = None
    types: tuple[str, ...] = ()

    Settings: ClassVar[type[Settings]] = TaggingSettings
    head: ClassVar[str] = "token_classification"
    reads: ClassVar[Reads] = "pieces"
    suffixes: ClassVar[tuple[str, ...]] = (*column_files.SUFFIXES, *_TABLES)
    official_ending: ClassVar[str | None] = ".conll"

    @property
    def metrics(self) -> tuple[str, ...]:
        """``f1``, ``precision``, ``recall`` and ``accuracy``, then those of each type; without entities, of tags."""
        return tuple(self._tally([], []).metrics)

    @property
    def primary(self) -> str:
        """The first of the metrics."""
        return self.metrics[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The model's tags, in the order of their ids."""
        assert self.labels is not None, "the task is fitted before it is used"
        return self.labels

    @property
    def outputs(self) -> int:
        """One logit per tag."""
        return len(self.names)

    def read(self, path: Path) -> Table:
        """The sentences of a file: a table where its name says so, else columns."""
        if tables.file_format(path, (*_TABLES, ".csv")) == ".csv":
            raise InputFileError(
                "a CSV file has no sentences of tagged words",
                path=path,
                hint=f"known: {', '.join(self.suffixes)}, also compressed",
            )
        if tables.file_format(path, _TABLES):
            return tables.read_table(path)[0]
        return column_files.read_columns(path, words=self.settings.text_column, tags=self.settings.label_column)

    def select(self, tables: Sequence[Table], split: str, *, labelled: bool) -> Examples:
        """The words of every sentence, and their tags as the files write them."""
        settings = self.settings
        examples, empty = select_words(
            tables,
            split,
            labelled=labelled,
            text_column=settings.text_column,
            label_column=settings.label_column,
            id_column=settings.id_column,
            labels=settings.labels or (),
        )
        if empty:
            notice(f"{split}: {empty:,} sentences without words are passed over")
        return examples

    def fit(self, train: Examples) -> Self:
        """The scheme and the tags of the settings, else those of the training split; of its types every tag there is.

        Raises ``InputFileError`` where all words have one tag, ``ConfigError`` where settings need entities.
        """
        sentences = train.columns["label"]
        found = sorted(set(chain.from_iterable(sentences)))
        if len(found) < 2:
            raise InputFileError(
                f"every word of the training split has the tag {found[0]!r}",
                path=train.paths[0],
                hint="a tagger needs two tags at least; is this the right --label-column?",
            )
        labels = self.settings.labels or tuple(found)
        scheme = self._scheme_of(sentences)
        if scheme is None:
            return replace(self, labels=labels)
        read = [tag for tag in map(_tag_schemes.read_tag, labels) if tag is not None]
        types = tuple(sorted({tag.type for tag in read if tag.letter != _tag_schemes.OUTSIDE}))
        learned = self.settings.train_scheme or ("iob2" if scheme == "iob1" else scheme)
        every = tuple(_tag_schemes.tags_of_types(types, learned))
        keeps_order = self.settings.labels is not None and (learned == scheme or set(labels) == set(every))
        return replace(self, labels=labels if keeps_order else every, scheme=scheme, learned=learned, types=types)

    def _scheme_of(self, sentences: Sequence[Sequence[str]]) -> EntityScheme | None:
        settings = self.settings
        if settings.scheme == "none":
            return None
        scheme = _tag_schemes.detect(sentences) if settings.scheme == "auto" else settings.scheme
        if scheme is None and (settings.train_scheme or settings.constrained or settings.mode == "strict"):
            raise ConfigError(
                "train_scheme, constrained and mode: strict need entities, and the tags are of no scheme",
                hint="is this the right --label-column? schemes begin tags with B-, I-, …",
            )
        return scheme

    def settled(self) -> dict[str, Any]:
        """The files' scheme and the types of entities; without entities the tags."""
        if self.scheme is None:
            return {"labels": list(self.names)}
        return {"scheme": self.scheme, "types": list(self.types)}

    def as_settled(self, values: Mapping[str, Any]) -> Self:
        """With these values."""
        read: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in values.items()}
        return replace(self, **read)

    def weighed(self, train: Examples) -> Self:
        """No label has a weight."""
        return self

    def keys(self, examples: Examples) -> list[str]:
        """The words."""
        return [" ".join(words) for words in examples.columns["tokens"]]

    def faults(self, examples: Examples) -> Iterator[Fault]:
        """Tags that are not known, and a warning for those that the scheme does not allow where they stand."""
        known = self._known()
        rows = enumerate(zip(examples.columns.get("label", ()), examples.columns["token_lines"], strict=False))
        for row, (tags, lines) in rows:
            for tag, line in zip(tags, lines, strict=True):
                if tag not in known:
                    hint = f"known tags: {listed(sorted(known), most=SHOWN)}"
                    yield Fault("error", self._unknown(tag), examples.paths[row], line, hint=hint)
            for at, why in _tag_schemes.faults(tags, self.scheme) if self.scheme else ():
                hint = "the scheme is set by --set task_settings.scheme=NAME"
                yield Fault("warning", why, examples.paths[row], lines[at], hint=hint)

    def _known(self) -> set[str]:
        """The tags in the files' spelling that the model's ids can express."""
        if self.scheme is None or self.learned == self.scheme:
            return set(self.names)
        of_settings = (tag for tag in self.settings.labels or () if _tag_schemes.read_tag(tag) is not None)
        return {*of_settings, *_tag_schemes.tags_of_types(self.types, self.scheme)}

    def _unknown(self, tag: str) -> str:
        if self.scheme and (_tag_schemes.read_tag(tag) is None or not _tag_schemes.is_written_in(tag, self.scheme)):
            return f"the tag {tag!r} is none of the scheme {self.scheme}"
        if self.settings.labels:
            return f"the tag {tag!r} is not one of the task's"
        return f"the training split has no tag {tag!r}"

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """``labels`` (tokens,) are tag ids on each word's first piece, ``IGNORED`` elsewhere."""
        features = encode_words(examples.columns["tokens"], tokenizer, max_length=limits.max_length)
        if "label" not in examples.columns:
            return features
        ids = {tag: number for number, tag in enumerate(self.names)}
        learned = chain.from_iterable(map(self._as_learned, examples.columns["label"]))
        labels = np.fromiter((ids[tag] for tag in learned), np.int64)
        return replace(features, token_columns={"labels": labels_of_pieces(features, labels)})

    def _as_learned(self, tags: Sequence[str]) -> Sequence[str]:
        return _respelled(tags, self.scheme, self.learned)

    def model_facts(self) -> dict[str, Any]:
        """The names of the tags."""
        return {
            "id2label": dict(enumerate(self.names)),
            "label2id": {name: number for number, name in enumerate(self.names)},
        }

    def count(self, columns: Columns) -> int:
        """Words that have a tag."""
        return int((columns["labels"] != IGNORED).sum()) if "labels" in columns else 0

    def logits(self, outputs: torch.Tensor, batch: Batch) -> torch.Tensor:
        """As they are: (sequences, seq, outputs)."""
        return outputs

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """Cross-entropy on the words' first pieces, summed."""
        labels = batch["labels"].flatten()
        found = cross_entropy(logits.flatten(0, 1), labels, label_smoothing=self.settings.label_smoothing)
        return replace(found, count=batch.counts[LOSS_NAME])  # counted before, not on the device

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """The tags of every word, in the files' scheme."""
        sentences = examples.columns["tokens"]
        gold = examples.columns.get("label")
        bounds = pairwise(np.cumsum([0, *map(len, sentences)]).tolist())
        found = self._choices(features, outputs, list(bounds))
        return [
            TaggedSentence(
                id=examples.ids[row],
                gold=list(gold[row]) if gold else None,
                pred=list(_respelled([self.names[number] for number in numbers], self.learned, self.scheme)),
                words=sentences[row],
            )
            for row, numbers in enumerate(found)
        ]

    def _choices(
        self, features: Features, outputs: Sequence[NDArray[np.float32]], bounds: Sequence[tuple[int, int]]
    ) -> list[list[int]]:
        """The ids of each sentence's tags; its words are those between its bounds."""
        places = features.notes[WORD_POSITIONS]
        if not self.settings.constrained:
            choices = np.concatenate([output.argmax(axis=-1) for output in outputs])[places].tolist()
            return [choices[begin:end] for begin, end in bounds]
        assert self.learned is not None
        steps = _tag_paths.Steps.of(self.names, self.learned)
        logits = np.concatenate(outputs)[places]  # (words, tags)
        return [_tag_paths.likeliest(logits[begin:end], steps) for begin, end in bounds]

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """Every metric, over all entities or words of the split."""
        tally = self.tally(predictions)
        sums = tally.counts.sum(axis=0)
        return {name: float(of_sums(sums)) for name, of_sums in tally.metrics.items()}

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Per type of entity, or per tag: right, predicted, gold."""
        return self._tally([prediction.gold for prediction in predictions], [found.pred for found in predictions])

    def _tally(self, gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> Tally:
        if self.scheme is None:
            return tally_tags(gold, predicted, self.labels or ())
        strict = partial(_tag_schemes.strict_entities, scheme=self.scheme)
        read = strict if self.settings.mode == "strict" else _tag_schemes.entities
        return tally_entities(gold, predicted, self.types, read, per_type=self.settings.per_type)

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """One tag for every word, where the gold tags are several."""
        gold, predicted = (
            set(chain.from_iterable(tags)) for tags in ((p.gold for p in predictions), (p.pred for p in predictions))
        )
        if len(gold) < 2 or len(predicted) > 1:
            return None
        return f"every word is tagged {next(iter(predicted))!r}"

    def doubts(self, predictions: Sequence[Prediction]) -> list[str]:
        """Nothing."""
        return []

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """The lines that ``conlleval`` reads: word, gold tag and predicted tag, with a blank line behind a sentence."""
        for prediction in predictions:
            assert isinstance(prediction, TaggedSentence)
            words = ("_".join(word.split()) or "_" for word in prediction.words)  # white space would be a column
            tags = [prediction.pred] if prediction.gold is None else [prediction.gold, prediction.pred]
            yield from map(" ".join, zip(words, *tags, strict=True))
            yield ""


def _respelled(tags: Sequence[str], of: EntityScheme | None, to: EntityScheme | None) -> Sequence[str]:
    """The tags of the same entities in another scheme."""
    if to is None or of == to:
        return tags
    return _tag_schemes.spell(_tag_schemes.entities(tags), len(tags), to)
