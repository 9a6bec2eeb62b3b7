"""A class with annotations in, a record out: what `dataclasses` makes of it, without what that costs each login.

Importing `dataclasses` brings `inspect`, `ast` and `dis` along, and it compiles six methods for each class: together a third of the time
that a session needs before it can answer. Here one method is compiled, for the classes of which there ever is an instance, when there is
the first. For a type checker, and for the functions of `dataclasses` (its `replace`, `fields`, `is_dataclass`), these are dataclasses.
"""

from __future__ import annotations

from shipway_agent.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import asdict, astuple, dataclass, field, replace

    __all__ = ["asdict", "astuple", "dataclass", "field", "replace"]
else:
    NOTHING = object()

    class _Field:
        """What stands behind one name: a default, or what makes one."""

        def __init__(self, default, default_factory=NOTHING, repr=True, compare=True, metadata=None):
            self.default, self.default_factory, self.repr = default, default_factory, repr
            self.compare, self.metadata = compare, metadata

    def field(*, default=NOTHING, default_factory=NOTHING, repr=True, compare=True, metadata=None):
        """A name's default where it is not a plain value, whether it is shown and compared, and what else is known of it."""
        return _Field(default, default_factory, repr, compare, metadata)

    def dataclass(cls=None, *, frozen=False, eq=True, kw_only=False, slots=False):
        """Make a record of a class. `frozen` ones cannot be changed and have a hash; without `eq` each is equal to itself alone.

        `kw_only` ones take no value by its place. `slots` are for the type checker, which then knows of every name: here they would be
        a second class.
        """
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, eq=eq, kw_only=kw_only)
        fields = {}
        for base in reversed(cls.__mro__[1:]):
            fields.update(vars(base).get("_fields", {}))
        for name in vars(cls).get("__annotations__") or cls.__annotations__:
            default = vars(cls).get(name, NOTHING)
            fields[name] = default if isinstance(default, _Field) else _Field(default)
            if default is fields[name]:
                delattr(cls, name)
        cls._fields, cls._by_name = fields, kw_only
        cls.__dataclass_fields__ = _Known()
        cls.__init__ = _first_init
        cls.__repr__ = _shown
        if eq:
            cls.__eq__ = _equal
            cls.__hash__ = _hashed if frozen else None
        if frozen:
            cls.__setattr__ = cls.__delattr__ = _refused
        return cls

    def replace(record, /, **changes):
        """The same record with other values."""
        return type(record)(**{**record.__dict__, **changes})

    def asdict(record):
        """Its values by name, records in it too."""
        return _plain(record, lambda one: {name: _plain(getattr(one, name), asdict) for name in one._fields})

    def astuple(record):
        """Its values in order, records in it too."""
        return _plain(record, lambda one: tuple(_plain(getattr(one, name), astuple) for name in one._fields))

    def _plain(value, of_record):
        if hasattr(type(value), "_fields") and not isinstance(value, tuple):
            return of_record(value)
        if isinstance(value, (list, tuple)):
            parts = [_plain(part, of_record) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
        if isinstance(value, dict):
            return {key: _plain(part, of_record) for key, part in value.items()}
        return value

    def _first_init(self, *args, **values):
        """Stands in until there is an instance: then the class gets its own."""
        owner = next(cls for cls in type(self).__mro__ if vars(cls).get("__init__") is _first_init)
        owner.__init__ = _init_of(owner)
        owner.__init__(self, *args, **values)

    def _init_of(cls):
        known = {"NOTHING": NOTHING}
        words, lines = ["self", *(["*"] if cls._by_name and cls._fields else [])], ["    d = self.__dict__"]
        for name, one in cls._fields.items():
            known[f"_{name}"] = one.default if one.default_factory is NOTHING else one.default_factory
            made = one.default_factory is not NOTHING
            words.append(name if one.default is NOTHING and not made else f"{name}={'NOTHING' if made else f'_{name}'}")
            lines.append(f"    d['{name}'] = {f'_{name}() if {name} is NOTHING else {name}' if made else name}")
        if hasattr(cls, "__post_init__"):
            lines.append("    self.__post_init__()")
        exec("\n".join([f"def __init__({', '.join(words)}):", *lines]), known)  # noqa: S102  # of our own classes alone
        return known["__init__"]

    def _shown(self):
        shown = (f"{name}={getattr(self, name)!r}" for name, one in self._fields.items() if one.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _equal(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        return self.__dict__ == other.__dict__ or _compared(self) == _compared(other)

    def _hashed(self):
        return hash(_compared(self))

    def _compared(self):
        values = self.__dict__
        return tuple(values[name] for name, one in self._fields.items() if one.compare)

    def _refused(self, name, *value):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot change field {name!r}")

    class _Known:
        """What the functions of `dataclasses` read, made when they first do."""

        def __get__(self, record, cls):
            import dataclasses

            made = []
            for name, one in cls._fields.items():
                given = {"default": one.default} if one.default is not NOTHING else {}
                given = given if one.default_factory is NOTHING else {"default_factory": one.default_factory}
                made.append(
                    (name, object, dataclasses.field(repr=one.repr, compare=one.compare, metadata=one.metadata, kw_only=True, **given))
                )
            known = dataclasses.make_dataclass(cls.__name__, made).__dataclass_fields__
            cls.__dataclass_fields__ = known
            return known
