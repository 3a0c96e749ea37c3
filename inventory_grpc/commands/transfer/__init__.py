"""Products and stock from and to files: what `import` and `export` do."""
