"""`flows test`, without files and terminals."""
