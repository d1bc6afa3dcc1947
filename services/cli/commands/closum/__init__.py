"""`flows closum facts|verify|listen|learn`: what is known of Closum, and how to find out the rest."""

from services.cli.command import OPERATE, declare

command = declare("closum", OPERATE, "Closum as this account has it: what is known, and how to find out the rest.")

from services.cli.commands.closum import facts, learn, listen, verify  # noqa: E402, F401 - each adds its command
