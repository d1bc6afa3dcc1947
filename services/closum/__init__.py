"""What is known of Closum, as data: an endpoint an action, a form a webhook, and the file that corrects them.

`closum.yaml` (docs/closum.md) says where an account differs from what we assume. The connector, the readers of ingest,
the checker, `flows catalog`, `flows test` and the stand-in all read it here. Pure, but for reading that one file.
"""
