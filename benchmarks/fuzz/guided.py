"""One reader, with inputs that coverage chooses (atheris): `python -m benchmarks.fuzz.guided TARGET --seconds 60`.

What is found does not end the run: each kind of finding is kept once, as a file in the folder that is given.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

_RSS_LIMIT_MB = 4096
_SLOW_S = 20
_MOST_S = 1.0
_SAID_EVERY_S = 1.0
_LONGEST = 1 << 16


class Guided:
    """Takes inputs, and keeps what is wrong with them."""

    def __init__(self, name: str, folder: Path, kept: Path) -> None:
        import atheris

        from benchmarks.fuzz.child import ROOM_BYTES, Watch, memory, outcome_of
        from benchmarks.fuzz.targets import TARGETS

        self._target, self._kept = TARGETS[name], kept
        self._path, self._watch, self._outcome_of = folder / self._target.file, Watch(), outcome_of
        self.counts = {"read": 0, "refused": 0, "finding": 0}
        self.findings: dict[str, str] = {}
        # the first time, imports are counted too
        self._most_s = float("inf")
        # seeds and readers import what they need when they are first called: what is imported before is not covered
        instrument = atheris.instrument_imports  # pyright: ignore[reportAttributeAccessIssue] made at run time
        with instrument(include=["realtime", "models", "gui", "simulators.puppet", "pyxdf", "tomllib"]):
            self.seeds = self._target.seeds(folder)
            for content in self.seeds:
                self.take(content)
        self._most_s = _MOST_S
        limit = memory() + ROOM_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    def take(self, data: bytes) -> None:
        """One input."""
        self._path.write_bytes(data)
        began_s = time.process_time()
        kind, detail = self._outcome_of(self._target.read, self._path, self._watch)
        took_s = time.process_time() - began_s
        if took_s >= self._most_s and kind != "finding":
            kind, detail = "finding", f"took {took_s:.2f} s of CPU time, instrumented"
        self.counts[kind] += 1
        alike = re.sub(r"\d+", "#", detail)[-120:]
        if kind == "finding" and alike not in self.findings:
            self.findings[alike] = detail
            (self._kept / f"{self._target.name}-{hashlib.sha256(data).hexdigest()[:12]}").write_bytes(data)
            print(f"finding: {detail}", file=sys.stderr, flush=True)

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """Half by libFuzzer, half as `benchmarks.fuzz.mutate` does it, which reaches into packed parts.

        Half begins with an honest file: libFuzzer keeps none that is read in no more places than it is refused in.
        """
        import atheris

        from benchmarks.fuzz.mutate import mutate

        rng = random.Random(seed)
        if not data or rng.random() < 0.5:
            data = rng.choice(self.seeds)
        if rng.random() < 0.5:
            try:
                return mutate(rng, [bytes(data)])[:most]
            except Exception:  # noqa: BLE001  what is spoiled already may not be unpacked
                pass
        return atheris.Mutate(data, most)


def main() -> None:
    """Run one reader for so many seconds, and print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--findings", type=Path, required=True, help="folder for files that are wrongly read")
    asked = parser.parse_args()
    import atheris

    with tempfile.TemporaryDirectory(prefix="guided-") as made:
        folder, corpus = Path(made), Path(made) / "corpus"
        corpus.mkdir()
        guided = Guided(asked.target, folder, asked.findings)
        for i, content in enumerate(guided.seeds):
            (corpus / str(i)).write_bytes(content)
        longest = max(_LONGEST, 2 * max(map(len, guided.seeds)))
        options = [
            f"-max_total_time={asked.seconds}", f"-timeout={_SLOW_S}", f"-rss_limit_mb={_RSS_LIMIT_MB}",
            f"-max_len={longest}", "-verbosity=1", "-close_fd_mask=0", "-handle_int=0",
            f"-artifact_prefix={asked.findings}/{asked.target}-", str(corpus),
        ]  # fmt: skip

        said_s, found = 0.0, 0

        def take(data: bytes) -> None:
            nonlocal said_s, found
            guided.take(data)
            if time.monotonic() - said_s >= _SAID_EVERY_S or len(guided.findings) > found:
                # libFuzzer ends the process without another word
                said = {"target": asked.target, **guided.counts, "findings": sorted(guided.findings.values())}
                (asked.findings / f"{asked.target}.json").write_text(json.dumps(said), encoding="utf-8")
                said_s, found = time.monotonic(), len(guided.findings)

        atheris.Setup([sys.argv[0], *options], take, custom_mutator=guided.mutate)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
