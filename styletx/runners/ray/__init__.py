"""A Ray Serve application as a runner: runner, wire, options; on the cluster, application."""
