"""Long texts cut where BERT's splitting cuts them anyway, so that none has to be worked on in one piece.

The tokenizers library takes some hundred bytes for each byte of a text, and a file may be a single line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_TEXT = 100_000
"""Characters that are worked on in one piece."""

_UNKNOWN_WORD = 1_000
"""Characters after which a word is unknown, whatever follows: more than 100 are left of them after any cleaning."""

# White space, and marks that BERT takes for punctuation. None of them joins the character before it in a normal form.
_MARKS = r" \t\n\r\u00a0!-/:-@\[-`{-~\u2010-\u2027\u3000-\u3003\u3008-\u3011\uff01-\uff03\uff0c\uff1a\uff1b\uff1f"
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df"
_PLACE = re.compile(f"[{_MARKS}{_IDEOGRAPHS}]")
_PLACE_WITHOUT_IDEOGRAPHS = re.compile(f"[{_MARKS}]")


def cut_long(text: str, *, at_ideographs: bool = True, longest: int = LONGEST_TEXT) -> Iterator[str]:
    """Parts of a text with the pieces of the whole, one after the other; ``at_ideographs`` where those stand alone.

    What is left out is the rest of words that are unknown already.
    """
    place = _PLACE if at_ideographs else _PLACE_WITHOUT_IDEOGRAPHS
    start = 0
    while len(text) - start > longest:
        found = place.search(text, start + longest)
        end = found.start() if found else len(text)
        yield text[start : min(end, start + longest + _UNKNOWN_WORD)]
        start = end
    yield text[start:]


def cut_long_parts(text: str, *, at_ideographs: bool = True, longest: int = LONGEST_TEXT) -> Iterator[str]:
    """The same, but what stands between two spaces is cut as if it stood alone, whatever stands around it.

    So every part has the same words in each text, and the same ones where it is looked up by itself.
    """
    start = 0
    while len(text) - start > longest:
        end = text.rfind(" ", start, start + longest + 1)
        if end >= 0:
            yield text[start:end]
        else:
            end = text.find(" ", start + longest)
            end = end if end >= 0 else len(text)
            yield from cut_long(text[start:end], at_ideographs=at_ideographs, longest=longest)
        start = end + 1
    yield text[start:]
