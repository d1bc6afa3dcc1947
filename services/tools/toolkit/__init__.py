"""What several tools share, one idea a file: bounds, paths, conditions, templates, moments, numbers. All of it pure."""
