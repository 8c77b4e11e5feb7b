import os
import subprocess
import sys
from pathlib import Path

import pytest

from perfgate.measure.slots import create_slot, remove_folder, remove_stale_slots
from tests.measure.suites import ENVIRON

DEAD = """
import sys
from pathlib import Path
from perfgate.measure.slots import create_slot
slot = create_slot(Path(sys.argv[1]), "tree")
(slot / "file").write_text("left behind")
print(slot.name)
"""


@pytest.fixture(scope="module")
def dead_name(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a folder whose process is gone."""
    folder = tmp_path_factory.mktemp("dead")
    done = subprocess.run(
        [sys.executable, "-c", DEAD, str(folder)], env=ENVIRON, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_two_slots_are_never_the_same(tmp_path: Path) -> None:
    assert create_slot(tmp_path, "tree") != create_slot(tmp_path, "tree")


def test_what_a_living_process_owns_stays(tmp_path: Path) -> None:
    slot = create_slot(tmp_path, "tree")
    assert remove_stale_slots(tmp_path) == ()
    assert slot.is_dir()


def test_what_a_dead_process_left_goes(tmp_path: Path, dead_name: str) -> None:
    (tmp_path / dead_name / "deep").mkdir(parents=True)
    (tmp_path / dead_name / "deep/file").write_text("left behind")
    assert remove_stale_slots(tmp_path) == (tmp_path / dead_name,)
    assert list(tmp_path.iterdir()) == []


def test_what_is_to_be_kept_stays(tmp_path: Path, dead_name: str) -> None:
    (tmp_path / dead_name).mkdir()
    assert remove_stale_slots(tmp_path, keep=frozenset({dead_name})) == ()


def test_a_process_that_got_the_id_of_a_dead_one_is_not_the_owner(tmp_path: Path) -> None:
    label, host, pid, _, rest = create_slot(tmp_path, "tree").name.split("~")
    later = tmp_path / f"{label}~{host}~{pid}~12.00~{rest}"
    later.mkdir()
    assert remove_stale_slots(tmp_path) == (later,)


@pytest.mark.parametrize("name", ["mine", "tree~x", "a~b~c~d~e~f"])
def test_what_is_nobody_s_slot_stays(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert remove_stale_slots(tmp_path) == ()


@pytest.mark.parametrize(
    ("age_s", "goes"), [pytest.param(3600.0, False, id="hour"), pytest.param(9e4, True, id="day")]
)
def test_another_host_s_folder_stays_for_a_day(
    tmp_path: Path, dead_name: str, *, age_s: float, goes: bool
) -> None:
    label, _, *rest = dead_name.split("~")
    folder = tmp_path / "~".join((label, "00000000", *rest))
    folder.mkdir()
    then = folder.stat().st_mtime - age_s
    os.utime(folder, (then, then))
    assert remove_stale_slots(tmp_path) == ((folder,) if goes else ())


def test_a_folder_that_does_not_exist_holds_nothing(tmp_path: Path) -> None:
    assert remove_stale_slots(tmp_path / "absent") == ()
    remove_folder(tmp_path / "absent")


def test_what_is_read_only_is_removed_too_and_what_a_link_names_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("kept")
    folder = tmp_path / "folder"
    (folder / "locked").mkdir(parents=True)
    (folder / "locked/file").write_text("x")
    (folder / "link").symlink_to(outside, target_is_directory=True)
    (folder / "locked/file").chmod(0o400)
    (folder / "locked").chmod(0o500)
    remove_folder(folder)
    assert not folder.exists()
    assert (outside / "file").read_text() == "kept"
