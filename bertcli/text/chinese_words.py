"""Words of Chinese: written apart in the corpus, found by jieba, or by a list; BERT cuts every ideograph alone."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from bertcli.core.component_folder import suggestion
from bertcli.errors import ConfigError, UserError, VocabularyError
from bertcli.text.ideographs import IDEOGRAPHS, are_side_by_side
from bertcli.text.sentences import split_sentences
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.word_list import ListedWords

WAYS = ("none", "spaces", "jieba")
"""How words are told; any other is the path of a list of words."""

# Also marks that English has: they count only in lines with an ideograph, and a full stop is not among them, after
# which a space says more than an ideograph does.
_CHINESE = rf"{IDEOGRAPHS}\"'!?‘’“”…‥—·\u3001-\u3003\u3008-\u3011\u3014-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff65"
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_GAP = re.compile(rf"(?<=[{_CHINESE}])[ \t\u3000]+(?=[{_CHINESE}])")


def split_spaced_sentences(text: str) -> list[str]:
    """The sentences of a text whose words of Chinese stand apart: those of the text without these spaces.

    Of 。 ” 他 the mark is the end of a sentence as of 。”他, not the beginning of the next.
    """
    joined = "".join(_GAP.sub("", line) if _IDEOGRAPH.search(line) else line for line in text.splitlines(keepends=True))
    if len(joined) == len(text):
        return split_sentences(text)
    sentences = []
    characters = re.finditer(r"\S", text)
    for sentence in split_sentences(joined):
        places = [next(characters).start() for _ in range(len("".join(sentence.split())))]
        sentences.append(text[places[0] : places[-1] + 1])
    return sentences


class JiebaWords:
    """A function from a sentence to the same with a space between two words of ideographs."""

    def __init__(self) -> None:
        """Raises ``UserError`` where the package is missing."""
        jieba = import_jieba()
        words = jieba.Tokenizer()
        # Not ``initialize``: it speaks on stderr, and believes whatever lies in the folder for temporary files.
        words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
        words.initialized = True
        self._cut: Callable[[str], list[str]] = words.lcut

    def __call__(self, sentence: str) -> str:
        """Spaces are put between two ideographs alone, where they never change what BERT makes of a text."""
        if not _IDEOGRAPH.search(sentence):
            return sentence
        words = self._cut(sentence)
        parts = words[:1]
        for before, word in pairwise(words):
            if are_side_by_side(before, word):
                parts.append(" ")
            parts.append(word)
        return "".join(parts)


def word_finder(words: str) -> Callable[[str], str] | None:
    """A function from a sentence to the same with spaces between its words, where a package finds them.

    Of a list that is ``ListedWords``.
    """
    assert words in WAYS
    return JiebaWords() if words == "jieba" else None


def check_words(words: str, tokenizer: Tokenizer) -> None:
    """Raise a ``UserError`` where words cannot be told so with this vocabulary, or what finds them is missing."""
    if words == "none":
        return
    if words not in WAYS and not Path(words).is_file():
        start = suggestion([words], WAYS)
        raise ConfigError(
            f"--words {words}: no such file", hint=f"{start}expected {', '.join(WAYS)}, or a file with one word a line"
        )
    if not tokenizer.cuts_as_bert:
        raise VocabularyError(
            f"--words {words} needs a vocabulary that splits text as BERT does",
            hint="build one with `bertcli vocab build`",
        )
    if words != "spaces" and not tokenizer.casing["tokenize_chinese_chars"]:
        raise VocabularyError(
            f"--words {words} needs a vocabulary that cuts every ideograph alone, and this one joins them",
            hint='"tokenize_chinese_chars": false says so in its tokenizer_config.json',
        )
    if words == "jieba":
        import_jieba()
    elif words != "spaces":
        ListedWords(Path(words))


def import_jieba() -> Any:
    """The package. Raises ``UserError`` where it is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its own escapes in strings, and pkg_resources
            import jieba
    except ImportError as error:
        raise UserError("--words jieba needs the package jieba", hint="pip install 'bertcli[chinese]'") from error
    return jieba
