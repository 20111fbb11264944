"""``python -m tests.stripe_server PORT WEBHOOK``: a stand-in for Stripe, to look at pages with."""

from __future__ import annotations

import sys
import threading

from tests.stripe_server.server import StripeServer

server = StripeServer(port=int(sys.argv[1]))
server.webhook, server.auto = sys.argv[2], True
sys.stdout.write(f"STRIPE_API_BASE={server.url} STRIPE_SECRET_KEY={server.key} STRIPE_WEBHOOK_SECRET={server.secret}\n")
sys.stdout.flush()
threading.Event().wait()
