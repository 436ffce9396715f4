"""The page: its components and their event handlers.

To read it in order: `page`, which is the layout, then `inputs`, `results`, `history` and
`mask_editor`, which build its parts, `session`, which finds them again, and `handlers`, which
connect them. The words are in
`strings`, those of the settings in `styletx.settings`.
"""
