"""``[fixity]``: how often every replica is read again, and how much of that is done in a day."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, model_validator

from preservation.errors import ConfigurationError
from preservation.model.identifiers import StoreName
from preservation.policy.words import PolicyTable, UniqueList

_PERIOD = r"([1-9][0-9]{0,4}) (day|week|month|year)s?"
_SIZE = r"([0-9]{1,6}(?:\.[0-9]{1,3})?) (kB|MB|GB|TB|PB)"
_HOURS = r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])"
_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}
_GIGABYTE = 10**9
_BYTES = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}


def _period(text: str) -> str:
    if re.fullmatch(_PERIOD, text) is None:
        raise ValueError(f"{text[:40]!r} is no period; write it as in 90 days, 2 weeks, 6 months or 1 year")
    return text


def _size(text: str) -> str:
    if re.fullmatch(_SIZE, text) is None or not _bytes_of(text):
        raise ValueError(f"{text[:40]!r} is no size; write it as in 500 GB or 2.5 TB")
    return text


def _hours(text: str) -> str:
    if re.fullmatch(_HOURS, text) is None or text[:5] == text[6:]:
        raise ValueError(f"{text[:40]!r} are no hours of the day; write them as in 20:00-06:00")
    return text


Period: TypeAlias = Annotated[
    str, AfterValidator(_period), Field(json_schema_extra={"pattern": f"^{_PERIOD}$"})
]
Size: TypeAlias = Annotated[str, AfterValidator(_size), Field(json_schema_extra={"pattern": f"^{_SIZE}$"})]
Hours: TypeAlias = Annotated[str, AfterValidator(_hours), Field(json_schema_extra={"pattern": f"^{_HOURS}$"})]
Weekday: TypeAlias = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

_WEEK: tuple[Weekday, ...] = get_args(Weekday)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReadingPace:
    """How a store's replicas are read again: each within ``every``, within the limits of a day.

    ``bytes_a_day``, ``files_a_day`` and ``bytes_a_second`` are ``None`` where there is no limit; ``hours``
    are when a reading may go on, in the local time of the worker, the end excluded, and ``weekdays`` the days
    on which these hours begin; none are all of them. ``price`` is what reading a gigabyte (10^9 bytes) costs,
    and ``money_a_day`` how much may be spent on that.
    ``provider_checksums``: what the provider states is compared, too.
    """

    every: timedelta
    bytes_a_day: int | None = None
    files_a_day: int | None = None
    bytes_a_second: int | None = None
    hours: tuple[time, time] | None = None
    price: float | None = None
    money_a_day: float | None = None
    provider_checksums: bool = False
    weekdays: tuple[Weekday, ...] = ()

    @property
    def days_open(self) -> int:
        """On how many of the days in which each replica is to be read a reading may go on; at least one."""
        return max(1, self.every.days * len(self.weekdays or _WEEK) // len(_WEEK))

    @property
    def window(self) -> str:
        """When a reading may go on, for people; empty where it may at any time."""
        days = ", ".join(self.weekdays)
        hours = "" if self.hours is None else f"{self.hours[0]:%H:%M}-{self.hours[1]:%H:%M}"
        return " ".join(part for part in (days, hours) if part)

    def cost(self, size: int) -> float | None:
        """Return what reading so many bytes costs; ``None`` where there is no price."""
        return None if self.price is None else self.price * size / _GIGABYTE

    def bytes_for(self, money: float | None) -> int | None:
        """Return how many bytes can be read for so much money; ``None``: there is no price, or no limit."""
        if money is None or not self.price:
            return None
        return max(0, math.floor(money / self.price * _GIGABYTE))

    def is_open(self, local: datetime) -> bool:
        """Return whether a reading may go on at that local time."""
        if self.hours is None:
            return self._is_weekday(local)
        begin, end = self.hours
        at = local.time()
        if begin < end:
            return begin <= at < end and self._is_weekday(local)
        # What begins in the evening of a day goes on into the next one.
        return (at >= begin and self._is_weekday(local)) or (at < end and self._is_weekday(local - _A_DAY))

    def _is_weekday(self, local: datetime) -> bool:
        return not self.weekdays or _WEEK[local.weekday()] in self.weekdays


_WITHOUT_PRICE = "money is a limit only where there is a price; give the store one, in [[fixity.store]]"


class _Limits(PolicyTable):
    """What ``[fixity]`` says of every store, and ``[[fixity.store]]`` of one."""

    budget: Size | None = Field(default=None, description="bytes that are read in a day at most")
    requests: int | None = Field(default=None, ge=1, description="files that are read in a day at most")
    money: float | None = Field(
        default=None,
        strict=False,
        gt=0,
        allow_inf_nan=False,
        description="what reading costs in a day at most, by the price of the store",
    )
    rate: Size | None = Field(default=None, description="bytes that are read in a second at most")
    hours: Hours | None = Field(
        default=None, description="when replicas may be read, by the local time of the worker"
    )
    days: UniqueList[Weekday] = Field(
        default=(), description="the days of the week on which replicas may be read, or these hours begin"
    )


class FixityOfStore(_Limits):
    """``[[fixity.store]]``: what differs for one store."""

    name: StoreName = Field(description="the store")
    every: Period | None = Field(default=None, description="how often each replica in it is read")
    price: float | None = Field(
        default=None,
        strict=False,
        ge=0,
        allow_inf_nan=False,
        description="what reading a gigabyte of it costs",
    )
    provider_checksums: bool = Field(
        default=False, description="compare what its provider states, too; that counts as no reading"
    )

    @model_validator(mode="after")
    def _has_a_price(self) -> Self:
        if self.money is not None and not self.price:
            raise ValueError(_WITHOUT_PRICE)
        return self


class Fixity(_Limits):
    """``[fixity]``: every byte of every replica is read again, for ever."""

    every: Period = Field(default="90 days", description="how often each replica is read again")
    stores: tuple[FixityOfStore, ...] = Field(
        default=(), strict=False, alias="store", description="what differs for some stores"
    )

    @model_validator(mode="after")
    def _has_prices(self) -> Self:
        if self.money is not None and not any(one.price for one in self.stores):
            raise ValueError(_WITHOUT_PRICE)
        return self

    def pace(self, store: StoreName) -> ReadingPace:
        """Return how the replicas in ``store`` are read again."""
        own = next((one for one in self.stores if one.name == store), FixityOfStore(name=store))
        budget, rate, hours = own.budget or self.budget, own.rate or self.rate, own.hours or self.hours
        return ReadingPace(
            every=_days_of(own.every or self.every),
            bytes_a_day=None if budget is None else _bytes_of(budget),
            files_a_day=own.requests or self.requests,
            bytes_a_second=None if rate is None else _bytes_of(rate),
            hours=None if hours is None else (time.fromisoformat(hours[:5]), time.fromisoformat(hours[6:])),
            price=own.price,
            weekdays=own.days or self.days,
            provider_checksums=own.provider_checksums,
            money_a_day=own.money if own.money is not None else self.money,
        )


def size_in_bytes(text: str) -> int:
    """Return a size that a person writes as in ``500 GB``. Raises ``ConfigurationError`` where it is none."""
    try:
        return _bytes_of(_size(text))
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _days_of(text: str) -> timedelta:
    number, _, unit = text.partition(" ")
    return timedelta(days=int(number) * _DAYS[unit.removesuffix("s")])


def _bytes_of(text: str) -> int:
    number, _, unit = text.partition(" ")
    return int(float(number) * _BYTES[unit])
