"""The page wasm/ABI.md in Python: what crosses the boundary, and the calls of one live guest."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional, Sequence

from wasmtime import Instance, Module, Store

LEVELS = ["Off", "Shape", "ShapeTiming", "ShapeRewriteDiff"]
ENDPOINTS = ["IngestDoc", "IngestBulk", "Search", "MultiSearch", "Count", "GetById",
             "MultiGet", "DeleteById", "DeleteByQuery", "Cursor", "Admin", "Unknown"]
VERSION, LONGEST_REQUEST, NO_DIRECTIVE, BAD_IMAGE, BAD_DOCUMENT = 1, 16 << 20, 0xFFFF_FFFF, -7, -8
FRAME, DECISION, INFO = map(struct.Struct, ("<I", "<IBBBx", "<40sIIQQ"))

Decision = NamedTuple("Decision", [("level", str), ("ring_buffer", bool), ("capture", bool),
                                   ("decided_by", Optional[str])])
Info = NamedTuple("Info", [("stamp", bytes), ("directives", int), ("image_bytes", int),
                           ("first_end", int), ("last_end", int)])
OFF = Decision("Off", ring_buffer=False, capture=False, decided_by=None)


@dataclass(frozen=True)
class Request:
    """What is known of a request. Labels are pairs: a name may come twice, and the first counts."""

    tenant: str | None = None
    index: str | None = None
    principal: str | None = None
    request_id: str | None = None
    trace_id: str | None = None
    endpoint: str | None = None
    labels: Sequence[tuple[str, str]] = ()

    def encode(self) -> bytes | None:
        """None if it is longer than can be, or has text that is not Unicode."""
        *facts, endpoint, labels = vars(self).values()
        given = sum(1 << bit for bit, fact in enumerate([*facts, endpoint]) if fact is not None)
        kind = 0 if endpoint is None else ENDPOINTS.index(endpoint)
        try:
            texts = [(fact or "").encode() for fact in facts]
            pairs = [text.encode() for name, value in labels for text in (name, value)]
            header = struct.pack("<BB7H", given, kind, len(labels), *map(len, texts), 0)
            lengths = struct.pack(f"<{len(pairs)}H", *map(len, pairs))
        except (struct.error, UnicodeEncodeError):
            return None
        encoded = b"".join([header, lengths, *texts, *pairs])
        return encoded if len(encoded) <= LONGEST_REQUEST else None


class Refused(Exception):
    """A status of the guest. If it refuses a document or an image, `why` tells reason and place."""

    def __init__(self, status: int, why: Any = None) -> None:
        super().__init__(f"{why['message']} [{why['reason']}]" if why else f"status {status}")
        self.why = why


class Live:
    """One instance of the guest, for one thread. After a trap it is worth nothing."""

    def __init__(self, store: Store, module: Module) -> None:
        self.store, self._place, self._room = store, 0, 0
        self._exports: Any = Instance(store, module, []).exports(store)
        self._memory: Any = self._exports["memory"]
        if self._call("aldis_abi_version") != VERSION:
            raise ValueError(f"not a guest of ABI version {VERSION}")

    def load(self, function: str, payload: bytes, *anchor: int) -> int:
        self._memory.write(self.store, payload, self._call("aldis_set_reserve", len(payload)))
        return self._call(function, len(payload), *anchor)

    def evaluate(self, request: bytes, now: int) -> Decision:
        return self._decisions(self._call("aldis_evaluate", self._ask(request), now).to_bytes(8, "little"))[0]

    def evaluate_batch(self, requests: Sequence[bytes], now: int) -> list[Decision]:
        length = self._ask(b"".join(FRAME.pack(len(request)) + request for request in requests))
        if self._call("aldis_evaluate_batch", length, now) != len(requests):
            raise ValueError("what stands in the buffer are requests, and no decisions")
        return self._decisions(self._read(self._place, len(requests) * DECISION.size))

    def explain(self, request: bytes, now: int) -> list[dict[str, Any]]:
        length, lines = self._ask(request), list[Any]()
        while page := self._output("aldis_explain", length, now, len(lines)):
            lines += map(json.loads, page.splitlines())
        return lines

    def info(self) -> Info:
        return Info(*INFO.unpack(self._output("aldis_info")))

    def _decisions(self, packed: bytes) -> list[Decision]:
        deciding = {place for place, *_, status in DECISION.iter_unpack(packed) if not status and place != NO_DIRECTIVE}
        ids = {place: self._output("aldis_directive_id", place).decode() for place in deciding}
        return [OFF if status else Decision(LEVELS[level], bool(flags & 1), bool(flags & 2), ids.get(place))
                for place, level, flags, status in DECISION.iter_unpack(packed)]

    def _ask(self, content: bytes) -> int:
        if len(content) > self._room:
            self._place, self._room = self._call("aldis_request_reserve", len(content)), len(content)
        self._memory.write(self.store, content, self._place)
        return len(content)

    def _output(self, function: str, *arguments: int) -> bytes:
        length = self._call(function, *arguments)
        return self._read(self._call("aldis_output"), length)

    def _read(self, place: int, length: int) -> bytes:
        if len(content := self._memory.read(self.store, place, place + length)) < length:
            raise IndexError("a place outside of the guest's memory")
        return bytes(content)

    def _call(self, function: str, *arguments: int) -> int:
        result: int = self._exports[function](self.store, *arguments)
        if result < 0:
            bad = function.startswith("aldis_load_") and result in (BAD_IMAGE, BAD_DOCUMENT)
            raise Refused(result, json.loads(self._output("aldis_last_error")) if bad else None)
        return result
