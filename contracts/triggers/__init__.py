"""One file a trigger: the payload's model, the tolerant reader of what Closum sends, an example."""
