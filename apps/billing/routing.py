from __future__ import annotations

from django.urls import URLPattern, path

from apps.billing.consumers import BalanceConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/w/<slug:workspace>/billing/", BalanceConsumer.as_asgi(), name="balance"),  # type: ignore[arg-type]
]
