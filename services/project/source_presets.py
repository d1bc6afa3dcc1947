"""The presets of platforms, for the command line and for what is made from declarations."""

from services.ingest.sources.presets import PRESETS
from services.ingest.sources.presets.preset import Evidence, Known, Preset, Sample

__all__ = ["PRESETS", "Evidence", "Known", "Preset", "Sample"]
