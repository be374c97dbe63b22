"""Exposure and gain are kept where the driver obeys, and it is told where it does not."""

from __future__ import annotations

import pytest

from realtime.devices.controls import ControlName, lock_controls


class FakeControls:
    """A driver's controls as numbers; `deaf` ones take any value and keep their own."""

    def __init__(self, values: dict[ControlName, float], deaf: set[str] = frozenset(), broken: set[str] = frozenset()):
        self.values, self.deaf, self.broken = dict(values), deaf, broken
        self.auto: dict[ControlName, bool] = dict.fromkeys(values, True)
        self.rate_kept = False

    def value(self, name: ControlName) -> float | None:
        if name in self.broken:
            raise OSError(5, "Input/output error")
        return self.values.get(name)

    def automatic(self, name: ControlName) -> bool | None:
        return self.auto.get(name)

    def set_automatic(self, name: ControlName, on: bool) -> None:
        if name not in self.deaf:
            self.auto[name] = on

    def set_value(self, name: ControlName, value: float) -> None:
        if name not in self.deaf:
            self.values[name] = value

    def keep_rate(self) -> None:
        self.rate_kept = True


def test_what_the_camera_found_by_itself_is_kept() -> None:
    controls = FakeControls({"exposure": 156.0, "gain": 32.0, "white_balance": 4600.0})
    settings = {s.name: str(s) for s in lock_controls(controls)}
    assert settings == {
        "exposure": "locked at 156",
        "gain": "locked at 32",
        "white_balance": "locked at 4600",
        "focus": "absent",
    }
    assert not any(controls.auto.values())
    assert controls.rate_kept


def test_a_value_is_set_and_automatic_is_left_alone() -> None:
    controls = FakeControls({"exposure": 156.0, "gain": 32.0})
    exposure, gain, *_ = lock_controls(controls, exposure=80.0, gain="auto")
    assert (str(exposure), str(gain)) == ("locked at 80", "auto")
    assert controls.values["exposure"] == 80.0
    assert controls.auto == {"exposure": False, "gain": True}
    both = FakeControls({"exposure": 156.0, "gain": 32.0, "focus": 3.0})
    assert {str(s) for s in lock_controls(both, "auto", "auto")[:2]} == {"auto"}
    assert both.auto["focus"]
    assert not both.rate_kept


@pytest.mark.parametrize(("deaf", "broken"), [({"exposure"}, set()), (set(), {"exposure"})])
def test_a_driver_that_does_not_obey_is_told_of(deaf: set[str], broken: set[str]) -> None:
    controls = FakeControls({"exposure": 156.0, "gain": 32.0}, deaf, broken)
    exposure, gain, *_ = lock_controls(controls, exposure=20.0)
    assert str(exposure) == "refused"
    assert str(gain) == "locked at 32"
