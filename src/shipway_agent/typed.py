"""Names for annotations in, what stands for them at run time out: nothing ever looks at an annotation of the agent.

`typing` makes a hundred classes and brings regular expressions along, a tenth of what a session needs before it can answer. For a type
checker these are the names of `typing`. At run time `NamedTuple` makes the same class, and the others may be called, subscribed and
derived from without any effect.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        IO,
        AbstractSet,
        Any,
        BinaryIO,
        Callable,
        Collection,
        Deque,
        Dict,
        FrozenSet,
        Generator,
        Iterable,
        Iterator,
        List,
        Mapping,
        NamedTuple,
        NoReturn,
        Optional,
        Protocol,
        Sequence,
        Set,
        Tuple,
        Type,
        TypeVar,
        Union,
        cast,
    )

    __all__ = [
        "IO",
        "AbstractSet",
        "Any",
        "BinaryIO",
        "Callable",
        "Collection",
        "Deque",
        "Dict",
        "FrozenSet",
        "Generator",
        "Iterable",
        "Iterator",
        "List",
        "Mapping",
        "NamedTuple",
        "NoReturn",
        "Optional",
        "Protocol",
        "Sequence",
        "Set",
        "Tuple",
        "Type",
        "TypeVar",
        "Union",
        "cast",
    ]
else:

    class _Nothing:
        """Stands for a type."""

        def __getitem__(self, _):
            return self

        def __call__(self, *_, **__):
            return self

        def __mro_entries__(self, _):
            return ()

    class _NamedTuple:
        """As a base: the class becomes a named tuple of its annotations."""

        def __mro_entries__(self, _):
            return (_Fields,)

    class _Making(type):
        def __new__(cls, name, bases, space):
            if not bases:
                return type.__new__(cls, name, bases, space)
            from collections import namedtuple

            fields = list(space["__annotations__"])
            defaults = [space.pop(field) for field in fields if field in space]
            made = namedtuple(name, fields, defaults=defaults, module=space["__module__"])
            for key, value in space.items():
                if key not in ("__module__", "__annotations__", "__orig_bases__"):
                    setattr(made, key, value)
            return made

    class _Fields(metaclass=_Making):
        pass

    _nothing, NamedTuple = _Nothing(), _NamedTuple()

    def cast(_, value):
        """The value itself."""
        return value

    def __getattr__(name):
        if name.startswith("_"):
            raise AttributeError(name)
        return _nothing
