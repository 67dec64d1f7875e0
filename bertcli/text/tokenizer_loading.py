"""Tokenizers opened: from the files of a vocabulary or a model, or from the Hub."""

from __future__ import annotations

from pathlib import Path

import tokenizers

from bertcli.core.hub import local_directory
from bertcli.core.messages import notice
from bertcli.errors import ModelError, VocabularyError
from bertcli.text import vocabulary_files
from bertcli.text.casing import is_cased
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import wordpiece_tokenizer


def load_tokenizer(where: str) -> Tokenizer:
    """The tokenizer of a vocabulary or model directory, a ``vocab.txt``, or a Hub id.

    ``tokenizer.json`` is taken where there is one; otherwise BERT's tokenizer is made from ``vocab.txt``, with the
    casing that ``tokenizer_config.json`` says; where it says nothing, with the one that the pieces have. Raises
    ``VocabularyError``.
    """
    path = Path(where)
    if path.is_file():
        return _from_vocab_txt(path, path.parent)
    try:
        directory = local_directory(where, patterns=vocabulary_files.FILES, hint=vocabulary_files.HINT)
    except ModelError as error:
        raise VocabularyError(error.message, path=error.path, hint=error.hint) from error
    if (directory / vocabulary_files.TOKENIZER).is_file():
        return _from_tokenizer_json(directory)
    if (directory / vocabulary_files.VOCAB).is_file():
        return _from_vocab_txt(directory / vocabulary_files.VOCAB, directory)
    raise VocabularyError(
        f"no vocabulary here: neither {vocabulary_files.TOKENIZER} nor {vocabulary_files.VOCAB}",
        path=directory,
        hint="a model is read with its own: copy it from where the model came from"
        if (directory / "config.json").is_file()
        else vocabulary_files.HINT,
    )


def _from_vocab_txt(path: Path, directory: Path) -> Tokenizer:
    config = vocabulary_files.read_json(directory / vocabulary_files.CONFIG)
    pieces = vocabulary_files.read_vocab_txt(path)
    lowercase = config.get("do_lower_case")
    if lowercase is None:
        lowercase = not is_cased(pieces)
        if not lowercase:
            notice(f"{path} has pieces with capital letters, and nothing says that text is lower-cased: it is not")
    return wordpiece_tokenizer(
        pieces,
        lowercase=lowercase,
        normalization=vocabulary_files.normal_form(directory, config),
        tokenize_chinese_chars=config.get("tokenize_chinese_chars", True),
        strip_accents=config.get("strip_accents"),
        specials=vocabulary_files.special_names(directory, config),
        path=directory if path.name == vocabulary_files.VOCAB else path,
        config=config,
    )


def _from_tokenizer_json(directory: Path) -> Tokenizer:
    config = vocabulary_files.read_json(directory / vocabulary_files.CONFIG)
    path = directory / vocabulary_files.TOKENIZER
    try:
        backend = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise VocabularyError(f"not a tokenizer: {error}", path=path, hint=vocabulary_files.HINT) from error
    specials = vocabulary_files.special_names(directory, config, backend.get_vocab(with_added_tokens=True))
    tokenizer = Tokenizer(backend, specials=specials, path=directory, config=config)
    plain = directory / vocabulary_files.VOCAB
    if tokenizer.is_wordpiece and plain.is_file():
        listed = vocabulary_files.read_vocab_txt(plain)
        if listed != tokenizer.pieces(range(tokenizer.vocabulary.size))[: len(listed)]:
            notice(f"{plain} and {vocabulary_files.TOKENIZER} have different pieces: those of the latter are used")
    said, done = config.get("do_lower_case"), tokenizer.vocabulary.lowercase
    if said is not None and said != done and tokenizer.is_wordpiece:
        raise VocabularyError(
            f"{vocabulary_files.CONFIG} says do_lower_case {str(said).lower()}, "
            f"{vocabulary_files.TOKENIZER} does {'' if done else 'not '}lower-case",
            path=directory,
            hint=f"remove {vocabulary_files.TOKENIZER}, or correct {vocabulary_files.CONFIG}",
        )
    return tokenizer
