"""The NetworkPolicy of services/actions, from the list by which its guard goes: two walls that let the same through."""

from __future__ import annotations

from collections.abc import Iterator

from services.runtime.egress import DENIED, PUBLIC, Network

HEAD = """\
# Made by `make schemas` from services/runtime/egress.py; a test keeps it in step.
#
# The second wall against a flow that aims at something inside (the first is the guard in the client, which also sees
# what a name resolves to): the Internet by HTTP and HTTPS, and nothing that is public by its place and not by its use.
# An overlay adds what is inside and meant: FLOWS_EGRESS_ALLOW opens the first wall only.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: actions
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/component: actions
  policyTypes: [Egress]
  egress:
    - to:
"""
TAIL = """\
      ports:
        - { protocol: TCP, port: 80 }
        - { protocol: TCP, port: 443 }
"""


def text() -> str:
    """The manifest."""
    return HEAD + "".join(f"{line}\n" for network in PUBLIC for line in _block(network)) + TAIL


def _block(network: Network) -> Iterator[str]:
    yield "        - ipBlock:"
    yield f"            cidr: {network}"
    yield "            except:"
    for denied, why in DENIED.items():
        if denied.version == network.version:
            yield f"              - {denied} # {why}"
