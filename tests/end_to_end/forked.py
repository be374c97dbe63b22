"""Run as a process of its own: imports emostream once, then runs each command line it is sent in a fork of itself."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any, NoReturn

import emostream
from realtime.processes import quiet_libraries

_HEAVY = (
    "models.recognizer",
    "realtime.analysis.analyze",
    "realtime.live",
    "realtime.lsl.session",
    "simulators.replay",
)


def _run(request: dict[str, Any]) -> NoReturn:
    os.chdir(request["folder"])
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.environ["EMOSTREAM_SESSION"] = request["session"]
    for name in request["without"]:
        os.environ.pop(name, None)
    sys.argv = ["emostream", *request["arguments"]]
    code = 1
    try:
        emostream.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - shown as the interpreter would, to the test that reads it
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # taking the interpreter down would take longer than the command
    os._exit(code)


def main() -> None:
    quiet_libraries()
    for name in _HEAVY:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
