"""A guest in Python behind a pipe, for tests/guest_vectors/piped.rs: each line of stdin is a call, and gets a line with
what came of it. The host under test, and the module, are named on the command line."""

import json
import sys
from pathlib import Path

host, module = map(Path, sys.argv[1:])
sys.path.insert(0, str(host.parent))

from aldis import Guest, Program
from aldis_abi import Refused, Request

guest = Guest(Program(module.read_bytes()))


def info():
    found = guest.info()
    return found and {**found._asdict(), "stamp": list(found.stamp)}


# Times are decimal strings, as JavaScript would misread those past 2^53.
CALLS = {
    "document": lambda file, anchor: guest.load_document(Path(file).read_bytes(), int(anchor)),
    "image": lambda file, anchor: guest.load_image(Path(file).read_bytes(), stamp=bytes(range(40))),
    "evaluate": lambda request, now: guest.evaluate(Request(**request), int(now))._asdict(),
    "batch": lambda requests, now: [
        decision._asdict() for decision in guest.evaluate_batch([Request(**it) for it in requests], int(now))
    ],
    "explain": lambda request, now: guest.explain(Request(**request), int(now)),
    "info": info,
}


def answer(call, **arguments):
    try:
        return {"ok": CALLS[call](**arguments)}
    except Refused as refused:
        return {"refused": refused.why} if refused.why else {"broken": str(refused)}
    except Exception as error:
        return {"broken": repr(error)}


for line in sys.stdin.buffer:
    print(json.dumps(answer(**json.loads(line))), flush=True)
