"""services/ingest, part by part."""
