"""What became of a sent message: one closed set, whatever words the provider uses."""

from __future__ import annotations

from enum import StrEnum


class MessageStatus(StrEnum):
    """A message's status. `other`: a word that is not known here; the payload's `status_sent` has it."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    EXPIRED = "expired"
    REJECTED = "rejected"
    OTHER = "other"


WORDS = {
    "accepted": MessageStatus.QUEUED,
    "pending": MessageStatus.QUEUED,
    "scheduled": MessageStatus.QUEUED,
    "sending": MessageStatus.QUEUED,
    "submitted": MessageStatus.SENT,
    "delivrd": MessageStatus.DELIVERED,
    "delivery": MessageStatus.DELIVERED,
    "seen": MessageStatus.READ,
    "opened": MessageStatus.READ,
    "error": MessageStatus.FAILED,
    "undelivered": MessageStatus.FAILED,
    "undeliv": MessageStatus.FAILED,
    "undeliverable": MessageStatus.FAILED,
    "not_delivered": MessageStatus.FAILED,
    "timeout": MessageStatus.EXPIRED,
    "rejectd": MessageStatus.REJECTED,
    "blocked": MessageStatus.REJECTED,
    **{status.value: status for status in MessageStatus},
}


def status_of(sent: object) -> MessageStatus:
    """The status that a provider's word means."""
    word = str(sent).strip().lower().replace(" ", "_").replace("-", "_")
    return WORDS.get(word, MessageStatus.OTHER)
