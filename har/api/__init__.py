"""What `import har` offers: each name of it is a thin front on the modules that a run uses."""
