"""How a sender proves who it is. One file a scheme; `declared` reads them from the sources file."""
