"""The base of every published event, and the register of all of them."""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

Owner = Literal["intake", "routing", "notify"]
EVENTS: dict[str, type["Event"]] = {}
"""Every published event by its name; filled as the owners' modules are imported (`shared.contracts` imports all)."""


class Event(BaseModel):
    """A published fact. The class name is the event's name; `type` on the wire is `huiyin.<aggregate>.<Name>.v<version>`.

    Subclasses say `owner` (the only service that may emit it) and `aggregate` as class keywords. Data that a newer release
    added is ignored by an older reader, so old and new samples both parse.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner: ClassVar[Owner]
    aggregate: ClassVar[str]
    schema_version: ClassVar[int] = 1

    def __init_subclass__(cls, *, owner: Owner, aggregate: str = "issue", **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)  # pyright: ignore[reportArgumentType]
        cls.owner = owner
        cls.aggregate = aggregate
        former = EVENTS.setdefault(cls.__name__, cls)
        if former.__module__ != cls.__module__:
            raise TypeError(f"{cls.__name__} is already defined in {former.__module__}: an event has one definition")
        EVENTS[cls.__name__] = cls

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents `type` of this event."""
        return f"huiyin.{cls.aggregate}.{cls.__name__}.v{cls.schema_version}"


class UnknownEvent(ValueError):
    """A type that no contract defines: never ignored in silence."""


def event_class(type_name: str) -> type[Event]:
    """The model behind a CloudEvents `type`. Raises `UnknownEvent`."""
    parts = type_name.split(".")
    found = EVENTS.get(parts[2]) if len(parts) == 4 and parts[0] == "huiyin" else None
    if found is None or found.type_name() != type_name:
        raise UnknownEvent(type_name)
    return found
