"""The doctor's view of the machine: software, processor, disk, clocks, LSL and cameras, each with made-up facts."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest
from doctor_helpers import only, states

from realtime.doctor import machine, software
from realtime.doctor.cameras import SeenCamera, check_cameras, look_at_cameras
from realtime.doctor.lsl_setup import (
    check_interfaces,
    check_liblsl,
    check_other_configuration,
    check_resolved,
    configuration_files,
    look_at_interfaces,
)
from realtime.doctor.machine import Busy, Watch

GIB = 2**30


def test_python_has_to_be_new_enough() -> None:
    assert software.check_python().state == "ok"
    old = software.check_python((3, 9, 1), "somewhere")
    assert (old.state, old.found) == ("fail", "3.9.1 on somewhere")


ASKED = ["numpy>=2.0", "mne>=1.10", 'torch>=2.6; extra == "train"', 'onnx; extra == "train"', 'pytest; extra == "dev"']


def test_missing_libraries_are_told_with_the_commands_that_need_them() -> None:
    versions = {"numpy": "2.1", "mne": "1.10", "onnx": "1.17"}
    found = software.check_libraries(ASKED, versions.get)
    assert [f.state for f in found] == ["ok", "warn"]
    assert (found[1].check, found[1].found) == ("optional: train", "torch not there")
    assert found[1].advice == "for train, evaluate, dataset, export: pip install 'emostream[train]'"


def test_a_library_without_which_nothing_works_is_a_failure() -> None:
    found = software.check_libraries(ASKED, {"numpy": "1.26", "torch": "2.6", "onnx": "1"}.get)
    assert only(found, "fail").found == "missing or of another version: numpy 1.26 (wanted >=2.0), mne"


def test_this_installation_has_what_it_asks_for() -> None:
    found = software.check_libraries(software.requirements())
    assert found[0].state == "ok"
    assert software.check_libraries(None)[0].state == "warn"


def test_markers_of_other_systems_do_not_count() -> None:
    asked = ["numpy", "pywin32; sys_platform == 'nowhere'"]
    assert [f.state for f in software.check_libraries(asked, {"numpy": "2"}.get)] == ["ok"]


def test_face_weights_are_compared_and_never_fetched(tmp_path: Path) -> None:
    wanted = {"a.tflite": "1", "b.tflite": "2"}
    (tmp_path / "a.tflite").touch()
    missing = software.check_weights(tmp_path, wanted, lambda _: "1")
    assert (missing.state, missing.found) == ("fail", "not in the cache: b.tflite")
    (tmp_path / "b.tflite").touch()
    wrong = software.check_weights(tmp_path, wanted, lambda _: "1")
    assert (wrong.state, wrong.found) == ("fail", "not the pinned ones: b.tflite")
    good = software.check_weights(tmp_path, wanted, lambda path: wanted[path.name])
    assert good.state == "ok"

    def unreadable(path: Path) -> str:
        raise PermissionError(13, "Permission denied")

    assert "Permission denied" in software.check_weights(tmp_path, wanted, unreadable).found


def test_windows_need_a_display_and_the_libraries_of_the_plugin() -> None:
    assert states(software.check_display(":0", "linux", [])) == {"display": "ok", "Qt": "ok"}
    assert states(software.check_display("", "linux", [])) == {"display": "warn", "Qt": "ok"}
    lacking = software.check_display(":0", "linux", ["libxcb-cursor.so.0"])
    assert "libxcb-cursor.so.0" in only(lacking, "fail").found
    assert states(software.check_display(":0", "linux", None))["Qt"] == "warn"
    assert states(software.check_display("", "darwin", None)) == {"display": "ok"}
    assert software.lacking_of_xcb() is None or isinstance(software.lacking_of_xcb(), list)


def test_a_small_or_busy_processor_is_told() -> None:
    assert states(machine.check_processor(8, 1.0, {})) == {"processor": "ok", "threads": "ok"}
    assert states(machine.check_processor(8, 11.0, {"OMP_NUM_THREADS": "1"}))["processor"] == "warn"
    assert states(machine.check_processor(1, 0.0, {}))["processor"] == "warn"
    assert states(machine.check_processor(8, 1.0, {"OMP_NUM_THREADS": "8"}))["threads"] == "warn"


def test_programs_that_take_a_core_are_named() -> None:
    assert machine.check_busy([Busy("idle", 1, 3.0)]).state == "ok"
    found = machine.check_busy([Busy("updater", 7, 60.0), Busy("browser", 9, 180.0)])
    assert (found.state, found.found) == ("warn", "of a core: browser (9) 180 %, updater (7) 60 %")


@pytest.mark.parametrize(("free", "state"), [(8 * GIB, "ok"), (GIB, "warn"), (GIB // 4, "fail")])
def test_memory(free: int, state: str) -> None:
    assert machine.check_memory(free, 16 * GIB).state == state


@pytest.mark.parametrize(("free", "state"), [(100 * GIB, "ok"), (10 * GIB, "warn"), (GIB, "fail")])
def test_disk(free: int, state: str) -> None:
    assert states(machine.check_disk(Path("recordings"), free, True, None)) == {"disk": state, "privacy": "ok"}


def test_recordings_have_to_be_writable_and_private(tmp_path: Path) -> None:
    assert only(machine.check_disk(Path("r"), 100 * GIB, False, None), "fail").check == "recordings"
    root = tmp_path / "recordings"
    assert states(machine.look_at_disk(root))["privacy"] == "ok"
    assert not root.exists()
    root.mkdir(mode=0o755)
    found = only(machine.look_at_disk(root), "warn")
    assert (found.check, found.advice) == ("privacy", f"chmod 700 '{root}'")
    assert "drwxr-xr-x" in found.found
    root.chmod(0o700)
    assert states(machine.look_at_disk(root / "deeper" / "still"))["privacy"] == "ok"


def test_this_machine_can_be_looked_at() -> None:
    assert {f.check for f in machine.look_at_machine({})} == {"processor", "threads", "memory"}


def test_a_wall_clock_that_steps_is_told() -> None:
    assert machine.check_clock(5.0, 5.001, 2.0).state == "ok"
    assert machine.check_clock(5.0, 4.9, 2.0).found == "the wall clock moved by -100 ms within 2.0 s"
    wall = iter([1000.0, 1002.5])
    monotonic = iter([10.0, 12.0])
    busy, clock = Watch(lambda: next(wall), lambda: next(monotonic)).findings()
    assert busy.check == "other programs"
    assert (clock.state, clock.found) == ("warn", "the wall clock moved by +500 ms within 2.0 s")


def test_a_process_that_ended_meanwhile_is_no_trouble() -> None:
    class Gone:
        def cpu_percent(self) -> float:
            raise psutil.NoSuchProcess(1)

    assert machine._percent(Gone()) == 0.0


def test_liblsl_and_what_other_programs_read(tmp_path: Path) -> None:
    assert check_liblsl(118, False, "default").found == "liblsl 1.18, this machine only, session 'default'"
    assert check_liblsl(114, True, "lab").state == "fail"
    assert check_other_configuration([], "default")[0].state == "ok"
    named, other = tmp_path / "lsl.cfg", tmp_path / "lsl_api.cfg"
    other.write_text("[lab]\nSessionID = room2\n")
    named.write_text("[multicast]\nResolveScope = site\n")
    assert configuration_files({"LSLAPICFG": str(named)}, tmp_path, tmp_path) == [named, other]
    assert configuration_files({"LSLAPICFG": str(tmp_path / "none")}, tmp_path / "a", tmp_path / "b") == []
    differs = check_other_configuration([other], "default")[0]
    assert differs.state == "fail"
    assert "EMOSTREAM_SESSION=room2" in differs.advice
    assert check_other_configuration([other], "room2")[0].state == "warn"
    assert "scope site" in check_other_configuration([named], "default")[0].found
    other.write_bytes(b"\xff\xfe nonsense")
    assert "cannot be read" in check_other_configuration([other], "default")[0].found


def test_a_firewall_shows_in_the_stream_that_is_not_found() -> None:
    assert check_resolved(0.2, True, False).state == "ok"
    assert check_resolved(4.0, True, True).state == "warn"
    hidden = check_resolved(None, False, True)
    assert hidden.state == "fail"
    assert "firewall" in hidden.advice
    assert check_resolved(0.2, False, False).found == "found in 0.2 s, but its sample never came"


def test_the_network_counts_where_it_is_used() -> None:
    eth, wlan, mute = ("eth0", (True, True, True)), ("wlan0", (True, True, True)), ("tun0", (True, True, False))
    down = ("eth1", (False, True, True))
    assert check_interfaces(dict([down]), False).state == "ok"
    assert check_interfaces(dict([down]), True).state == "fail"
    assert check_interfaces(dict([eth, down]), True).found == "eth0 is up"
    assert check_interfaces(dict([eth, wlan]), True).found == "eth0, wlan0 are up"
    assert "multicast" in check_interfaces(dict([mute]), True).found
    assert look_at_interfaces(False).state == "ok"


def test_cameras_that_are_slow_closed_or_automatic_are_told(tmp_path: Path) -> None:
    good = SeenCamera("/dev/video0", "Cam", 30.0, automatic=False)
    assert check_cameras([good])[0].state == "ok"
    assert "none" in check_cameras([])[0].found
    slow = SeenCamera("/dev/video0", "Cam", 15.0)
    assert check_cameras([slow])[0].found == "'Cam' gives 15 Hz at most"
    closed = check_cameras([SeenCamera("/dev/video0", "Cam", problem="Permission denied")])[0]
    assert (closed.state, "group 'video'" in closed.advice) == ("fail", True)
    assert "--exposure lock" in check_cameras([SeenCamera("/dev/video0", "Cam", 60.0, automatic=True)])[0].advice
    assert look_at_cameras(tmp_path)[0].state == "ok"
    (tmp_path / "video0").write_text("no camera")
    assert "cannot be opened" in only(look_at_cameras(tmp_path), "fail").found
