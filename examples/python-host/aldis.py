"""A host of the Aldis guest in Python: the page as `aldis_abi` has it, and the care that a proxy wants around it."""

from __future__ import annotations

import threading
import time
import weakref
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple, Sequence

from wasmtime import Config, Engine, Module, Store, Trap, WasmtimeError

from aldis_abi import Decision, Info, Live, Request

OFF = Decision("Off", ring_buffer=False, capture=False, decided_by=None)
BROKEN = (Trap, WasmtimeError, IndexError)  # the last for a place outside of the guest's memory
TICKS_PER_SECOND = 100


class Limits(NamedTuple):
    """What a guest may use: far more than it needs, as seconds pass also while a thread waits for its turn."""

    memory_bytes: int = 256 << 20
    decide_seconds: float = 1.0
    load_seconds: float = 10.0


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
    """One guest for one thread. If it breaks, a new one takes over what is in force. Times are milliseconds
    since the epoch."""

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
        encoded = request.encode()
        with self._guest(self._limits.decide_seconds) as guest:
            return OFF if encoded is None else guest.evaluate(encoded, now)
        return OFF

    def evaluate_batch(self, requests: Sequence[Request], now: int) -> list[Decision]:
        """Decides on many, up to 16 MiB of them, in one call."""
        encoded = [request.encode() for request in requests]
        with self._guest(self._limits.decide_seconds) as guest:
            decisions = iter(guest.evaluate_batch([it for it in encoded if it is not None], now))
            return [OFF if it is None else next(decisions) for it in encoded]
        return [OFF] * len(encoded)

    def explain(self, request: Request, now: int) -> list[dict[str, Any]]:
        """Says of every directive whether it applies and, if not, why: `id`, `applies`, `why`."""
        encoded = request.encode()
        with self._guest(self._limits.load_seconds) as guest:
            return [] if encoded is None else guest.explain(encoded, now)
        return []

    def info(self) -> Info | None:
        """What the guest says of the set in force, unless it breaks at it."""
        with self._guest(self._limits.load_seconds) as guest:
            return guest.info()
        return None

    def _load(self, *load: Any) -> int:
        with self._guest(self._limits.load_seconds) as guest:
            directives = guest.load(*load)
            self._in_force = load
            return directives
        raise RuntimeError("the guest broke at this set; the one before stays in force")

    @contextmanager
    def _guest(self, seconds: float) -> Iterator[Live]:
        """A live guest for so long. One that breaks is thrown away, and whoever asks next gets a new one."""
        try:
            self._live = self._live or self._start()
            self._live.store.set_epoch_deadline(round(seconds * TICKS_PER_SECOND) + 1)
            yield self._live
        except BROKEN:
            self._live = None

    def _start(self) -> Live:
        store = Store(self._program.engine)
        store.set_limits(self._limits.memory_bytes, table_elements=10_000, instances=1, tables=1, memories=1)
        store.set_epoch_deadline(round(self._limits.load_seconds * TICKS_PER_SECOND) + 1)
        live = Live(store, self._program.module)
        if self._in_force:
            live.load(*self._in_force)
        return live
