"""The curves that are drawn while a picture is painted."""

import math
import re

from styletx.ui.loss_chart import MAX_POINTS, LossChart


def report(seconds, level=1, done=False, **errors):
    return {"seconds": seconds, "level": level, "done": done, "losses": errors}


def lines(drawing, name):
    """The strokes of one curve, each a list of (x, y)."""
    (path,) = re.findall(rf'<path class="{name}" d="([^"]+)"', drawing)
    strokes = [stroke for stroke in path.split("M") if stroke]
    return [
        [tuple(map(float, point.split(","))) for point in re.findall(r"[-\d.]+,[-\d.]+", stroke)]
        for stroke in strokes
    ]


def test_they_are_drawn_at_most_once_a_second_and_at_the_end():
    curves = LossChart()
    drawn = [curves.see(report(k / 4, style=1.0, content=0.5)) is not None for k in range(9)]
    assert drawn == [True, False, False, False, True, False, False, False, True]
    assert curves.see(report(2.1, done=True, style=0.1, content=0.5))


def test_an_error_that_falls_is_drawn_falling_and_one_that_rises_rising():
    curves = LossChart()
    curves.see(report(0, style=1.0, content=0.2))
    drawing = curves.see(report(1, style=0.1, content=0.4))
    (((_, first), (_, last)),) = lines(drawing, "style")
    assert first < last  # in a drawing, down is more
    (((_, first), (_, last)),) = lines(drawing, "content")
    assert first > last


def test_each_size_has_a_stroke_of_its_own():
    curves = LossChart()
    for second, level in enumerate((1, 1, 2, 2, 2, 3)):
        drawing = curves.see(report(second, level, style=1 / (second + 1)))
    assert [len(stroke) for stroke in lines(drawing, "style")] == [2, 3, 1]


def test_who_cannot_see_them_hears_the_numbers():
    drawing = LossChart().see(report(0, style=0.12345, content=0.9))
    assert 'role="img"' in drawing
    assert 'aria-label="Distance from the painting 0.123, from the photo 0.9"' in drawing


def test_a_run_without_losses_has_no_curves():
    assert LossChart().see(report(0)) is None
    assert LossChart().see(report(5, done=True)) is None


def test_what_is_not_a_number_or_nothing_does_not_break_them():
    curves = LossChart()
    for second, value in enumerate((math.nan, math.inf, 0.0, 1.0)):
        drawing = curves.see(report(second, style=value))
    assert "nan" not in re.findall(r'd="[^"]+"', drawing)[0]


def test_however_long_the_run_the_drawing_stays_small():
    curves, drawing = LossChart(), ""
    for point in range(2 * MAX_POINTS + 11):  # ten a second, of which one is drawn
        drawing = curves.see(report(point / 10, style=1.0 + point)) or drawing
    assert len(drawing) < 20_000
    assert lines(drawing, "style")[0][0][0] < 10  # it still begins at the beginning
