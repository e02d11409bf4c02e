"""python3 main.py aldis_guest.wasm directives.json

Each line of stdin is a request, as JSON, and gets a line with its decision."""

import json
import sys
import time
from pathlib import Path

from aldis import Guest, Program
from aldis_abi import Refused, Request


def now() -> int:
    return time.time_ns() // 1_000_000


def main(module: str, document: str) -> None:
    guest = Guest(Program(Path(module).read_bytes()))
    try:
        guest.load_document(Path(document).read_bytes(), anchor=now())
    except Refused as refused:
        sys.exit(f"{document}:{refused.why['line']}:{refused.why['column']}: {refused}")
    for line in sys.stdin.buffer:
        decision = guest.evaluate(Request(**json.loads(line)), now())
        print(json.dumps(decision._asdict(), separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
