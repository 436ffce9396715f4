"""The method: Gatys et al.'s optimisation of the picture, from coarse to fine.

README.md beside this lists the departures. To read it in order: `styletx.settings`, `engine`,
`styletx.layers`, `pyramid`, `inputs`, `objective`, `terms`, `losses`, `vgg`, `optimizers`; then,
when needed, `color`, `regions`, `guidance`, `matching`, `paintings`, `tiling`, `timing`,
`progress`, `weights`, `factors`, `memory`, `threads`, `device`, `tensors`.
"""
