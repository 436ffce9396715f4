import logging
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

import styletx.painter as painters
from styletx import Result, Style, StyletxError, figures
from styletx.errors import Busy
from styletx.limits import Allowance
from styletx.painter import Painter
from styletx.runners import Local
from styletx.runs import Visitor
from tests.helpers.scripted import PICTURE, SETTINGS, Script, progress, result


@pytest.fixture
def painter():
    painter = Painter()
    yield painter
    painter.close()


def start(painter, script, *visitor):
    painter.stylize = script
    pictures = {"content": PICTURE, "styles": [Style(PICTURE)]}
    return painter.start(SETTINGS, lambda over: pictures, *visitor)


def test_a_run_is_watched_to_its_result(painter):
    script = Script(progress(1), progress(2), result())
    script.go.set()
    run = start(painter, script)
    *_, last = run.watch()
    assert last == result()
    assert not last.stopped
    assert script.ended.is_set()


def test_only_the_latest_state_is_shown_and_the_result_once(painter):
    script = Script(progress(1), progress(2), result())
    script.go.set()
    run = start(painter, script)
    script.ended.wait(5)
    assert [event for event in run.watch() if isinstance(event, Result)] == [result()]


def test_watching_goes_on_by_the_clock_while_nothing_happens(painter):
    run = start(painter, Script(progress(1), result()))
    watching = run.watch(every=0.01)
    assert [next(watching) for _ in range(5)][-1] == progress(1)


def test_stop_keeps_the_picture_so_far_at_once(painter):
    script = Script(progress(1), progress(2), result())
    run = start(painter, script)
    script.begun.wait(5)
    started = time.monotonic()
    assert painter.stop(run.id)
    *_, last = run.watch()
    assert time.monotonic() - started < 0.2
    assert last == result(step=1)
    assert last.stopped
    script.go.set()
    assert script.ended.wait(5)  # the thread follows at its next event


def test_a_stopped_run_takes_no_more_than_one_event_more(painter):
    script = Script(*[progress(step) for step in range(1, 1000)])
    run = start(painter, script)
    script.begun.wait(5)
    run.stop()
    script.go.set()
    assert script.ended.wait(5)
    assert script.told <= 2


def test_pictures_are_read_only_when_their_turn_comes(painter):
    busy, read = Script(progress(1), result()), threading.Event()
    start(painter, busy)
    busy.begun.wait(5)

    def pictures(over):
        read.set()
        return {"content": PICTURE, "styles": [Style(PICTURE)]}

    run = painter.start(SETTINGS, pictures)
    assert not read.wait(0.1)
    busy.go.set()
    assert list(run.watch())[-1] == result()
    assert read.is_set()


def test_a_run_that_is_stopped_while_its_pictures_are_read_is_none(painter, caplog):
    reading, told = threading.Event(), []

    def pictures(over):
        reading.set()
        while not over():
            time.sleep(0.01)
        raise Busy("This run was stopped before it began.")

    run = painter.start(SETTINGS, pictures)
    told = run.watch()
    assert next(told) is None
    assert reading.wait(5)
    run.stop()
    assert list(told) == [None]
    assert list(start(painter, Script(result())).watch())[-1] == result()
    assert run.outcome == "left"


def test_a_run_stopped_in_line_never_begins(painter):
    busy, waiting = Script(progress(1), result()), Script(progress(1), result())
    first, second = start(painter, busy), start(painter, waiting)
    busy.begun.wait(5)
    assert (painter.ahead_of(first), painter.ahead_of(second)) == (0, 1)
    second.stop()
    assert list(second.watch()) == [None]
    busy.go.set()
    assert list(first.watch())[-1] == result()
    assert not waiting.begun.is_set()


def test_runs_wait_their_turn_and_never_share_the_device(painter):
    script = Script(progress(1), result())
    script.go.set()
    runs = [start(painter, script) for _ in range(5)]
    assert [list(run.watch())[-1] for run in runs] == [result()] * 5
    assert script.most_at_work == 1


class Places(Local):
    """A runner with room for several runs at a time, which may become more or fewer."""

    most = 8

    def __init__(self, room):
        self.room, self.device = room, "cpu"

    def places(self):
        return self.room


@pytest.fixture
def spacious(monkeypatch):
    monkeypatch.setattr(painters, "LOOK", 0.02)
    painter = Painter(Places(2))
    painter.stylize = Script(progress(1), result())
    yield painter
    painter.stylize.go.set()
    painter.close()


def watched(painter, number):
    """So many runs that are watched to their end."""
    runs = [start(painter, painter.stylize) for _ in range(number)]
    ends = [[] for _ in runs]
    watching = [
        threading.Thread(target=lambda run=run, end=end: end.extend(run.watch()))
        for run, end in zip(runs, ends, strict=True)
    ]
    for one in watching:
        one.start()
    return runs, watching, ends


def soon(true):
    deadline = time.monotonic() + 5
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()


def test_as_many_runs_are_at_work_as_there_are_places(spacious):
    script = spacious.stylize
    runs, watching, ends = watched(spacious, 5)
    assert soon(lambda: script.at_work == 2)
    assert sorted(spacious.ahead_of(run) for run in runs) == [0, 0, 1, 2, 3]
    spacious.places.__self__.room = 3
    assert soon(lambda: script.at_work == 3)
    spacious.places.__self__.room = 1  # who is at work is not disturbed
    runs[-1].stop()
    script.go.set()
    for one in watching:
        one.join(5)
    assert script.most_at_work == 3
    assert [end[-1] for end in ends] == [result()] * 4 + [None]
    assert soon(lambda: not spacious.runs)


def test_who_waits_for_one_of_several_places_is_told_how_long(spacious):
    watched(spacious, 4)
    assert soon(lambda: spacious.stylize.at_work == 2)
    line = spacious.line()
    at_work, waiting = line[:2], line[2:]
    assert [spacious.wait_of(run) for run in waiting] == [None, None]
    for run, left in zip(at_work, (10.0, 4.0), strict=True):
        run.latest = replace(progress(1), seconds=6.0, seconds_left=left)
    # 26 s of two runs: another takes 13 s, in the place that is free after 4 s, or after 10 s
    assert [spacious.wait_of(run) for run in waiting] == [4.0, 10.0]


def test_a_run_that_has_just_ended_is_none_to_begin_with(monkeypatch):
    """However late it is forgotten: hundreds of short ones all begin."""
    painter = Painter(Places(4), Allowance(queue=1000, runs_per_address=1000))
    forget = painter.forget
    monkeypatch.setattr(painter, "forget", lambda run: time.sleep(0.002) or forget(run))
    painter.stylize = Script(result())
    runs = [start(painter, painter.stylize) for _ in range(300)]
    assert soon(lambda: not painter.runs)
    assert all(run.result == result() for run in runs)
    painter.close()


def test_closing_ends_those_who_wait_for_a_place(spacious):
    _, watching, _ = watched(spacious, 6)
    assert soon(lambda: spacious.stylize.at_work == 2)
    spacious.stylize.go.set()
    assert not spacious.close()
    for one in watching:
        one.join(5)
    assert all(not one.is_alive() for one in watching)
    assert soon(lambda: not spacious.runs)


def test_an_error_reaches_who_watches(painter):
    run = start(painter, Script(StyletxError("Too large.")))
    seen = []
    with pytest.raises(StyletxError, match="Too large"):
        for event in run.watch():
            seen.append((event, run.stopping))
    assert set(seen) <= {(None, False)}  # nothing that could be taken for a result


def test_the_last_good_picture_comes_before_the_error(painter):
    script = Script(progress(1), result(step=1), StyletxError("It broke."))
    script.go.set()
    run, seen = start(painter, script), []
    with pytest.raises(StyletxError, match="It broke"):
        for event in run.watch():
            seen.append(event)
    assert seen[-1] == result(step=1)


def test_a_broken_run_does_not_stop_the_next(painter):
    with pytest.raises(ZeroDivisionError):
        list(start(painter, Script(ZeroDivisionError())).watch())
    assert list(start(painter, Script(result())).watch())[-1] == result()


def test_nobody_can_stop_what_they_do_not_know(painter):
    assert not painter.stop("")
    run = start(painter, Script(progress(1)))
    assert not painter.stop(run.id[:-1])
    assert len(run.id) == 32


def test_closing_stops_everything(painter):
    script = Script(*[progress(step) for step in range(1000)])
    runs = [start(painter, script) for _ in range(3)]
    script.begun.wait(5)
    painter.close()
    script.go.set()
    assert script.ended.wait(5)
    assert all(run.over for run in runs)


def test_who_waits_is_told_how_long_as_far_as_that_is_known(painter):
    def slowly(seconds_left):
        yield replace(progress(1), seconds=10.0, seconds_left=seconds_left)
        time.sleep(2)

    painter.stylize = lambda **given: slowly(given["content"])
    first, *others = (painter.start(SETTINGS, lambda over: {"content": 6.0}) for _ in range(3))
    assert painter.wait_of(first) is None  # it waits for nobody
    deadline = time.monotonic() + 5
    while first.latest is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert painter.wait_of(others[0]) == 6
    assert painter.wait_of(others[1]) == pytest.approx(6 + 16)  # as long again as the first, in all
    smaller = painter.start(replace(SETTINGS, size=256), lambda over: {"content": 6.0})
    larger = painter.start(SETTINGS, lambda over: {"content": 6.0})
    for run in others:
        run.stop()
    assert painter.wait_of(smaller) == 6
    assert 6 + 3 < painter.wait_of(larger) < 6 + 12  # a quarter of the pixels, more or less


ANN, ANNS_PHONE, BOB = (
    Visitor("page", "1.1.1.1"),
    Visitor("phone", "1.1.1.1"),
    Visitor("b", "2.2.2.2"),
)


@pytest.fixture
def strict():
    painter = Painter(allowance=Allowance(queue=4, runs_per_address=2))
    yield painter
    painter.close()


def test_a_visitor_has_one_run_at_a_time_and_the_next_as_soon_as_it_is_over(strict):
    script = Script(progress(1), result())
    first = start(strict, script, ANN)
    with pytest.raises(Busy, match="A picture of yours is being painted already: wait for it, or"):
        start(strict, script, ANN)
    first.stop()
    start(strict, script, ANN)  # although the thread has not noticed yet
    script.go.set()


def test_an_address_has_so_many_runs_and_other_addresses_are_none_the_worse(strict):
    script = Script(progress(1), result())
    start(strict, script, ANN)
    start(strict, script, ANNS_PHONE)
    with pytest.raises(Busy, match="2 pictures are being painted for your address already"):
        start(strict, script, Visitor("tablet", "1.1.1.1"))
    start(strict, script, BOB)
    script.go.set()


def test_a_full_line_is_refused_at_once_with_the_wait_and_counts_only_the_living(strict):
    script = Script(replace(progress(1), seconds=4.0, seconds_left=6.0), result())
    waiting = [start(strict, script) for _ in range(4)]
    assert script.begun.wait(5)
    deadline = time.monotonic() + 5
    while waiting[0].latest is None and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    with pytest.raises(Busy, match="4 pictures are in line already, .*; they take about 36 s"):
        start(strict, script)
    assert time.monotonic() - began < 0.1
    waiting[2].stop()
    start(strict, script)
    script.go.set()


def test_fifty_at_once_are_served_or_refused_and_none_is_lost(strict):
    script, told = Script(progress(1), result()), []

    def visit(place):
        try:
            told.append(list(start(strict, script, Visitor(str(place), str(place))).watch())[-1])
        except Busy as error:
            told.append(error)

    visitors = [threading.Thread(target=visit, args=(place,)) for place in range(50)]
    for one in visitors:
        one.start()
    script.go.set()
    for one in visitors:
        one.join(20)
    assert len(told) == 50
    assert {type(one) for one in told} <= {Result, Busy}
    assert script.most_at_work == 1


def test_a_run_ends_when_its_time_is_over_with_the_picture_so_far():
    painter = Painter(allowance=Allowance(max_seconds=1))
    script = Script(*[progress(1)] * 10**6)
    script.go.set()
    run = start(painter, script)
    began = time.monotonic()
    *_, last = run.watch()
    assert 0.9 < time.monotonic() - began < 3
    assert (last.stopped, run.late) == (True, True)
    painter.close()


def test_addresses_take_turns_and_nobody_who_asks_for_one_picture_is_overtaken(painter):
    script = Script(progress(1), result())
    many = [start(painter, script, Visitor(str(place), "1.1.1.1")) for place in range(4)]
    assert script.begun.wait(5)
    few = [start(painter, script, Visitor(name, name)) for name in ("ann", "bob")]
    late = start(painter, script, Visitor("late", "1.1.1.2"))
    assert painter.line() == [many[0], *few, late, *many[1:]]
    assert [painter.ahead_of(run) for run in (many[1], few[0])] == [4, 1]
    script.go.set()
    ends = []
    for run in (*many, *few, late):
        run.future.add_done_callback(lambda _, run=run: ends.append(run))
    for run in (*many, *few, late):
        list(run.watch())
    assert ends == [many[0], *few, late, *many[1:]]


def test_who_waits_behind_many_and_comes_again_is_served_in_between(painter):
    script, order = Script(result()), []
    script.go.set()
    hold = Script(progress(1), result())
    first = start(painter, hold, Visitor("0", "1.1.1.1"))
    assert hold.begun.wait(5)
    many = [start(painter, script, Visitor(str(place), "1.1.1.1")) for place in (1, 2, 3)]
    ann = Visitor("ann", "2.2.2.2")

    def ended(run):
        order.append(run.visitor.address)
        if run.visitor == ann and len(order) < 5:
            again()

    def again():
        run = start(painter, script, ann)
        run.future.add_done_callback(lambda _: ended(run))

    for run in many:
        run.future.add_done_callback(lambda _, run=run: ended(run))
    again()
    hold.go.set()
    list(first.watch())
    deadline = time.monotonic() + 5
    while painter.runs and time.monotonic() < deadline:
        time.sleep(0.01)
    assert order[:5] == [ann.address, "1.1.1.1", ann.address, "1.1.1.1", ann.address]


def test_a_run_that_nobody_watches_any_more_is_given_up_and_nothing_of_it_kept(
    painter, monkeypatch
):
    monkeypatch.setattr(painters, "PATIENCE", 0.2)
    script = Script(*[progress(1)] * 10**4, patience=0.01)
    run = start(painter, script)
    watching = run.watch()
    next(watching)
    assert script.ended.wait(5)
    assert run.left
    assert list(watching) == []
    assert run.outcome == "left"


def test_a_run_is_begun_once_somebody_listens_and_whoever_listens_first_is_first(painter):
    painter.listeners = Counter()
    script = Script(progress(1), result(), patience=0)
    deaf = start(painter, script, Visitor("deaf", "1.1.1.1"))
    ann = start(painter, script, Visitor("ann", "2.2.2.2"))
    assert not script.begun.wait(0.3)
    painter.listeners["ann"] = 1
    assert painter.line() == [ann, deaf]
    assert isinstance(list(ann.watch())[-1], Result)
    time.sleep(0.3)
    assert deaf.latest is None
    painter.listeners["deaf"] = 1
    assert isinstance(list(deaf.watch())[-1], Result)


def test_a_run_to_which_nobody_has_listened_for_long_is_given_up_unbegun(painter, monkeypatch):
    monkeypatch.setattr(painters, "PATIENCE", 0.3)
    painter.listeners = Counter()
    script = Script(progress(1), result(), patience=0)
    run = start(painter, script, Visitor("deaf", "1.1.1.1"))
    deadline = time.monotonic() + 5
    while painter.runs and time.monotonic() < deadline:
        time.sleep(0.01)
    assert run.left
    assert not script.begun.is_set()


def test_a_run_to_which_nobody_listens_any_more_gives_way_to_one_with_a_listener(
    painter, monkeypatch
):
    monkeypatch.setattr(painters, "MANNERS", 0.4)
    painter.listeners = Counter({"gone": 1, "ann": 1})
    script = Script(*[progress(1)] * 10**4, patience=0.01)
    gone = start(painter, script, Visitor("gone", "1.1.1.1"))
    assert script.begun.wait(5)
    unheard = start(painter, script, Visitor("unheard", "1.1.1.2"))
    for run in (gone, unheard):  # Gradio asks for news of them, although nobody wants to know
        threading.Thread(target=list, args=(run.watch(),)).start()
    time.sleep(0.3)
    del painter.listeners["gone"]
    time.sleep(0.8)
    assert not gone.over  # as long as nobody else is waiting who listens
    ann = start(painter, Script(progress(1), result(), patience=0), ANN._replace(session="ann"))
    assert painter.line() == [gone, ann, unheard]
    assert isinstance(list(ann.watch())[-1], Result)
    assert gone.left
    assert not unheard.over


def test_a_run_to_which_nobody_listens_goes_on_where_there_is_another_place(painter, monkeypatch):
    monkeypatch.setattr(painters, "MANNERS", 0.1)
    painter.listeners = Counter({"gone": 1})
    script = Script(*[progress(1)] * 10**4, patience=0.01)
    gone = start(painter, script, Visitor("gone", "1.1.1.1"))
    assert script.begun.wait(5)
    painter.places = lambda: 2
    del painter.listeners["gone"]
    painter.listeners["ann"] = 1
    start(painter, script, ANN._replace(session="ann"))  # whose thread is still to begin
    time.sleep(0.3)
    assert not painter.unwanted(gone)
    painter.places = lambda: 1
    assert painter.unwanted(gone)


def test_where_the_line_is_full_who_has_not_been_listened_to_for_longest_makes_room(monkeypatch):
    monkeypatch.setattr(painters, "MANNERS", 0.1)
    painter = Painter(allowance=Allowance(queue=3))
    painter.listeners, script = Counter({"ann": 1}), Script(progress(1), result(), patience=0)
    parked = [start(painter, script, Visitor(name, name)) for name in ("a", "b", "c")]
    with pytest.raises(Busy, match="3 pictures are in line"):
        start(painter, script, ANN._replace(session="ann"))  # they may be about to listen
    time.sleep(0.2)
    ann = start(painter, script, ANN._replace(session="ann"))
    assert [run.left for run in parked] == [True, False, False]
    assert isinstance(list(ann.watch())[-1], Result)
    painter.close()


def test_who_was_parked_in_line_and_then_begins_does_not_let_others_overtake(painter):
    painter.listeners = Counter(dict.fromkeys("abcvx", 1))
    hold = Script(progress(1), result())
    parked = start(painter, hold, Visitor("parked", "parked"))
    for name in "abc":
        hold.go.set()
        list(start(painter, hold, Visitor(name, name)).watch())
    hold.go.clear()
    painter.listeners["parked"] = 1
    deadline = time.monotonic() + 5
    while not parked.future.running() and time.monotonic() < deadline:
        time.sleep(0.01)
    waits = start(painter, hold, Visitor("v", "v"))
    comes = start(painter, hold, Visitor("x", "x"))
    assert painter.line() == [parked, waits, comes]
    hold.go.set()


def test_who_listens_is_not_given_up_for_being_told_late(painter, monkeypatch):
    monkeypatch.setattr(painters, "MANNERS", 0.1)
    painter.listeners = Counter({"slow": 1, "ann": 1})
    script = Script(*[progress(1)] * 50, result(), patience=0.01)
    slow = start(painter, script, Visitor("slow", "1.1.1.1"))
    assert script.begun.wait(5)
    ann = start(painter, Script(result(), patience=0), ANN._replace(session="ann"))
    time.sleep(0.3)  # in which nobody asks for news of it
    assert not slow.left
    assert isinstance(list(slow.watch())[-1], Result)
    assert isinstance(list(ann.watch())[-1], Result)


def test_nobody_is_kept_in_line_for_whom_nobody_is_there(strict, monkeypatch):
    monkeypatch.setattr(painters, "PATIENCE", 0.2)
    script = Script(progress(1), result())
    waiting = [start(strict, script) for _ in range(4)]
    time.sleep(0.3)
    start(strict, script)
    assert all(run.left for run in waiting)
    script.go.set()
    assert script.ended.wait(5)


def test_what_becomes_of_each_run_is_counted_and_logged_in_a_line_that_tells_of_nobody(
    painter, caplog
):
    caplog.set_level(logging.INFO, "styletx.runs")
    ends = {
        "finished": [progress(1), result()],
        "refused": [progress(1), StyletxError("Too large: secret.png")],
        "broken": [ZeroDivisionError("secret.png")],
    }
    for told, events in ends.items():
        before = figures.counted[f'styletx_runs_total{{outcome="{told}"}}']
        script = Script(*events)
        script.go.set()
        run = start(painter, script, ANN)
        assert script.ended.wait(5)
        while run.id in painter.runs:
            time.sleep(0.01)
        time.sleep(0.02)
        (record,) = caplog.records
        assert f"run {run.id[:8]} {told}: 512 pixels, " in record.getMessage()
        assert not any(secret in record.getMessage() for secret in (run.id, "secret", *ANN))
        assert figures.counted[f'styletx_runs_total{{outcome="{told}"}}'] == before + 1
        caplog.clear()


def test_closing_waits_for_those_who_are_told_and_says_whether_all_were():
    painter = Painter()
    script = Script(*[progress(step) for step in range(1000)])
    run = start(painter, script)
    script.begun.wait(5)
    began = time.monotonic()
    assert not painter.close(patience=0.2)  # nobody tells of it
    assert 0.15 < time.monotonic() - began < 1
    run.told.set()
    script.go.set()
    assert script.ended.wait(5)
    assert painter.close(patience=1)


def test_who_comes_when_it_is_closing_is_told_so(painter):
    painter.close()
    with pytest.raises(Busy, match="is being shut down"):
        start(painter, Script(result()))
    assert not painter.runs
