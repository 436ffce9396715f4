"""Where and in which order runs are painted: here, on ZeroGPU, or on a Ray cluster."""
