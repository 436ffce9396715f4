"""The method: Gatys et al.'s optimisation of the picture, from coarse to fine.

To read it in order: `engine`, `pyramid`, `inputs`, `objective`, `terms`, `losses`, `vgg`,
`optimizers`; then, when needed, `color`, `regions`, `tiling`, `timing`, `progress`, `weights`,
`memory`, `tensors`.
"""
