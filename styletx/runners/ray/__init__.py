"""A Ray cluster as a runner: runner, client, driver (a process of its own), actor."""
