"""From a request's parsed body to the events that are in it. One file a kind of source."""
