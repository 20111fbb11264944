"""Amounts in words, in the language's own notation."""

from __future__ import annotations

import pytest
from django.utils import translation

from apps.common.money import MICRO, credits_text, money_text


@pytest.mark.parametrize(
    ("language", "in_credits", "in_money"),
    [
        ("en", "2,962,962,963.5 credits", "123,456,789,012.00 USD"),
        ("zh-hans", "2,962,962,963.5 积分", "123,456,789,012.00 USD"),
    ],
)
def test_long_amounts_are_read_in_threes(language: str, in_credits: str, in_money: str) -> None:
    with translation.override(language):
        assert credits_text(2_962_962_963 * MICRO + MICRO // 2) == in_credits
        assert money_text(12_345_678_901_200, "usd") == in_money
