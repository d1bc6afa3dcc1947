"""Who may send events by HTTP. One file a kind of source; `load` reads the sources file."""
