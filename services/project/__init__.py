"""What several commands share: the files of a project, the catalogue for them, and the tests beside flows."""
