"""What is made from code and written by `python -m services.cli.generate`: schemas, .env.example, tables in docs."""
