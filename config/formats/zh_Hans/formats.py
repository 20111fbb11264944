"""Chinese groups no digits in Django; bills of many digits are read in threes, as banks there print them."""

from __future__ import annotations

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
