"""The 200 events, the same in every run: numbers as people type them, accents, emoji, and what goes wrong in life."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

MESSAGES, CONTACTS = 140, 60
REPEATED_MESSAGES, REPEATED_CONTACTS = 10, 5
INVALID = ("123", "+351 000 00")
TOO_LONG_NAME = (
    "Associação Recreativa e Cultural dos Amigos da Freguesia de Santa Maria Maior e São Nicolau de Cima, Lda."
)

PEOPLE = (
    "Inês Conceição",
    "João Gonçalves",
    "Beatriz Araújo",
    "Álvaro Muñoz",
    "Zoë Müller",
    "Chloé Lefèvre",
    "Luís Simões 🎸",
    "Ana Brandão",
    "François D'Avignon",
    "Søren Kjær",
    "Conceição Vilaça",
    "Tomás Otávio Leitão",
    "Núria Peña",
    "Małgorzata Wójcik",
    "Rui Falcão ☀️",
    "Íris Antunes",
)
TEXTS = (
    "Olá! Quero saber mais 🙂",
    "Bom dia, qual é o preço?",
    "¿Tienen envío a España? 🇪🇸",
    "Hello – is this still available?",
    "Já paguei 👍🏽 obrigada!",
    "Können Sie mich zurückrufen?",
    "Podem ligar-me amanhã às 10h?",
    "É possível visitar a loja? 🏬",
)
# `#` is a digit: mobile numbers of nine countries, as they are typed. Without a prefix they are Portuguese.
NUMBERS = (
    "91# ### ###",
    "+351 96#-###-###",
    "00351 93#######",
    "(+351) 92 ### ## ##",
    "+34 61# ## ## ##",
    "+55 (11) 91### - ####",
    "+49 1512 #######",
    "+33 6 12 ## ## ##",
    "+44 7400 ######",
    "+244 923 ### ###",
    "+48 601-###-###",
    "+1 (212) 555-1###",
)


# What people agreed to; who was not asked agreed to nothing.
CONSENTS: tuple[dict[str, Any], ...] = (
    {"consent_email": True, "consent_sms": True},
    {"consent_email": True, "consent_sms": False},
    {"consent_email": False, "consent_sms": False},
    {},
)


@dataclass(frozen=True)
class Sending:
    """One POST: to which hook, with what."""

    source: str
    body: dict[str, Any]


def sendings() -> list[Sending]:
    """All of them, in the order in which they are sent."""
    chance = random.Random(2026)  # noqa: S311 - the same events in every run
    messages = [_message(number, chance) for number in range(MESSAGES - REPEATED_MESSAGES)]
    contacts = [_contact(number, chance) for number in range(CONTACTS - REPEATED_CONTACTS)]
    # The sender did not hear our answer and sends again: the same ids.
    messages += chance.sample(messages[2:], REPEATED_MESSAGES)
    contacts += chance.sample(contacts[1:], REPEATED_CONTACTS)
    messages[0]["from"] = INVALID[0]
    messages[1]["contact"] = {"name": TOO_LONG_NAME}
    contacts[0].update(phone=INVALID[1], email="")
    mixed = [*(Sending("whatsapp", one) for one in messages), *(Sending("platform", one) for one in contacts)]
    chance.shuffle(mixed)
    return mixed


def _number(chance: random.Random) -> str:
    shape = chance.choice(NUMBERS)
    return "".join(str(chance.randint(0, 9)) if sign == "#" else sign for sign in shape)


def _sender(typed: str) -> str:
    """As WhatsApp tells who writes: digits, with the country's code and without a plus."""
    digits = "".join(filter(str.isdigit, typed)).removeprefix("00")
    return digits if typed.startswith(("+", "00", "(+")) else f"351{digits}"


def _message(number: int, chance: random.Random) -> dict[str, Any]:
    return {
        "message_id": f"wamid.demo.{number:03}",
        "from": _sender(_number(chance)),
        "text": chance.choice(TEXTS),
        "contact": {"name": chance.choice(PEOPLE)},
    }


def _contact(number: int, chance: random.Random) -> dict[str, Any]:
    name = chance.choice(PEOPLE)
    return {
        "id": f"crm-{number:03}",
        "name": chance.choice((name, name.upper(), f"  {name.lower()} ")),
        "email": f" Pessoa.{number:03}@Example.COM ",
        "phone": _number(chance),
        "country": "PT",
        "tags": ["feira"],
        **chance.choice(CONSENTS),
    }
