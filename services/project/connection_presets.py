"""The presets of connections, for the command line and for what is made from declarations."""

from services.actions.connections.presets import PRESETS
from services.actions.connections.presets.preset import ConnectionPreset
from services.runtime.documents.evidence import Known

__all__ = ["PRESETS", "ConnectionPreset", "Known"]
