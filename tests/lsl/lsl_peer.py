"""Run by the tests as a process of its own: executes statements that arrive as JSON lines."""

from __future__ import annotations

import gc
import json
import os
import sys
import traceback


def main() -> None:
    scope: dict[str, object] = {}
    if "--bare" not in sys.argv:
        from realtime.lsl import session

        session.configure()
        exec("import numpy as np, pylsl\nfrom realtime.packets import *\nfrom realtime.lsl.outlets import *", scope)
    fresh = dict(scope)
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries that print must not get between the replies
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("reset"):
            scope = dict(fresh)  # outlets close with the names that held them
            gc.collect()
        scope.update(request["values"])
        scope["result"] = None
        try:
            exec(request["code"], scope)
            reply = {"result": scope["result"]}
        except Exception:  # noqa: BLE001 - goes to the test, which fails with it
            reply = {"error": traceback.format_exc()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
