"""Texts of the page. Settings and errors carry their own."""

from collections.abc import Sequence

from styletx.text import input_name

TITLE = "styletx"
SUBTITLE = "Your photo, repainted in the manner of any painting, while you watch."
WELCOME = "Choose a photo and a painting, or one of the examples."
PHOTO, PAINTING, PAINTED = "Photo", "Painting", "Painted"
DROP = "Drop a picture,\nor choose one"
PAINT, PAINT_AGAIN, STOP = "Paint", "Paint it again", "Stop"
SWAP, SURPRISE, CAMERA, AFRESH = "Swap the two", "Surprise me", "Camera", "Start over"
CONTINUE, DOUBLE_SIZE, OTHER_SETTINGS = "Go on", "Twice the size", "Other settings"
USE_AS = {"content": "Use as photo", "style": "Use as painting"}
LARGE_FILE = "{name} has {size} MB; at most {most} MB can be sent. Please make it smaller first."
DOWNLOADS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP", "film": "Film"}
ALTERNATIVE = "The photo, repainted in the manner of the painting"
COMPARED = "How much of the left picture to see"
LEFT, RIGHT = "The picture on the left", "The picture on the right"
COUNT_FRAMES = "Let the frame count too"
CURVES = "Curves"
NO_CURVES = "While a picture is painted, its distance from painting and photo is drawn here."
DISTANCE = "Distance"
DISTANCES = {"style": "from the painting", "content": "from the photo"}
EXAMPLES = "Examples"
EXAMPLES_HELP = "Click one to have it at once. *Drag one to have its painting alone.*"
HISTORY_TITLE = "Your pictures of the last hour"
HISTORY_HELP = (
    "Click one to have it back, with its photo and its settings; click another to compare the two. "
    "After an hour they are deleted from the server; until then this browser finds them again."
)
HERE_AGAIN = "Your pictures of the last hour are still here."
LAST_AGAIN = "Your last picture is here again, and so are those of the last hour."
LAST_GONE = "Your last picture is no longer here: it was stopped or deleted, or an hour has passed."
INTERRUPTED = "The server was restarted before your last picture was finished: press Paint again."
COMPARE, COMPARE_PHOTO = "Compare with the one before", "Compare with the photo"
DELETE = "Delete"
REALLY = "Delete this picture, here and on the server? There is no way back."
DELETED = "Deleted, here and on the server."
NOT_DELETED = "It could not be deleted yet, since its files are still being made; try again."
BUSY = "A picture is being painted: wait for it, or stop it first."
NOT_BEGUN = "Nothing was begun; the message says why."
GONE = "That picture is no longer here: an hour has passed, or it was deleted."
PRESET, STANDARD, RESET = "Preset", "Standard", "Reset to the preset"
LOOKS, MAKING = "How it looks", "How it is made"
MORE_PAINTINGS = "More paintings"
SHARE_HELP = "Beside the others: 1 and 1 are half each"
MASKS = "Protect or divide the photo"
HOW_TO_BRUSH = """Paint over your photo. **Red** stays the photo.
**Blue**, **green** and **orange** are where the second, third and fourth painting take over."""
BRUSH = "Brush"
START_PICTURE, START_PICTURE_FIELD = "Begin with another picture", "Begin with"
START_PICTURE_HELP = "Painting starts from this picture instead of from the photo."
REPEAT, REPEAT_FIELD = "Repeat a finished picture", "Painted picture"
REPEAT_HELP = (
    "Pictures painted here carry their recipe. Drop one, and all settings are as they were for it; "
    "photo and painting are yours to bring."
)
CODE = "The same from code"
CODE_HELP = (
    "What is chosen now, for a program. Files are called as you uploaded them; what was brushed "
    "over the photo lies only here, and so does a picture that you go on from."
)
CODES = {"python": "Python", "command-line": "Command line"}


def example_shown(name: str) -> str:
    return (
        f"{name}: painted earlier, with the defaults. {PAINT_AGAIN} to watch, with the settings "
        "chosen here."
    )


def pair_chosen(photo: str, painting: str) -> str:
    """Say that these two were chosen, by the names of their files."""
    return f"{photo} and {painting}".replace("_", " ").capitalize() + f": press {PAINT}."


def repeated(name: str, version: str, others: Sequence[str]) -> str:
    """Say that settings are restored, and which pictures differ from those of the recipe."""
    back = f"The settings are those of {name}, painted by styletx {version}."
    if not others:
        return f"{back} The pictures are those it was painted from: press {PAINT}."
    return f"{back} What you have chosen differs in: {', '.join(map(input_name, others))}."


def back(gone: Sequence[str], masked: bool, went_on: bool) -> str:
    """Say that a picture is restored, and which of its inputs are gone."""
    sentence = "Its pictures and settings are back."
    if gone:
        sentence = f"Its settings are back, but no longer here: {', '.join(gone)}."
    if masked:
        sentence += " What was painted over the photo is not."
    return f"{sentence} It went on from an earlier picture." if went_on else sentence


def while_away(sentence: str) -> str:
    """Say what became of a run that ended while its page was away."""
    return f"{sentence} That was while this page was away."


def received(name: str) -> str:
    """Say that the picture for this argument is there."""
    return f"Received: {input_name(name)}."


def nth_painting(place: int) -> str:
    return f"{PAINTING} {place}"


def frame_left_out(place: int) -> str:
    return f"What is dark is left out of painting {place}: it looks like a frame, mat or wall."


def nth_share(place: int) -> str:
    return f"Share of painting {place}"


def left_and_right(captions: Sequence[str]) -> str:
    left, right = captions
    return f"Left: {left}. Right: {right}."
