"""GitHub's own parser, expression evaluator and language service, in a process of Node."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PROGRAM = FOLDER / "node_modules" / ".built" / "language.cjs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """Answers questions about workflows; an expression in a tree is ``{"$": "..."}``."""

    process: subprocess.Popen[str]

    @classmethod
    def start(cls) -> "Language":
        return cls(
            process=subprocess.Popen(
                ["node", str(PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        )

    def stop(self) -> None:
        self.process.communicate(timeout=10)

    def parse(self, name: str, text: str) -> Any:
        """Return a workflow as a tree; its conditions are complete, as the runner sees them."""
        answer = self._ask("parse", name=name, text=text)
        assert answer["problems"] == []
        return answer["tree"]

    def problems(self, name: str, text: str) -> list[str]:
        """Return what GitHub's editor would underline."""
        answer = self._ask("diagnose", name=name, text=text)
        found: list[str] = answer["problems"]
        return found

    def resolved(
        self, value: Any, contexts: Mapping[str, Any], status: Mapping[str, bool] | None = None
    ) -> Any:
        """Replace every expression in a value."""
        if isinstance(value, list):
            return [self.resolved(one, contexts, status) for one in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"$"}:
            found = self._ask(
                "evaluate", expression=value["$"], contexts=contexts, status=status or {}
            )
            return found["value"]
        return {key: self.resolved(one, contexts, status) for key, one in value.items()}

    def is_true(self, condition: Any, contexts: Mapping[str, Any], **status: bool) -> bool:
        return self.resolved(condition, contexts, status) not in (False, None, "", 0)

    def _ask(self, ask: str, **question: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"ask": ask, **question}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer
