"""Errors that a person can understand and put right. Any other is a bug with a traceback."""


class StyletxError(Exception):
    """Base of every error whose message is written for the person at the screen.

    Subclasses take one argument, the finished sentence: it survives pickling, so the same error
    can be raised in a worker and shown in the browser.
    """


class ImageError(StyletxError):
    """A picture cannot be used as it is."""


class Unwritable(ImageError):
    """A picture cannot be written to its path; the cause says why."""


class SettingsError(StyletxError):
    """A setting lies outside what the method can do."""


class WeightsError(StyletxError):
    """VGG19's weights cannot be loaded from their source."""


class OutOfMemory(StyletxError):
    """The picture is too large for the device."""


class Diverged(StyletxError):
    """The losses became infinite or undefined, and stayed so with smaller steps."""


class Busy(StyletxError):
    """The queue, or this client, has no room for another run at the moment."""
