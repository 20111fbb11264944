"""What people fill in to buy. Money is typed in whole units of the currency, kept in cents."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.billing.models import TopupRule
from apps.billing.offers import CUSTOM_LEAST, CUSTOM_MOST, amount_of
from apps.billing.purchases import Order
from apps.billing.topups import TopupTerms
from apps.common.money import MICRO, money_text

KEY_MAX = 64


class BuyForm(forms.Form):
    """A pack, or an amount of one's own. ``key`` makes a form that is sent twice buy once."""

    pack = forms.CharField(required=False, max_length=20)
    amount = forms.DecimalField(required=False, max_digits=9, decimal_places=2, min_value=0)
    key = forms.CharField(required=False, max_length=KEY_MAX, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        currency = settings.BILLING_CURRENCY
        limits = {"least": money_text(CUSTOM_LEAST, currency), "most": money_text(CUSTOM_MOST, currency)}
        self.fields["amount"].help_text = _("From %(least)s to %(most)s.") % limits
        self.fields["amount"].label = _("Amount in %(currency)s") % {"currency": currency.upper()}
        self.fields["amount"].widget.attrs.update({"inputmode": "decimal", "placeholder": "25.00"})

    def order(self) -> Order:
        """What is wanted; nothing at all is an amount of nothing, which is refused with its reason."""
        amount: Decimal | None = self.cleaned_data["amount"]
        return Order(pack=self.cleaned_data["pack"], amount=int((amount or 0) * 100))


class TopupForm(forms.Form):
    """The rule of automatic top-up."""

    enabled = forms.BooleanField(label=gettext_lazy("Buy credits by itself"), required=False)
    threshold = forms.IntegerField(
        label=gettext_lazy("When fewer credits than this can be spent"), min_value=1, max_value=1_000_000, initial=500
    )
    credits = forms.IntegerField(
        label=gettext_lazy("Buy so many credits"), min_value=500, max_value=500_000, initial=2_000
    )
    monthly_cap = forms.DecimalField(
        label=gettext_lazy("Spend at most per month"),
        max_digits=9,
        decimal_places=2,
        min_value=Decimal(CUSTOM_LEAST) / 100,
        initial=Decimal(100),
    )

    def __init__(self, *args: Any, rule: TopupRule | None = None, **kwargs: Any) -> None:
        if rule is not None:
            kwargs["initial"] = {
                "enabled": rule.enabled,
                "threshold": rule.threshold // MICRO,
                "credits": rule.credits // MICRO,
                "monthly_cap": Decimal(rule.monthly_cap) / 100,
            }
        super().__init__(*args, **kwargs)
        self.fields["monthly_cap"].help_text = _(
            "In %(currency)s; automatic purchases only, tax included, months in UTC."
        ) % {"currency": settings.BILLING_CURRENCY.upper()}

    def clean(self) -> dict[str, Any]:
        """One purchase must lift the balance above the threshold, and fit into the cap."""
        given: dict[str, Any] = super().clean() or {}
        threshold, bought, cap = given.get("threshold"), given.get("credits"), given.get("monthly_cap")
        if threshold and bought and bought < threshold:
            self.add_error("credits", _("Buy at least as many as the threshold, or one purchase would not be enough."))
        if bought and cap is not None and amount_of(bought * MICRO) > cap * 100:
            price = money_text(amount_of(bought * MICRO), settings.BILLING_CURRENCY)
            self.add_error("monthly_cap", _("One purchase costs %(price)s: the cap must allow it.") % {"price": price})
        return given

    def terms(self) -> TopupTerms:
        """The rule in micro-credits and cents."""
        given = self.cleaned_data
        return TopupTerms(
            threshold=given["threshold"] * MICRO,
            credits=given["credits"] * MICRO,
            monthly_cap=int(given["monthly_cap"] * 100),
        )
