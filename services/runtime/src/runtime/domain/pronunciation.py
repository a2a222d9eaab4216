"""Words put into other letters for the voice, while they stream. Whole words only, in the case in which they stand."""

import re
from collections.abc import Mapping

_WORD_ENDS = re.compile(r"\s+")


class Pronouncer:
    """One reply on its way to the voice. Holds back as many words as the longest entry has, and no more."""

    def __init__(self, pronunciations: Mapping[str, str]) -> None:
        self._said = dict(pronunciations)
        longest_first = sorted(self._said, key=len, reverse=True)
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)") if self._said else None
        self._held_words = max((len(_WORD_ENDS.findall(word.strip())) + 1 for word in self._said), default=0)
        self._held = ""

    def push(self, text: str) -> str:
        """What can be spoken now that `text` has come."""
        self._held += text
        ends = [match.end() for match in _WORD_ENDS.finditer(self._held)]
        if self._words is None:
            return self._take(len(self._held))
        if len(ends) < self._held_words:
            return ""
        cut = ends[-self._held_words]
        for match in self._words.finditer(self._held):
            if match.start() < cut < match.end():
                cut = match.start()
        return self._take(cut)

    def flush(self) -> str:
        """What was still held back at the end."""
        return self._take(len(self._held))

    def _take(self, cut: int) -> str:
        ready, self._held = self._held[:cut], self._held[cut:]
        return ready if self._words is None else self._words.sub(lambda found: self._said[found.group()], ready)
