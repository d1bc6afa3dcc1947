"""The AsyncAPI 3 document: which topics there are, who writes and reads them, what a record is.

Made from the models and from contracts/topics.py; `make schemas` writes it to contracts/schemas/asyncapi.json.
Source of the format: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from typing import Any

import orjson

from contracts.events import CONTENT_TYPE
from contracts.published_schemas import PUBLISHED, PublishedSchema
from contracts.refused import HEADER
from contracts.topics import ALL, DLQ_OF, EVENTS, MAX_MESSAGE_BYTES, REFUSED, RUNS, Topic
from contracts.triggers.registry import TRIGGERS
from services.runtime.version import version

Json = dict[str, Any]
JSON = "application/json"
DIALECT = "application/schema+json;version=draft-2020-12"
EXTERNAL = "other teams"
ABOUT = (
    "Topics of closum-flows. Names stand after a prefix that is a setting (default `closum.`). Every topic is at least "
    "once. Other teams produce to `events`: a CloudEvents 1.0 document in structured mode, with the key "
    "`account/subject` so that what concerns one contact keeps its order. The pair (source, id) is unique: the same "
    "pair again within 24 hours, or within the event's own `duplicateseconds`, is a duplicate and starts nothing. A "
    "record that is no event goes to `events.dlq` with the coordinates of the original, and never stops a partition."
)
EVENT_KEY = "`account/subject` of the event in UTF-8, such as `default/351912345678`; the default partitioner (murmur2)"
KEY = {"type": "string", "description": EVENT_KEY, "examples": ["default/351912345678"]}


def document() -> Json:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:closum-flows:topics",
        "info": {
            "title": "closum-flows topics",
            "version": version(),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "KAFKA_BOOTSTRAP",
                "variables": {"bootstrap": {"default": "127.0.0.1:9092", "description": "host:port of a broker"}},
            }
        },
        "channels": {_name(topic): _channel(topic) for topic in ALL},
        "operations": {
            name: {
                "action": action,
                "channel": {"$ref": f"#/channels/{_name(topic)}"},
                "summary": f"{who} {'write' if action == 'send' else 'read'} {topic.name!r}",
            }
            for topic in ALL
            for action, names in (("send", topic.producers), ("receive", topic.consumers))
            for who in names
            for name in [f"{who.replace(' ', '_')}_{action}_{_name(topic)}"]
        },
        "components": {
            "messages": {_id(published): _message(published) for published in PUBLISHED if published.topics},
            "schemas": {
                f"trigger_{name}": {"schemaFormat": DIALECT, "schema": {"$ref": f"./triggers/{name}.json"}}
                for name in sorted(TRIGGERS)
            },
        },
    }


def _name(topic: Topic) -> str:
    return topic.name.replace(".", "_")


def _id(published: PublishedSchema) -> str:
    return published.name.replace("-", "_")


def _channel(topic: Topic) -> Json:
    messages = [published for published in PUBLISHED if topic in published.topics]
    return {
        "address": f"closum.{topic.name}",
        "title": topic.what,
        "description": f"Written by {_listed(topic.producers)}, read by {_listed(topic.consumers)}.",
        "messages": {_id(one): {"$ref": f"#/components/messages/{_id(one)}"} for one in messages},
        "bindings": {
            "kafka": {
                "topic": f"closum.{topic.name}",
                **({"partitions": topic.partitions} if topic.partitions else {}),
                "topicConfiguration": {"retention.ms": topic.keep_days * 86_400_000},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(names)


def _message(published: PublishedSchema) -> Json:
    schema = {"schemaFormat": DIALECT, "schema": {"$ref": f"./{published.name}.json"}}
    topics = published.topics
    message: Json = {
        "name": published.name,
        "title": (published.model.__doc__ or "").strip().split("\n")[0],
        "contentType": CONTENT_TYPE if EVENTS in topics else "application/json",
        "bindings": {"kafka": {"key": KEY, "bindingVersion": "0.5.0"}},
    }
    if REFUSED in topics:
        return {
            **message,
            "summary": "The header `request`, as JSON",
            "headers": {"type": "object", "properties": {HEADER: {"type": "string", "contentMediaType": JSON}}},
            "payload": {"description": f"The body as it was sent. Its header `{HEADER}` is {published.name}.json"},
            "examples": [{"name": "one", "headers": {HEADER: orjson.dumps(published.example).decode()}, "payload": {}}],
        }
    if published.headers:
        return {
            **message,
            "headers": schema,
            "payload": {"description": f"The original record, untouched, of {_listed(tuple(t.name for t in DLQ_OF))}."},
            "examples": [{"name": "refused", "headers": published.example, "payload": {}}],
        }
    example = {"name": "one", "payload": published.example}
    limit = {"x-max-bytes": MAX_MESSAGE_BYTES} if topics[0] in (EVENTS, RUNS) else {}
    return {**message, "payload": schema, "examples": [example], **limit}
