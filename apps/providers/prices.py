"""What a call costs, from terms a person can read: so much per image, megapixel, second, token or character.

A credit is one US cent; money is whole micro-credits. Where a quantity is only known afterwards (the tokens a model
will write) the price before is a range, and its upper end is what is held.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from apps.wording import gettext as _
from apps.wording import ngettext

CREDIT = 1_000_000  # micro-credits
CREDITS_PER_USD = 100
Unit = Literal[
    "call",
    "image",
    "megapixel",
    "second",
    "character",
    "token_in",
    "token_out",
    "input_image",
    "input_megapixel",
    "input_second",
]
UNITS: tuple[str, ...] = get_args(Unit)
MEGAPIXEL = 1024 * 1024
# A token is at least this share of a character (Chinese), and mostly about a quarter.
CHARACTERS_PER_TOKEN = 4


class Quote(NamedTuple):
    """Micro-credits; ``low == high`` where the price is exact."""

    low: int
    high: int


class Range(NamedTuple):
    """A quantity before the call: between these."""

    low: float
    high: float


@dataclass(frozen=True)
class Term:
    """``usd`` for each ``per`` beyond the first ``free``, where the parameters are as ``when`` says.

    ``when``: by parameter its value, or a list of values. ``round_up``: part of a unit counts as a whole one.
    """

    usd: float
    per: Unit
    when: Mapping[str, Any] = field(default_factory=dict)
    free: float = 0
    round_up: bool = False

    def applies(self, params: Mapping[str, Any]) -> bool:
        """Whether this term counts for a call with these parameters."""
        return all(
            params.get(name) in value if isinstance(value, list) else params.get(name) == value
            for name, value in self.when.items()
        )

    def credits(self, quantity: float) -> float:
        """Micro-credits for this many units."""
        beyond = max(0.0, quantity - self.free)
        return (math.ceil(beyond - 1e-9) if self.round_up else beyond) * self.usd * CREDITS_PER_USD * CREDIT


@dataclass(frozen=True)
class Price:
    """The terms of one model, where they were read, and when.

    ``counts`` names the parameter that tells a quantity (``{"second": "duration"}``), or is the quantity itself.
    """

    terms: tuple[Term, ...]
    source: str
    as_of: str
    counts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Price:
        """From a catalogue entry; ValueError names what is wrong with it."""
        terms = []
        for raw in written.get("terms", ()):
            if raw.get("per") not in UNITS or not isinstance(raw.get("usd"), int | float) or raw["usd"] < 0:
                raise ValueError(f"a price term needs usd and one of {', '.join(UNITS)}: {raw}")
            terms.append(Term(**raw))
        if not terms:
            raise ValueError("a price needs at least one term, also where it is nothing")
        return cls(tuple(terms), str(written["source"]), str(written["as_of"]), dict(written.get("counts", {})))

    def quote(self, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> Quote:
        """Before the call. ``params`` complete, with the prompt; ``inputs`` references by name."""
        amounts = self._amounts(params, inputs)
        terms = [(term, amounts[term.per]) for term in self.terms if term.applies(params)]
        low = sum(term.credits(amount.low) for term, amount in terms)
        high = sum(term.credits(amount.high) for term, amount in terms)
        return Quote(round(low), math.ceil(high - 1e-6))

    def actual(self, params: Mapping[str, Any], inputs: Mapping[str, Any], usage: Mapping[str, Any]) -> int | None:
        """What the vendor says it took, in micro-credits; None where it does not say what the terms count.

        ``usage`` has the vendor's quantities by unit, or ``usd``.
        """
        if "usd" in usage:
            return round(float(usage["usd"]) * CREDITS_PER_USD * CREDIT)
        told = {unit for unit in usage if unit in UNITS}
        terms = [term for term in self.terms if term.applies(params)]
        if not told & {term.per for term in terms}:
            return None
        amounts = self._amounts(params, inputs)
        return round(
            sum(term.credits(float(usage[term.per]) if term.per in told else amounts[term.per].high) for term in terms)
        )

    @property
    def unit(self) -> str:
        """The unit that people compare by."""
        return self.terms[0].per

    @property
    def formula(self) -> str:
        """The terms as one sentence, for people."""
        return formula(self.terms)

    def _amounts(self, params: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Range]:
        images = self._count("image", params, 1)
        each = self._megapixels(params)
        text = len(str(params.get("prompt") or ""))
        files = [one for value in inputs.values() for one in (value if isinstance(value, list) else [value])]
        pictures = [one for one in files if isinstance(one, Mapping) and one.get("kind") == "image"]
        tokens = self._count("token_out", params, 1)
        exact = {
            "call": 1,
            "image": images,
            "megapixel": images * each,
            "second": self._count("second", params, 1),
            "character": text,
            "input_image": len(pictures),
            "input_megapixel": sum(math.ceil(_area(one) / MEGAPIXEL) for one in pictures),
            "input_second": sum(float(one.get("duration") or 0) for one in files if isinstance(one, Mapping)),
        }
        pictured = 2000 * len(pictures)
        # A model that writes reads its instructions as well.
        read = text + len(str(params.get("system") or ""))
        return {
            **{unit: Range(amount, amount) for unit, amount in exact.items()},
            "token_in": Range(read / CHARACTERS_PER_TOKEN, read + 50 + pictured),
            "token_out": Range(1, tokens),
        }

    def _count(self, unit: str, params: Mapping[str, Any], default: float) -> float:
        told = self.counts.get(unit, default)
        return _number(params.get(told), default) if isinstance(told, str) else float(told)

    def _megapixels(self, params: Mapping[str, Any]) -> float:
        told = self.counts.get("megapixel")
        if isinstance(told, int | float):
            return float(told)
        size = re.fullmatch(r"(\d+)\s*[x*:]\s*(\d+)", str(params.get(told or "size") or ""))
        width, height = size.groups() if size else (params.get("width"), params.get("height"))
        return _number(width, 1024) * _number(height, 1024) / MEGAPIXEL


def _number(value: Any, default: float) -> float:
    """A quantity as models write it: 5, "5", "5s"; ``default`` where it is none ("auto")."""
    found = re.match(r"\d+(\.\d+)?", str(value)) if value is not None and not isinstance(value, bool) else None
    return float(found[0]) if found else default


def _area(picture: Mapping[str, Any]) -> float:
    return float(picture.get("width") or 1024) * float(picture.get("height") or 1024)


def _unit_title(unit: str) -> str:
    titles = {
        "call": _("call"),
        "image": _("image"),
        "megapixel": _("megapixel"),
        "second": _("second"),
        "character": _("1,000 characters"),
        "token_in": _("million tokens read"),
        "token_out": _("million tokens written"),
        "input_image": _("image given"),
        "input_megapixel": _("megapixel given"),
        "input_second": _("second given"),
    }
    return titles[unit]


# So many of a unit are told together, as vendors do.
_TOLD_BY = {"character": 1000, "token_in": 1_000_000, "token_out": 1_000_000}


def formula(terms: Sequence[Term]) -> str:
    """So much per unit; a range where it depends on parameters."""
    if not any(term.usd for term in terms):
        return _("Free")
    units = dict.fromkeys(term.per for term in terms)
    return " + ".join(_unit_price([term for term in terms if term.per == unit]) for unit in units)


def _unit_price(terms: Sequence[Term]) -> str:
    told = [term.usd * CREDITS_PER_USD * _TOLD_BY.get(term.per, 1) for term in terms]
    low, high, unit = min(told), max(told), _unit_title(terms[0].per)
    if low == high:
        count = 1 if low == 1 else 2  # 0.5 credits, 1 credit
        return ngettext(
            "%(price)s credit per %(unit)s", "%(price)s credits per %(unit)s", count, price=_plain(low), unit=unit
        )
    by = ", ".join(dict.fromkeys(name for term in terms for name in term.when))
    values = {"low": _plain(low), "high": _plain(high), "unit": unit, "by": by}
    return _("%(low)s to %(high)s credits per %(unit)s, by %(by)s", **values)


def _plain(amount: float) -> str:
    return f"{amount:.4f}".rstrip("0").rstrip(".")


def total(quotes: Iterable[Quote]) -> Quote:
    """Several prices as one."""
    listed = list(quotes)
    return Quote(sum(quote.low for quote in listed), sum(quote.high for quote in listed))
