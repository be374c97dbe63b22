"""Where the folds run changes nothing, and a cluster that cannot be used is named."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import time
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from evaluation_helpers import RECIPE, StubTrainer, small_samples

from models.evaluation.dgcnn import DgcnnTrainer
from models.evaluation.protocol import Pooled, System, plan_folds, run_protocol
from models.evaluation.shallow import ShallowOptions
from models.samples import SampleSet
from models.scale_out import Backend, ScaleOut, spread
from realtime.errors import ConfigurationError, DataError, EmostreamError

SYSTEMS = (
    System("network", "network", StubTrainer(), "both", RECIPE),
    System("graph", "graph", DgcnnTrainer(ShallowOptions(8, 16, 1e-3, 0.01), filters=4), "eeg", {}),
)


def _shifted(shared: dict[str, np.ndarray], item: int) -> tuple[int, float]:
    if item == 99:
        raise DataError("item 99 is broken")
    return item, float(shared["numbers"][item])


def _killed(_shared: None, _item: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


SHARED = {"numbers": np.arange(40) / 7.0}


def _equal(one: Pooled, other: Pooled) -> None:
    assert one.splits == other.splits
    assert one.history == other.history
    for system in SYSTEMS:
        for view, values in one.probabilities[system.name].items():
            np.testing.assert_array_equal(values, other.probabilities[system.name][view])


def _run(samples: SampleSet, scale: ScaleOut) -> Pooled:
    return run_protocol(samples, SYSTEMS, plan_folds(samples, "loso", seed=2), scale=scale)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_processes_and_threads_give_the_same_bits(backend: Backend) -> None:
    samples = small_samples(4, 2)
    _equal(_run(samples, ScaleOut(jobs=1)), _run(samples, ScaleOut(jobs=2, backend=backend)))


def test_everything_comes_once_and_errors_come_as_they_are() -> None:
    scale = ScaleOut(jobs=2, backend="threading")
    assert sorted(spread(_shifted, SHARED, range(40), scale)) == [(i, i / 7.0) for i in range(40)]
    assert list(spread(_shifted, SHARED, [], scale)) == []
    with pytest.raises(DataError, match="item 99 is broken"):
        list(spread(_shifted, SHARED, [1, 99], scale))


def _long(_shared: object, item: int) -> int:
    time.sleep(0.01)
    return item


def test_who_does_not_want_all_is_not_warned_of_what_was_done_in_vain() -> None:
    with closing(spread(_long, None, range(40), ScaleOut(jobs=2, backend="threading"))) as some:
        next(some)


def test_a_process_that_is_killed_is_one_line() -> None:
    with pytest.raises(EmostreamError, match=r"of 2 processes was ended from outside.*use fewer --jobs"):
        list(spread(_killed, None, range(4), ScaleOut(jobs=2)))


@pytest.mark.slow
def test_a_two_worker_dask_cluster_gives_the_same_bits() -> None:
    distributed = pytest.importorskip("distributed")
    samples = small_samples(4, 2)
    here = _run(samples, ScaleOut(jobs=1))
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as cluster:
        there = _run(samples, ScaleOut(backend="dask", scheduler=cluster.scheduler_address))
        with pytest.raises(DataError, match="item 99 is broken"):
            list(spread(_shifted, SHARED, [99], ScaleOut(backend="dask", scheduler=cluster.scheduler_address)))
    _equal(here, there)


@pytest.mark.slow
def test_dask_without_a_scheduler_starts_its_own() -> None:
    pytest.importorskip("distributed")
    found = spread(_shifted, SHARED, range(6), ScaleOut(backend="dask", jobs=2))
    assert sorted(found) == [(i, i / 7.0) for i in range(6)]


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("models.scale_out._ANSWER_S", 0.3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigurationError, match=f"no Dask scheduler answers at '{address}' within 0.3 s"):
            list(spread(_shifted, SHARED, [1], ScaleOut(backend="dask", scheduler=address)))


@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_missing_package_is_named(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name.split(".")[0] in ("distributed", "ray"):
            raise ModuleNotFoundError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ConfigurationError, match=rf"--backend {backend} needs the package '{backend}.*pip install"):
        list(spread(_shifted, SHARED, [1], ScaleOut(backend=backend)))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"jobs": 0}, "--jobs must be -1"),
        ({"jobs": -2}, "--jobs must be -1"),
        ({"scheduler": "tcp://127.0.0.1:1"}, "needs --backend dask or ray, got --backend loky"),
        ({"backend": "dask", "scheduler": "tcp://10.0.0.1:8786"}, "is not on this machine.*--network"),
        ({"backend": "ray", "scheduler": "cluster.example:6379"}, "is not on this machine"),
        ({"backend": "dask", "scheduler": "nonsense"}, "is not on this machine"),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        list(spread(_shifted, SHARED, [1], ScaleOut(**given)))
