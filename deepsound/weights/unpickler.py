"""A restricted unpickler: rebuilds containers, numbers and text; calls given makers only.

Python's own unpicklers look names up and call what they find. This one interprets the opcodes itself: a name stands for
what the caller's table holds under it, and only a `Maker` from that table can be called. It allocates nothing that is
not in the file.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import IO, Any

_Step = Callable[["Unpickler", Any], None]


class RefusedName(Exception):
    """The pickle names something that is no data; the message is its dotted name."""


class Malformed(Exception):
    """The pickle is damaged, or holds what no checkpoint does."""


class Token:
    """A name that means something as an argument and can neither be called nor built."""

    def __init__(self, dotted: str) -> None:
        self.dotted = dotted


class Maker:
    """A function of this project under a pickled name: it takes data and returns data."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function


class PendingObject:
    """An object that a later BUILD finishes: `build` takes the pickled state and returns the finished value."""

    finished: Any = None

    def build(self, state: Any) -> Any:
        raise NotImplementedError


class Unpickler:
    """Reads one pickle. `names` are what dotted names stand for, `persistent` answers the ids of stored tensors."""

    def __init__(self, names: Mapping[str, Any], persistent: Callable[[Any], Any]) -> None:
        self.names, self.persistent = names, persistent
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def load(self, file: IO[bytes]) -> Any:
        """The next pickle's value. Raises RefusedName, Malformed, and what Python raises on nonsense."""
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return self.pop()
            step = _STEPS.get(opcode.name)
            if step is None:
                raise Malformed(f"the opcode {opcode.name} does not occur in a checkpoint")
            step(self, argument)
        raise Malformed("the pickle has no end")

    def pop(self) -> Any:
        if not self.stack or (self.marks and len(self.stack) <= self.marks[-1]):
            raise Malformed("the pickle takes more than it has put down")
        value = self.stack.pop()
        return value.finished if isinstance(value, PendingObject) and value.finished is not None else value

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def since_mark(self) -> list[Any]:
        if not self.marks:
            raise Malformed("the pickle closes what it has not opened")
        begin = self.marks.pop()
        values = [
            value.finished if isinstance(value, PendingObject) and value.finished is not None else value
            for value in self.stack[begin:]
        ]
        del self.stack[begin:]
        return values

    def top(self, kind: type | tuple[type, ...]) -> Any:
        if not self.stack or not isinstance(self.stack[-1], kind):
            raise Malformed("the pickle adds to something that is no container")
        return self.stack[-1]

    def name(self, dotted: str) -> None:
        if dotted not in self.names:
            raise RefusedName(dotted)
        self.push(self.names[dotted])

    def call(self, arguments: Any) -> None:
        maker = self.pop()
        if isinstance(maker, Token):
            raise RefusedName(maker.dotted)
        if not isinstance(maker, Maker) or not isinstance(arguments, tuple):
            raise Malformed("the pickle calls something that is no function")
        self.push(maker.function(*arguments))

    def finish(self, state: Any) -> None:
        target = self.top((PendingObject, OrderedDict))
        # An OrderedDict's state is a state dict's `_metadata`: versions of modules, of no use here.
        if isinstance(target, PendingObject):
            target.finished = self.stack[-1] = target.build(state)

    def remember(self, key: int | None) -> None:
        self.memo[len(self.memo) if key is None else key] = self.top(object)

    def recall(self, key: int) -> None:
        if key not in self.memo:
            raise Malformed("the pickle repeats what it has not said")
        value = self.memo[key]
        self.push(value.finished if isinstance(value, PendingObject) and value.finished is not None else value)


def _literal(machine: Unpickler, argument: Any) -> None:
    machine.push(argument)


def _constant(value: Any) -> _Step:
    return lambda machine, _: machine.push(value)


def _empty(kind: Callable[[], Any]) -> _Step:
    return lambda machine, _: machine.push(kind())


def _collect_marked(kind: Callable[[list[Any]], Any]) -> _Step:
    return lambda machine, _: machine.push(kind(machine.since_mark()))


def _tuple_of(count: int) -> _Step:
    return lambda machine, _: machine.push(tuple([machine.pop() for _ in range(count)][::-1]))


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(values[::2], values[1::2], strict=True))


def _append(machine: Unpickler, _: Any) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _set_item(machine: Unpickler, _: Any) -> None:
    value, key = machine.pop(), machine.pop()
    machine.top(dict)[key] = value


def _appends(machine: Unpickler, _: Any) -> None:
    values = machine.since_mark()
    machine.top(list).extend(values)


def _set_items(machine: Unpickler, _: Any) -> None:
    values = machine.since_mark()
    machine.top(dict).update(_pairs(values))


def _add_items(machine: Unpickler, _: Any) -> None:
    values = machine.since_mark()
    machine.top(set).update(values)


def _mark(machine: Unpickler, _: Any) -> None:
    machine.marks.append(len(machine.stack))


def _drop_mark(machine: Unpickler, _: Any) -> None:
    machine.since_mark()


def _drop(machine: Unpickler, _: Any) -> None:
    machine.pop()


def _repeat(machine: Unpickler, _: Any) -> None:
    machine.push(machine.top(object))


def _global(machine: Unpickler, argument: str) -> None:
    machine.name(argument.replace(" ", ".", 1))


def _stack_global(machine: Unpickler, _: Any) -> None:
    name, module = machine.pop(), machine.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Malformed("a name in the pickle is no text")
    machine.name(f"{module}.{name}")


def _ignore(machine: Unpickler, _: Any) -> None:
    pass


_LITERALS = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8"),
)
_STEPS: dict[str, _Step] = {
    **dict.fromkeys(_LITERALS, _literal),
    **dict.fromkeys(("PROTO", "FRAME"), _ignore),
    "NONE": _constant(None),
    "NEWTRUE": _constant(True),
    "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()),
    "EMPTY_LIST": _empty(list),
    "EMPTY_DICT": _empty(dict),
    "EMPTY_SET": _empty(set),
    "LIST": _collect_marked(list),
    "TUPLE": _collect_marked(tuple),
    "DICT": _collect_marked(_pairs),
    "FROZENSET": _collect_marked(frozenset),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "ADDITEMS": _add_items,
    "MARK": _mark,
    "POP": _drop,
    "POP_MARK": _drop_mark,
    "DUP": _repeat,
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": lambda machine, _: machine.call(machine.pop()),
    "NEWOBJ": lambda machine, _: machine.call(machine.pop()),
    "BUILD": lambda machine, _: machine.finish(machine.pop()),
    "BINPERSID": lambda machine, _: machine.push(machine.persistent(machine.pop())),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), lambda machine, key: machine.remember(key)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, key: machine.recall(key)),
}
