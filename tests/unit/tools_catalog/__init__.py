"""One file a family of tools: what their examples do not show."""
