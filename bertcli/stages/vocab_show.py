"""Shows a vocabulary: its size, its rules, its pieces by kind, length and script, and a sample of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bertcli.config.vocab_show import VocabShow
from bertcli.core.messages import notice
from bertcli.errors import VocabularyError
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.vocabulary_facts import VocabularyFacts, describe_vocabulary, sample_pieces


@dataclass(frozen=True)
class ShownVocabulary:
    """A vocabulary and what it consists of; ``sample`` is pieces by id."""

    name: str
    size: int
    algorithm: str
    lowercase: bool
    strip_accents: bool
    tokenize_chinese_chars: bool
    text_rules: str
    fingerprint: str
    facts: VocabularyFacts
    sample: dict[int, str]

    def dump(self) -> dict[str, Any]:
        """As JSON values, in one level."""
        values = asdict(self)
        facts: dict[str, Any] = values.pop("facts")
        sample = values.pop("sample")
        return {**values, **facts, "sample": sample}


def show_vocabulary(config: VocabShow) -> ShownVocabulary:
    """Open a vocabulary and count its pieces. Raises ``VocabularyError`` where it cannot be used.

    A vocabulary that contradicts its casing is shown all the same, with a notice.
    """
    tokenizer = load_tokenizer(config.vocabulary)
    try:
        tokenizer.check_casing()
    except VocabularyError as error:
        notice(f"{error} ({error.hint})")
    return ShownVocabulary(
        name=config.vocabulary,
        size=tokenizer.vocabulary.size,
        algorithm=tokenizer.algorithm,
        lowercase=tokenizer.vocabulary.lowercase,
        strip_accents=tokenizer.strips_accents,
        tokenize_chinese_chars=bool(tokenizer.casing["tokenize_chinese_chars"]),
        text_rules=tokenizer.text_rules,
        fingerprint=tokenizer.vocabulary.fingerprint,
        facts=describe_vocabulary(tokenizer),
        sample=sample_pieces(tokenizer, config.limit, seed=config.seed),
    )
