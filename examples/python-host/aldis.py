"""A host of the Aldis guest in Python: the page as `aldis_abi` has it, and the care that a proxy wants around it."""

from __future__ import annotations

import struct
import threading
import time
import weakref
from typing import Any, Callable, NamedTuple, Sequence, TypeVar

from wasmtime import Config, Engine, Module, Store, Trap, WasmtimeError

from aldis_abi import OFF, Decision, Info, Live, Refused, Request

# It is stopped, or it lies: about a place in its memory, or with what cannot be what it says it is.
BROKEN = (Trap, WasmtimeError, IndexError, ValueError, OverflowError, struct.error)
TICKS_PER_SECOND = 100
T, U = TypeVar("T"), TypeVar("U")


class Limits(NamedTuple):
    """What a guest may use: far more than it needs, as seconds pass also while a thread waits for its turn."""

    memory_bytes: int = 256 << 20
    decide_seconds: float = 1.0  # for one request
    load_seconds: float = 10.0  # and for a batch, an explanation, and what is in force


class Program:
    """The guest, compiled once for all threads. While it is in use one more thread ticks, for the deadlines."""

    def __init__(self, wasm: bytes) -> None:
        config = Config()
        config.epoch_interruption = True
        config.max_wasm_stack = 256 << 10  # not every thread has the stack of the first
        self.engine = Engine(config)
        self.module = Module(self.engine, wasm)
        threading.Thread(target=_tick, args=[weakref.ref(self.engine)], daemon=True).start()


def _tick(engine: weakref.ref[Engine]) -> None:
    while (ticking := engine()) is not None:
        ticking.increment_epoch()
        del ticking
        time.sleep(1 / TICKS_PER_SECOND)


class Guest:
    """One guest for one thread. If it breaks, a new one takes over. Times are milliseconds since the epoch."""

    def __init__(self, program: Program, limits: Limits = Limits()) -> None:
        self._program, self._limits = program, limits
        self._in_force: tuple[Any, ...] | None = None
        self._live: Live | None = self._start()

    def load_document(self, body: bytes, anchor: int, stamp: bytes = bytes(40)) -> int:
        """Puts a document in force, its `ttl_secs` counted from `anchor`, and gives the number of directives.
        What the guest does not take is `Refused`; the set before it stays in force."""
        return self._load("aldis_load_document", body + stamp, anchor)

    def load_image(self, body: bytes, stamp: bytes = bytes(40)) -> int:
        """The same with an image that `aldis-core` made; its times are absolute."""
        return self._load("aldis_load_image", body + stamp)

    def evaluate(self, request: Request, now: int) -> Decision:
        """Decides; `OFF` if the guest breaks at it or cannot be asked."""
        if (encoded := request.encode()) is None:
            return OFF
        return self._asked(self._limits.decide_seconds, lambda guest: guest.evaluate(encoded, now), OFF)

    def evaluate_batch(self, requests: Sequence[Request], now: int) -> list[Decision]:
        """Decides on many in one call. More than 16 MiB of them cannot be asked, and are all `OFF`."""
        encoded = [request.encode() for request in requests]
        asked, off = [it for it in encoded if it is not None], [OFF] * len(encoded)
        decisions = iter(self._asked(self._limits.load_seconds, lambda guest: guest.evaluate_batch(asked, now), off))
        return [OFF if it is None else next(decisions) for it in encoded]

    def explain(self, request: Request, now: int) -> list[dict[str, Any]]:
        """Says of every directive whether it applies and, if not, why: `id`, `applies`, `why`."""
        if (encoded := request.encode()) is None:
            return []
        return self._asked(self._limits.load_seconds, lambda guest: guest.explain(encoded, now), [])

    def info(self) -> Info | None:
        """What the guest says of the set in force, unless it breaks at it."""
        return self._asked(self._limits.load_seconds, Live.info, None)

    def _load(self, *load: Any) -> int:
        def put_in_force(guest: Live) -> int | Refused:
            try:
                directives, self._in_force = guest.load(*load), load
                return directives
            except Refused as refused:
                return refused
        broken = RuntimeError("the guest broke at this set; the one before stays in force")
        if isinstance(result := self._asked(self._limits.load_seconds, put_in_force, broken), Exception):
            raise result
        return result

    def _asked(self, seconds: float, ask: Callable[[Live], T], otherwise: U) -> T | U:
        """What a live guest answers in time. One that breaks is thrown away, and whoever asks next gets a new one."""
        try:
            self._live = self._live or self._start()
            self._live.store.set_epoch_deadline(round(seconds * TICKS_PER_SECOND) + 1)
            return ask(self._live)
        except Refused:
            pass  # and it lives on
        except BROKEN:
            self._live = None
        return otherwise

    def _start(self) -> Live:
        store = Store(self._program.engine)
        store.set_limits(self._limits.memory_bytes, table_elements=10_000, instances=1, tables=1, memories=1)
        store.set_epoch_deadline(round(self._limits.load_seconds * TICKS_PER_SECOND) + 1)
        live = Live(store, self._program.module)
        if self._in_force:
            live.load(*self._in_force)
        return live
