"""Produce events to closum-flows from another service: pip install aiokafka.

    python produce.py KAFKA_BOOTSTRAP TOPIC

What matters, whatever the language:
- the value is a CloudEvents 1.0 document in structured mode (contracts/schemas/event.json);
- the key is `account/subject`, so that what concerns one contact stays in order;
- `id` is the same when you send the same happening again: then it counts once;
- acks=all and idempotence on; keep what is not acknowledged and send it again.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer


def event(order: int, email: str) -> tuple[bytes, bytes]:
    """The key and the value of one event."""
    account, subject = "default", email.lower()
    document = {
        "specversion": "1.0",
        "id": f"order-{order}",
        "source": "/shop",
        "type": "closum.lead.created",
        "subject": subject,
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "account": account,
        "data": {"email": email, "name": "Inês Conceição", "tags": ["shop"]},
    }
    return f"{account}/{subject}".encode(), json.dumps(document).encode()


async def produce(bootstrap: str, topic: str, count: int = 3) -> None:
    """Send some events; return when Kafka has all of them."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = []
        for number in range(count):
            key, value = event(number, f"customer{number}@example.com")
            headers = [("content-type", b"application/cloudevents+json")]
            sent.append(await producer.send(topic, value, key, headers=headers))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


if __name__ == "__main__":
    asyncio.run(produce(sys.argv[1], sys.argv[2]))
