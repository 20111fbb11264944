"""What becomes of who sends and takes when the broker goes away under them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from config.celery import app


def test_who_sends_goes_on_after_a_vain_try_to_connect_again() -> None:
    """A broker that loads refuses the new connection: kombu has closed the channel by then, and gives up."""
    name = f"test-{uuid4()}"
    with app.connection_for_write() as connection, connection.Producer(auto_declare=False) as producer:
        producer.publish({}, routing_key=name, retry=True)
        connection.collect()
        producer.publish({}, routing_key=name, retry=True, retry_policy={"max_retries": 1})
        channel: Any = connection.default_channel
        with channel.conn_or_acquire() as client:
            assert client.llen(name) == 2
            client.delete(name)


def test_a_channel_without_a_connection_says_that_it_is_lost() -> None:
    connection = app.connection_for_write()
    channel: Any = connection.channel()
    connection.release()
    with pytest.raises(connection.connection_errors), channel.conn_or_acquire():
        pass
