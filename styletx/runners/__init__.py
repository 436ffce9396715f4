"""Where and in which order jobs run: in this process, on ZeroGPU, or on a Ray cluster.

To read it in order: `protocol`, `local`, `job`, `queue`; then `zerogpu`, `ray`, and `registry`,
which selects a runner by its name.
"""
