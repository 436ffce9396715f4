"""Where and in which order jobs run: in this process, on ZeroGPU, or on a Ray cluster."""
