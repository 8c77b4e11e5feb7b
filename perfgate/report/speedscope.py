"""Profiles for speedscope.app: its file format (speedscope.app/file-format-schema.json)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Stack", "encode_speedscope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Functions, the outermost first, and the time that the innermost took itself."""

    frames: tuple[tuple[str, str, int], ...]
    """Name, file and line of each."""
    seconds: float


def encode_speedscope(title: str, profiles: Mapping[str, Sequence[Stack]]) -> bytes:
    """Write one file with a profile for each name; weights are times, not samples."""
    frames: dict[tuple[str, str, int], int] = {}
    written = [
        {
            "type": "sampled",
            "name": name,
            "unit": "seconds",
            "startValue": 0,
            "endValue": sum(stack.seconds for stack in stacks),
            "samples": [
                [frames.setdefault(frame, len(frames)) for frame in stack.frames]
                for stack in stacks
            ],
            "weights": [stack.seconds for stack in stacks],
        }
        for name, stacks in profiles.items()
    ]
    document = {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": title,
        "exporter": "perfgate",
        "activeProfileIndex": len(written) - 1,
        "profiles": written,
        "shared": {"frames": [_frame(*frame) for frame in frames]},
    }
    return json.dumps(document).encode() + b"\n"


def _frame(name: str, file: str, line: int) -> dict[str, str | int]:
    if not file:
        return {"name": name}
    return {"name": name, "file": file, "line": line}
