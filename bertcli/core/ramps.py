"""Numbers that may move while a run goes on: a weight that grows, a mask rate that falls."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_serializer

from bertcli.core.settings import Number, Settings, Share, ShareBelowOne


class Ramp(Settings):
    """A number that moves in a straight line from one value to another; written as a number, it stays."""

    start: Number
    """Value at the beginning."""
    end: Number
    """Value at the end."""
    begin: ShareBelowOne = 0.0
    """Share of the run after which it leaves its first value."""
    finish: Share = 1.0
    """Share of the run after which it has reached its last value."""

    @classmethod
    def constant(cls, value: float) -> Ramp:
        """A number that does not move."""
        return cls(start=value, end=value)

    @property
    def is_constant(self) -> bool:
        """Whether it never moves."""
        return self.start == self.end

    def at(self, progress: float) -> float:
        """The value when the share ``progress`` of a run is done."""
        if self.is_constant:
            return self.start
        way = (progress - self.begin) / max(self.finish - self.begin, 1e-12)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, way))

    @model_serializer(mode="wrap")
    def _number_alone(self, full: Any) -> Any:
        return self.start if self.is_constant else full(self)


def _as_ramp(value: Any) -> Any:
    if isinstance(value, bool | Ramp | dict):
        return value
    if isinstance(value, str) and value.strip().endswith("%"):
        value = float(value.strip().removesuffix("%")) / 100
    if isinstance(value, int | float):
        return {"start": value, "end": value}
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"expected a number, or start and end of one that moves, got {value!r}") from None
    return {"start": number, "end": number}


def _weight(ramp: Ramp) -> Ramp:
    _in_order(ramp)
    if min(ramp.start, ramp.end) < 0 or max(ramp.start, ramp.end) == 0:
        raise ValueError(f"a weight is above 0, got {_shown(ramp)}")
    return ramp


def _rate(ramp: Ramp) -> Ramp:
    _in_order(ramp)
    if not (0 < ramp.start < 1 and 0 < ramp.end < 1):
        raise ValueError(f"expected a share above 0 and below 1, got {_shown(ramp)}")
    return ramp


def _in_order(ramp: Ramp) -> None:
    if ramp.begin >= ramp.finish:
        raise ValueError(f"it begins to move at {ramp.begin:g} and is there at {ramp.finish:g}: no way between")


def _shown(ramp: Ramp) -> str:
    return f"{ramp.start:g}" if ramp.is_constant else f"{ramp.start:g} to {ramp.end:g}"


_Above0 = Annotated[float, Field(gt=0)]
_Between0And1 = Annotated[float, Field(gt=0, lt=1)]

Weight = Annotated[Ramp, AfterValidator(_weight), BeforeValidator(_as_ramp, json_schema_input_type=_Above0 | Ramp)]
"""The factor of a loss."""
Rate = Annotated[Ramp, AfterValidator(_rate), BeforeValidator(_as_ramp, json_schema_input_type=_Between0And1 | Ramp)]
"""A share that is neither nothing nor all."""
