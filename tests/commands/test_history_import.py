import json
import shutil
from pathlib import Path

import pytest

from perfgate.commands.history_import import read_past
from perfgate.errors import InputFileError, UsageError
from perfgate.model import Verdict
from tests.command_line import perfgate
from tests.past_repository import Commit, write_commits

SAMPLES = Path(__file__).parents[1] / "readers" / "samples"
COMMIT = "{:040x}"


def data_js(path: Path, commits: list[str], *, unit: str = "ns", tool: str = "go") -> Path:
    points = [
        {
            "commit": {"id": commit, "message": "Change"},
            "date": 1_770_000_000_000 + number * 86_400_000,
            "tool": tool,
            "benches": [{"name": "BenchmarkA", "value": 100 + number, "unit": unit}],
        }
        for number, commit in enumerate(commits)
    ]
    document = {"lastUpdate": 1, "repoUrl": "", "entries": {"Go": points}}
    path.write_text(f"window.BENCHMARK_DATA = {json.dumps(document)};\n", encoding="utf-8")
    return path


def test_every_point_of_data_js_is_a_run(tmp_path: Path) -> None:
    past = read_past([data_js(tmp_path / "data.js", [COMMIT.format(n) for n in (1, 2, 3)])])
    assert past.left_out == 0
    assert [run.revision.commit for run in past.runs] == [COMMIT.format(n) for n in (1, 2, 3)]
    assert [run.title for run in past.runs] == ["Go"] * 3
    times = [run.benchmarks["github-action-benchmark"]["BenchmarkA"] for run in past.runs]
    assert [time.low_s for time in times] == pytest.approx([100e-9, 101e-9, 102e-9])
    assert {time.verdict for time in times} == {Verdict.UNDECIDED}
    assert past.runs[0].environment.key == "unknown-unknown-github-action-benchmark-unknown"


def test_points_without_a_time_are_counted(tmp_path: Path) -> None:
    past = read_past([data_js(tmp_path / "data.js", [COMMIT.format(1)] * 2, unit="MB")])
    assert (past.runs, past.left_out) == ((), 2)


def test_a_folder_of_asv_is_read_without_what_lies_beside_its_results(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "machine"
    folder.mkdir(parents=True)
    shutil.copy(SAMPLES / "asv.json", folder / "0123-virtualenv.json")
    (folder / "machine.json").write_text('{"machine": "x", "version": 1}', encoding="utf-8")
    (folder.parent / "benchmarks.json").write_text('{"version": 2}', encoding="utf-8")
    past = read_past([tmp_path / "results"])
    (run,) = past.runs
    sample = json.loads((SAMPLES / "asv.json").read_text(encoding="utf-8").replace("NaN", "null"))
    assert run.revision.commit == sample["commit_hash"]
    assert run.recorded.timestamp() == sample["date"] / 1000
    assert run.benchmarks["asv"]


def test_other_files_and_empty_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputFileError, match="is neither"):
        read_past([tmp_path / "other.json"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no result of asv"):
        read_past([tmp_path / "empty"])


def test_a_project_moves_with_its_past_and_importing_again_changes_nothing(tmp_path: Path) -> None:
    repository, ids = write_commits(tmp_path / "shop", [Commit() for _ in range(12)])
    source = data_js(tmp_path / "data.js", ids)
    first = perfgate(repository.path, "history", "import", source, "--remote", ".")
    assert (first.status, first.err) == (0, "")
    assert first.out.startswith("imported 12 runs to perfgate-data: ")
    again = perfgate(repository.path, "history", "import", source, "--remote", ".")
    assert again.out == first.out
    shown = perfgate(repository.path, "history")
    assert "12 runs of 12 commits" in shown.out
    assert "BenchmarkA" in shown.out
