"""What is wrong with a file of the suite."""

from __future__ import annotations


class CaseError(ValueError):
    """A file that does not keep the case language. `where` names file, case and key."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem
