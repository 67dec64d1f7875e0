"""Which documents of a corpus are kept: those that are long enough and were not seen before."""

from __future__ import annotations

from dataclasses import dataclass, field

from bertcli.core.messages import notice
from bertcli.text.document_hash import document_hash


@dataclass
class Selection:
    """Decides document by document, and counts what it drops.

    Duplicates are known by a 64-bit hash: about 100 bytes of memory for each document that is kept. That any of a
    hundred million documents is dropped for another's hash has a probability of 0.03 %.
    """

    min_characters: int = 1
    deduplicate: bool = False
    short: int = 0
    duplicates: int = 0
    _seen: set[int] = field(default_factory=set, repr=False)

    def keeps(self, text: str) -> bool:
        """Whether a document is kept; white space at its ends does not make it longer."""
        if len(text) < self.min_characters or len(text.strip()) < self.min_characters:
            self.short += 1
            return False
        if self.deduplicate:
            known = len(self._seen)
            self._seen.add(document_hash(text))
            if len(self._seen) == known:
                self.duplicates += 1
                return False
        return True

    def dropped(self) -> dict[str, int]:
        """How many were dropped, by reason."""
        return {"duplicates": self.duplicates, "short": self.short}

    def tell(self) -> None:
        """Say what was dropped."""
        for count, reason, flag in (
            (self.duplicates, "the text of an earlier one", "--deduplicate"),
            (self.short, f"fewer than {self.min_characters:,} characters", f"--min-characters {self.min_characters}"),
        ):
            if count:
                many = "s" if count > 1 else ""
                notice(f"{count:,} document{many} dropped with {reason} ({flag})")
