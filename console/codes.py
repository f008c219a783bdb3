"""Exit codes, which a pipeline reads."""

from __future__ import annotations

from domain.errors import DIRTY, REFUSED, ROLLED_BACK

DONE = 0
FAILED = 1
REFUSED_CODE = 2
ROLLED_BACK_CODE = 10
DIRTY_CODE = 11
WAITING_FOR_APPROVAL = 20
INTERRUPTED = 130
BY_TYPE = {REFUSED: REFUSED_CODE, ROLLED_BACK: ROLLED_BACK_CODE, DIRTY: DIRTY_CODE}


class Stop(Exception):
    """A command ends here: its exit code, a message, and facts for --json."""

    def __init__(self, code: int, words: str, **facts: object) -> None:
        super().__init__(words)
        self.code, self.words, self.facts = code, words, facts
