"""Independent pieces of work over the cores of this machine or over a cluster, through joblib: no change of result."""

from __future__ import annotations

import importlib
import ipaddress
import socket
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal
from urllib.parse import SplitResult, urlsplit

import joblib
from joblib.externals.loky import process_executor
from pydantic import BaseModel, ConfigDict, Field

from realtime.errors import ConfigurationError, EmostreamError

Backend = Literal["loky", "threading", "dask", "ray"]

_ANSWER_S = 10.0
_PROCESS_BYTES = 8 * 2**30
_INSTALL = {"dask": "dask[distributed]", "ray": "ray"}


class ScaleOut(BaseModel):
    """Where the pieces run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: int = Field(default=-1, description="processes; -1 is one a core; a cluster that is named has its own count")
    backend: Backend = Field(default="loky", description="loky: processes of this machine; dask or ray: a cluster")
    scheduler: str | None = Field(default=None, description="address of a running cluster; none: one is started here")
    network: bool = Field(default=False, description="leave the loopback")


def spread(
    function: Callable[[Any, Any], Any], shared: Any, items: Sequence[Any], scale: ScaleOut
) -> Generator[Any, None, None]:
    """`function(shared, item)` of every item, in the order in which they finish.

    `shared` goes to each process once, not with every item. Close the generator (`contextlib.closing`) where not all of
    it is wanted.

    Raises
    ------
    ConfigurationError
        The backend's package is not installed, its scheduler does not answer, lies outside the loopback without
        `network`, or a worker lacks this package.
    EmostreamError
        A process of this machine was ended from outside, by the system for memory as a rule.
    """
    _check(scale)
    if not items:
        return
    call = joblib.delayed(partial(_in_process, function) if scale.backend == "loky" else function)
    with _backend(scale, shared) as parallel:
        if parallel is None:
            yield from _in_portions(call, shared, items, scale)
            return
        results: Any = parallel(call(shared, item) for item in items)
        try:
            with _closed_early(results):
                for result in results:  # noqa: UP028 - it would close them itself
                    yield result
        except process_executor.BrokenProcessPool as err:
            raise EmostreamError(
                f"one of {joblib.effective_n_jobs(scale.jobs)} processes was ended from outside, for want of memory as "
                "a rule: use fewer --jobs; what was finished before stays"
            ) from err


def _in_process(function: Callable[[Any, Any], Any], shared: Any, item: Any) -> Any:
    # loky takes 300 MB that appear after a process's first piece for a leak and replaces the process, with a warning;
    # here they are torch and the first large fit
    process_executor._MAX_MEMORY_LEAK_SIZE = _PROCESS_BYTES
    return function(shared, item)


def _in_portions(call: Any, shared: Any, items: Sequence[Any], scale: ScaleOut) -> Iterator[Any]:
    """Ray's joblib backend returns lists only: ask for portions, so that finished work is not held back to the end."""
    with joblib.parallel_config(backend="ray", n_jobs=scale.jobs):
        width = 4 * joblib.effective_n_jobs()
        for start in range(0, len(items), width):
            yield from joblib.Parallel()(call(shared, item) for item in items[start : start + width])


@contextmanager
def _closed_early(results: Any) -> Iterator[None]:
    """Close them in the end; that some pieces were done in vain is no news to who did not want all."""
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"(?s).*tasks (have been|which were)", UserWarning)
            results.close()


@contextmanager
def _backend(scale: ScaleOut, shared: Any) -> Iterator[joblib.Parallel | None]:
    """What runs the pieces; None stands for portions under Ray."""
    if scale.backend in ("loky", "threading"):
        # every piece keeps its libraries on one thread itself; here only the processes are chosen
        yield joblib.Parallel(n_jobs=scale.jobs, backend=scale.backend, return_as="generator_unordered")
    elif scale.backend == "dask":
        with (
            _dask_client(scale) as client,
            joblib.parallel_config(backend="dask", client=client, scatter=[shared]),
        ):
            yield joblib.Parallel(return_as="generator_unordered")
    else:
        with _ray(scale):
            yield None


@contextmanager
def _dask_client(scale: ScaleOut) -> Iterator[Any]:
    distributed = _package("dask", "distributed")
    with _dask_address(distributed, scale) as address:
        try:
            client = distributed.Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError) as err:
            raise ConfigurationError(
                f"no Dask scheduler answers at '{address}' within {_ANSWER_S:g} s ({err}); "
                "start one with 'dask scheduler', or leave --scheduler out"
            ) from err
        try:
            _require_workers(client, address)
            yield client
        finally:
            client.close()


@contextmanager
def _dask_address(distributed: Any, scale: ScaleOut) -> Iterator[str]:
    """The given scheduler's address, or that of a cluster on the loopback that lives as long as the block."""
    if scale.scheduler is not None:
        yield scale.scheduler
        return
    with distributed.LocalCluster(
        n_workers=joblib.cpu_count() if scale.jobs < 0 else scale.jobs,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        worker_dashboard_address=None,
    ) as cluster:
        yield cluster.scheduler_address


def _require_workers(client: Any, address: str) -> None:
    """A worker that cannot import this package would fail with a message about pickles: ask it beforehand."""
    try:
        client.wait_for_workers(1, timeout=_ANSWER_S)
    except TimeoutError as err:
        raise ConfigurationError(
            f"the Dask scheduler at '{address}' has no worker; start one with 'dask worker {address} --nthreads 1'"
        ) from err
    answers = client.run(_can_import, on_error="return")
    lacking = [worker for worker, answer in answers.items() if answer is not True]
    if lacking:
        raise ConfigurationError(
            f"{len(lacking)} of {len(answers)} Dask workers cannot import emostream; install the same version there: "
            f"{', '.join(map(str, lacking[:3]))}"
        )


def _can_import() -> bool:
    return importlib.import_module("models.samples") is not None


@contextmanager
def _ray(scale: ScaleOut) -> Iterator[None]:
    ray = _package("ray", "ray")
    _package("ray", "ray.util.joblib").register_ray()
    if scale.scheduler:
        _require_answer(scale.scheduler)
        given: dict[str, Any] = {"address": scale.scheduler}
    else:
        given = {"num_cpus": None if scale.jobs < 0 else scale.jobs, "include_dashboard": False}
        given |= {} if scale.network else {"_node_ip_address": "127.0.0.1"}
    try:
        ray.init(log_to_driver=False, **given)
    except (ConnectionError, OSError, ValueError, RuntimeError) as err:
        raise ConfigurationError(
            f"Ray does not start or answer at '{scale.scheduler or 'this machine'}': {err}"
        ) from err
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Ray itself would try for minutes."""
    where = _parts(address)
    try:
        socket.create_connection((where.hostname or "", where.port or 0), timeout=_ANSWER_S).close()
    except (OSError, ValueError) as err:
        raise ConfigurationError(
            f"no Ray cluster answers at '{address}' within {_ANSWER_S:g} s ({err}); "
            "start one with 'ray start --head', or leave --scheduler out"
        ) from err


def _package(backend: str, module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as err:
        raise ConfigurationError(
            f"--backend {backend} needs the package '{_INSTALL[backend]}': pip install '{_INSTALL[backend]}'"
        ) from err


def _check(scale: ScaleOut) -> None:
    if scale.jobs == 0 or scale.jobs < -1:
        raise ConfigurationError(f"--jobs must be -1 (one a core) or at least 1, got {scale.jobs}")
    if scale.scheduler is None:
        return
    if scale.backend not in _INSTALL:
        raise ConfigurationError(
            f"--scheduler {scale.scheduler} needs --backend dask or ray, got --backend {scale.backend}"
        )
    if not scale.network and not _is_loopback(scale.scheduler):
        raise ConfigurationError(
            f"--scheduler {scale.scheduler} is not on this machine: data would leave it; allow that with --network"
        )


def _is_loopback(address: str) -> bool:
    try:
        host = _parts(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(address: str) -> SplitResult:
    return urlsplit(address if "://" in address else f"//{address}")
