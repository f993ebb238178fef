"""Training of what ships in the package: the recipe, from the data to the weights."""
