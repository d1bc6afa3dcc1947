"""CloudEvents over Kafka: what a record holds in either content mode, as one structured document.

In binary mode the attributes are headers (`ce_id`, `ce_type` …) and the value is the data, which many SDKs do unless
they are told otherwise. A content type of CloudEvents says that the value is the whole document, whatever headers stand
beside it.

Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md#3-kafka-message-mapping
"""

from __future__ import annotations

import orjson
from pydantic_core import from_json

from services.runtime.kafka import Headers

PREFIX = "ce_"
CONTENT_TYPE = "content-type"
STRUCTURED = "application/cloudevents"


def structured(value: bytes | None, headers: Headers) -> bytes | None:
    """The document, to be read; a value that is no JSON stays what it is.

    A header's name is read in any case; of one that comes twice, the first counts; one without a value is absent.
    """
    attributes: dict[str, str] = {}
    content_type = ""
    for name, raw in headers:
        key = name.lower()
        if raw is None:
            continue
        if key == CONTENT_TYPE:
            content_type = content_type or raw.decode(errors="replace")
        elif key.startswith(PREFIX):
            attributes.setdefault(key.removeprefix(PREFIX), raw.decode(errors="replace"))
    if "specversion" not in attributes or content_type.strip().lower().startswith(STRUCTURED):
        return value
    attributes.pop("data", None)  # the name of no attribute
    if content_type:
        attributes["datacontenttype"] = content_type
    document = orjson.dumps(attributes)
    if not value:
        return document
    try:
        from_json(value)
    except ValueError:
        return value  # alone, for what stands behind a value must not become attributes
    return document[:-1] + b',"data":' + value + b"}"
