"""A Stripe to test against: stateful, over real HTTP, held to Stripe's official description in both directions."""
