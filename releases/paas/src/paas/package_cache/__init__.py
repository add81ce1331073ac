"""The package cache: wheels, npm packages and gems that applications are staged from, without the internet."""
