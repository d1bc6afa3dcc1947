"""What `flows deploy`, `rollback`, `list`, `show` and `flows dev` share."""
