import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

import styletx.runners.queue as queues
from styletx import metrics
from styletx.errors import Busy, StyletxError
from styletx.events import Result, Style
from styletx.limits import ServerLimits
from styletx.runners.job import ANONYMOUS, Client
from styletx.runners.local import Local
from styletx.runners.queue import ABANDON_AFTER_S, YIELD_AFTER_S, JobQueue
from tests.helpers.scripted import PICTURE, SETTINGS, Clock, Script, progress, result
from tests.helpers.waiting import until

AT_WORK = [progress(1) for _ in range(100)]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(clock):
    """Make queues that go by the `clock`, and let nothing of them outlive the test."""
    queues = []

    def make(runner=None, **limits):
        queues.append(JobQueue(runner, ServerLimits(**limits), clock))
        return queues[-1]

    yield make
    for queue in queues:
        queue.close()
        until(lambda queue=queue: Script.let_go() or not queue.jobs)
        queue.threads.shutdown()


@pytest.fixture
def queue(opened):
    return opened()


def start(queue, script, visitor=ANONYMOUS, settings=SETTINGS):
    queue.stylize = script
    pictures = {"content": PICTURE, "styles": [Style(PICTURE)]}
    return queue.submit(settings, lambda over: pictures, visitor)


def test_a_run_is_watched_to_its_result(queue):
    script = Script(progress(1), progress(2), result()).go_on()
    run = start(queue, script)
    *_, last = run.watch()
    assert last == result()
    assert not last.stopped
    assert script.ended.is_set()


def test_only_the_latest_state_is_shown_and_the_result_once(queue):
    script = Script(progress(1), progress(2), result()).go_on()
    run = start(queue, script)
    until(script.ended.is_set)
    assert [event for event in run.watch() if isinstance(event, Result)] == [result()]


def test_watching_goes_on_by_the_clock_while_nothing_happens(queue):
    script = Script(progress(1), result())
    run = start(queue, script)
    script.rest()
    watching = run.watch(every=0.001)
    assert [next(watching) for _ in range(5)] == [progress(1)] * 5


def test_stop_keeps_the_picture_so_far_at_once(queue):
    script = Script(progress(1), progress(2), result())
    run = start(queue, script)
    script.rest()
    assert queue.stop(run.id)
    *_, last = run.watch()
    assert not script.ended.is_set()  # nobody waited for that
    assert last == result(step=1)
    assert last.stopped
    script.go_on()
    until(script.ended.is_set)  # the thread follows at its next event


def test_a_stopped_run_takes_no_more_than_one_event_more(queue):
    script = Script(*AT_WORK)
    run = start(queue, script)
    script.rest()
    run.stop()
    script.go_on()
    until(script.ended.is_set)
    assert script.told == 2


def test_pictures_are_read_only_when_their_turn_comes(queue):
    busy, before = Script(progress(1), result()), []
    start(queue, busy)
    busy.rest()

    def pictures(over):
        before.append(busy.ended.is_set())
        return {"content": PICTURE, "styles": [Style(PICTURE)]}

    run = queue.submit(SETTINGS, pictures)
    assert queue.next_job() is None
    busy.go_on()
    assert list(run.watch())[-1] == result()
    assert before == [True]


def test_a_run_that_is_stopped_while_its_pictures_are_read_is_none(queue):
    reading = threading.Event()

    def pictures(over):
        reading.set()
        until(over)
        raise Busy("This run was stopped before it began.")

    run = queue.submit(SETTINGS, pictures)
    told = run.watch()
    assert next(told) is None
    until(reading.is_set)
    run.stop()
    assert list(told) == [None]
    assert list(start(queue, Script(result())).watch())[-1] == result()
    assert run.outcome == "left"


def test_a_run_stopped_in_line_never_begins(queue):
    busy, waiting = Script(progress(1), result()), Script(progress(1), result())
    first = start(queue, busy)
    busy.rest()
    second = start(queue, waiting)
    assert (queue.ahead_of(first), queue.ahead_of(second)) == (0, 1)
    second.stop()
    assert list(second.watch()) == [None]
    busy.go_on()
    assert list(first.watch())[-1] == result()
    assert list(start(queue, Script(result())).watch())[-1] == result()  # after its turn
    assert not waiting.begun.is_set()


def test_runs_wait_their_turn_and_never_share_the_device(queue):
    script = Script(progress(1), result()).go_on()
    runs = [start(queue, script) for _ in range(5)]
    assert [list(run.watch())[-1] for run in runs] == [result()] * 5
    assert script.most_at_work == 1


class Places(Local):
    """A runner with room for several runs at a time, which may become more or fewer."""

    max_slots = 8

    def __init__(self, room):
        self.room, self.device = room, "cpu"

    def slots(self):
        return self.room


@pytest.fixture
def spacious(opened, monkeypatch):
    monkeypatch.setattr(queues, "POLL_S", 0.01)
    queue = opened(Places(2))
    queue.stylize = Script(progress(1), result())
    return queue


def watched(queue, number):
    """So many runs that are watched to their end."""
    runs = [start(queue, queue.stylize) for _ in range(number)]
    ends = [[] for _ in runs]
    watching = [
        threading.Thread(target=lambda run=run, end=end: end.extend(run.watch()))
        for run, end in zip(runs, ends, strict=True)
    ]
    for one in watching:
        one.start()
    return runs, watching, ends


def finish(threads):
    for one in threads:
        one.join(30)
        assert not one.is_alive()


def test_as_many_runs_are_at_work_as_there_are_places(spacious):
    script = spacious.stylize
    runs, watching, ends = watched(spacious, 5)
    until(lambda: script.at_work == 2)
    assert sorted(spacious.ahead_of(run) for run in runs) == [0, 0, 1, 2, 3]
    spacious.slots.__self__.room = 3
    until(lambda: script.at_work == 3)
    spacious.slots.__self__.room = 1  # who is at work is not disturbed
    runs[-1].stop()
    script.go_on()
    finish(watching)
    assert script.most_at_work == 3
    assert [end[-1] for end in ends] == [result()] * 4 + [None]
    until(lambda: not spacious.jobs)


def test_who_waits_for_one_of_several_places_is_told_how_long(spacious):
    watched(spacious, 4)
    until(lambda: spacious.stylize.resting == 2)
    line = spacious.line()
    at_work, waiting = line[:2], line[2:]
    assert [spacious.estimated_wait(run) for run in waiting] == [None, None]
    for run, left in zip(at_work, (10.0, 4.0), strict=True):
        run.latest = replace(progress(1), seconds=6.0, seconds_left=left)
    # 26 s of two runs: another takes 13 s, in the place that is free after 4 s, or after 10 s
    assert [spacious.estimated_wait(run) for run in waiting] == [4.0, 10.0]


def test_a_run_that_has_just_ended_is_none_to_begin_with(opened, monkeypatch):
    """However late it is forgotten: all of many short ones begin."""
    monkeypatch.setattr(queues, "POLL_S", 0.01)
    queue = opened(Places(4), queue=40, runs_per_address=40)
    forget, ended = queue.forget, []
    monkeypatch.setattr(queue, "forget", ended.append)
    runs = [start(queue, Script(result())) for _ in range(40)]
    until(lambda: len(ended) == 40)
    assert all(run.result == result() for run in runs)
    for run in ended:
        forget(run)
    assert not queue.jobs


def test_closing_ends_those_who_wait_for_a_place(spacious):
    _, watching, _ = watched(spacious, 6)
    until(lambda: spacious.stylize.at_work == 2)
    assert not spacious.close()
    spacious.stylize.go_on()
    finish(watching)
    until(lambda: not spacious.jobs)


def test_an_error_reaches_who_watches(queue):
    run = start(queue, Script(StyletxError("Too large.")))
    seen = []
    with pytest.raises(StyletxError, match="Too large"):
        for event in run.watch():
            seen.append((event, run.stopping))
    assert set(seen) <= {(None, False)}  # nothing that could be taken for a result


def test_the_last_good_picture_comes_before_the_error(queue):
    script = Script(progress(1), result(step=1), StyletxError("It broke.")).go_on()
    run, seen = start(queue, script), []
    with pytest.raises(StyletxError, match="It broke"):
        for event in run.watch():
            seen.append(event)
    assert seen[-1] == result(step=1)


def test_a_broken_run_does_not_stop_the_next(queue):
    with pytest.raises(ZeroDivisionError):
        list(start(queue, Script(ZeroDivisionError())).watch())
    assert list(start(queue, Script(result())).watch())[-1] == result()


def test_nobody_can_stop_what_they_do_not_know(queue):
    assert not queue.stop("")
    run = start(queue, Script(progress(1)))
    assert not queue.stop(run.id[:-1])
    assert len(run.id) == 32


def test_closing_stops_everything(queue):
    script = Script(*AT_WORK)
    runs = [start(queue, script) for _ in range(3)]
    script.rest()
    queue.close()
    assert all(run.over for run in runs)
    script.go_on()
    until(lambda: not queue.jobs)
    assert script.told == 2


def test_who_waits_is_told_how_long_as_far_as_that_is_known(queue):
    script = Script(replace(progress(1), seconds=10.0, seconds_left=6.0), result())
    first, *others = (start(queue, script) for _ in range(3))
    assert queue.estimated_wait(first) is None  # it waits for nobody
    script.rest()
    assert queue.estimated_wait(others[0]) == 6
    assert queue.estimated_wait(others[1]) == pytest.approx(
        6 + 16
    )  # as long again as the first, in all
    smaller = start(queue, script, settings=replace(SETTINGS, size=256))
    larger = start(queue, script)
    for run in others:
        run.stop()
    assert queue.estimated_wait(smaller) == 6
    assert 6 + 3 < queue.estimated_wait(larger) < 6 + 12  # a quarter of the pixels, more or less


ANN, ANNS_PHONE, BOB = (
    Client("page", "1.1.1.1"),
    Client("phone", "1.1.1.1"),
    Client("b", "2.2.2.2"),
)


@pytest.fixture
def strict(opened):
    return opened(queue=4, runs_per_address=2)


def test_a_visitor_has_one_run_at_a_time_and_the_next_as_soon_as_it_is_over(strict):
    script = Script(progress(1), result())
    first = start(strict, script, ANN)
    script.rest()
    with pytest.raises(Busy, match="A picture of yours is being painted already: wait for it, or"):
        start(strict, script, ANN)
    first.stop()
    start(strict, script, ANN)  # although the thread has not noticed yet
    assert not script.ended.is_set()


def test_an_address_has_so_many_runs_and_other_addresses_are_none_the_worse(strict):
    script = Script(progress(1), result())
    start(strict, script, ANN)
    start(strict, script, ANNS_PHONE)
    with pytest.raises(Busy, match="2 pictures from your address are"):
        start(strict, script, Client("tablet", "1.1.1.1"))
    start(strict, script, BOB)


def test_where_the_disk_is_full_no_run_is_taken_and_nobody_waits_for_the_look(strict):
    def full():
        assert strict.lock.acquire(blocking=False), "the line is held up while it is looked"
        strict.lock.release()
        return True

    strict.is_disk_full = lambda: ThreadPoolExecutor(1).submit(full).result(60)
    with pytest.raises(Busy, match="storage is full"):
        start(strict, Script(result()))
    assert not strict.jobs


def test_a_full_line_is_refused_at_once_with_the_wait_and_counts_only_the_living(strict):
    script = Script(replace(progress(1), seconds=4.0, seconds_left=6.0), result())
    waiting = [start(strict, script) for _ in range(4)]
    script.rest()
    with pytest.raises(Busy, match=r"The queue is full \(4 pictures, about 36 s\)"):
        start(strict, script)
    assert script.told == 1  # nothing had to move for that
    waiting[2].stop()
    start(strict, script)


def test_fifty_at_once_are_served_or_refused_and_none_is_lost(strict):
    script, told = Script(progress(1), result()), []

    def visit(place):
        try:
            told.append(list(start(strict, script, Client(str(place), str(place))).watch())[-1])
        except Busy as error:
            told.append(error)

    visitors = [threading.Thread(target=visit, args=(place,)) for place in range(50)]
    for one in visitors:
        one.start()
    until(lambda: len(told) == 46)  # all that are refused, while the first is at work
    script.go_on()
    finish(visitors)
    assert Counter(map(type, told)) == {Busy: 46, Result: 4}
    assert script.most_at_work == 1


def test_a_run_ends_when_its_time_is_over_with_the_picture_so_far(opened, clock):
    queue, script = opened(max_seconds=20), Script(*AT_WORK)
    run = start(queue, script)
    script.rest()
    clock.pass_(20)
    script.go_on(1)
    script.rest()
    assert not run.over
    clock.pass_(0.1)
    script.go_on(1)
    *_, last = run.watch()
    assert last == result(step=1)
    assert (last.stopped, run.timed_out) == (True, True)
    until(lambda: not queue.jobs)
    assert run.outcome == "late"


def test_addresses_take_turns_and_nobody_who_asks_for_one_picture_is_overtaken(queue):
    script = Script(progress(1), result())
    many = [start(queue, script, Client(str(place), "1.1.1.1")) for place in range(4)]
    script.rest()
    few = [start(queue, script, Client(name, name)) for name in ("ann", "bob")]
    late = start(queue, script, Client("late", "1.1.1.2"))
    assert queue.line() == [many[0], *few, late, *many[1:]]
    assert [queue.ahead_of(run) for run in (many[1], few[0])] == [4, 1]
    ends = []
    for run in (*many, *few, late):
        run.future.add_done_callback(lambda _, run=run: ends.append(run))
    script.go_on()
    for run in (*many, *few, late):
        list(run.watch())
    until(lambda: len(ends) == 7)
    assert ends == [many[0], *few, late, *many[1:]]


def test_who_waits_behind_many_and_comes_again_is_served_in_between(queue):
    script, order = Script(result()), []
    hold = Script(progress(1), result())
    first = start(queue, hold, Client("0", "1.1.1.1"))
    hold.rest()
    many = [start(queue, script, Client(str(place), "1.1.1.1")) for place in (1, 2, 3)]
    ann = Client("ann", "2.2.2.2")

    def ended(run):
        order.append(run.client.address)
        if run.client == ann and len(order) < 5:
            again()

    def again():
        run = start(queue, script, ann)
        run.future.add_done_callback(lambda _: ended(run))

    for run in many:
        run.future.add_done_callback(lambda _, run=run: ended(run))
    again()
    hold.go_on()
    list(first.watch())
    until(lambda: not queue.jobs and len(order) >= 5)
    assert order[:5] == [ann.address, "1.1.1.1", ann.address, "1.1.1.1", ann.address]


def test_a_run_that_nobody_watches_any_more_is_given_up_and_nothing_of_it_kept(queue, clock):
    script = Script(*AT_WORK)
    run = start(queue, script)
    watching = run.watch()
    next(watching)
    script.rest()
    clock.pass_(ABANDON_AFTER_S)
    script.go_on(1)
    script.rest()
    assert not run.abandoned
    clock.pass_(1)
    script.go_on(1)
    until(lambda: not queue.jobs)
    assert run.abandoned
    assert list(watching) == []
    assert run.outcome == "left"


def begins(queue):
    """Whether a run is begun with, if one could be now."""
    with queue.lock:
        return queue.next_job() is not None


def test_a_run_is_begun_once_somebody_listens_and_whoever_listens_first_is_first(queue):
    queue.listeners = Counter()
    script = Script(progress(1), result()).go_on()
    deaf = start(queue, script, Client("deaf", "1.1.1.1"))
    ann = start(queue, script, Client("ann", "2.2.2.2"))
    assert not begins(queue)
    with queue.lock:
        queue.listeners["ann"] = 1
        assert queue.line() == [ann, deaf]
    assert isinstance(list(ann.watch())[-1], Result)
    assert not begins(queue)
    assert deaf.latest is None
    queue.listeners["deaf"] = 1
    assert isinstance(list(deaf.watch())[-1], Result)


def test_a_run_to_which_nobody_has_listened_for_long_is_given_up_unbegun(queue, clock):
    queue.listeners = Counter()
    script = Script(progress(1), result())
    run = start(queue, script, Client("deaf", "1.1.1.1"))
    clock.pass_(ABANDON_AFTER_S)
    assert not begins(queue)
    assert not run.over
    clock.pass_(1)
    until(lambda: not queue.jobs)
    assert run.abandoned
    assert not script.begun.is_set()


def test_a_run_to_which_nobody_listens_any_more_gives_way_to_one_with_a_listener(queue, clock):
    queue.listeners = Counter({"gone": 1, "ann": 1})
    script, quick = Script(*AT_WORK), Script(progress(1), result()).go_on()
    gone = start(queue, script, Client("gone", "1.1.1.1"))
    script.rest()
    unheard = start(queue, quick, Client("unheard", "1.1.1.2"))
    # Gradio asks for news of them, although nobody wants to know
    news = [run.watch(every=0) for run in (gone, unheard)]
    assert [next(one) for one in news] == [progress(1), None]
    del queue.listeners["gone"]
    clock.pass_(YIELD_AFTER_S + 1)
    assert [next(one) for one in news] == [progress(1), None]
    script.go_on(2)
    script.rest()
    assert not gone.over  # as long as nobody else is waiting who listens
    ann = start(queue, quick, ANN._replace(session="ann"))
    assert queue.line() == [gone, ann, unheard]
    script.go_on(1)
    assert isinstance(list(ann.watch())[-1], Result)
    assert gone.abandoned
    assert not begins(queue)
    assert not unheard.over


def attended(queue, script, name, may_return=True):
    """A run to which somebody listens, and who can be away."""
    queue.listeners[name] = 1
    run = start(queue, script, Client(name, name, may_return))
    run.watching = run.watch(every=0)
    next(run.watching)
    return run


@pytest.fixture
def attending(queue):
    queue.listeners = Counter()
    return queue


@pytest.mark.parametrize("seconds", [10, 60, 800])
def test_a_run_whose_page_is_lost_is_finished_while_nobody_else_waits(attending, clock, seconds):
    script = Script(*AT_WORK[:3], result())
    run = attended(attending, script, "lost")
    script.rest()
    del attending.listeners["lost"]
    clock.pass_(seconds)
    script.go_on(1)
    script.rest()
    assert not run.over
    script.go_on()
    assert list(run.watching)[-1] == result()
    assert run.outcome == "finished"


def test_a_run_whose_page_is_lost_gives_way_after_a_minute_and_its_picture_is_kept(
    attending, clock
):
    script = Script(*AT_WORK)
    run = attended(attending, script, "lost")
    script.rest()
    del attending.listeners["lost"]
    ann = attended(attending, Script(result()), "ann")
    clock.pass_(attending.limits.place_kept)
    next(ann.watching)
    script.go_on(1)
    script.rest()
    assert (run.over, attending.line()) == (False, [run, ann])
    clock.pass_(0.1)
    script.go_on(1)
    assert list(run.watching)[-1] == result(step=1)
    assert (run.abandoned, run.outcome) == (True, "left")
    assert list(ann.watching)[-1] == result()


def test_a_place_in_line_is_kept_for_a_page_that_is_lost_for_a_minute_and_no_longer(
    attending, clock
):
    hold = Script(*AT_WORK)
    first = attended(attending, hold, "bob")
    hold.rest()
    back, gone, ann = (attended(attending, hold, name) for name in ("back", "gone", "ann"))
    del attending.listeners["back"], attending.listeners["gone"]
    clock.pass_(attending.limits.place_kept)
    there = (first.watching, ann.watching)
    assert [next(one) for one in there] == [progress(1), None]
    assert attending.line() == [first, back, gone, ann]
    attending.listeners["reloaded"], back.client = 1, Client("reloaded", "back", True)
    next(back.watching)
    clock.pass_(0.1)
    assert attending.line() == [first, back, ann, gone]
    for run in (first, back, ann):
        until(run.future.running)
        hold.rest()
        run.stop()
        hold.go_on(1)
    assert set(gone.watching) == {None}
    assert gone.abandoned


def test_a_program_that_is_gone_gives_way_at_once_to_a_page(attending, clock):
    script = Script(*AT_WORK)
    run = attended(attending, script, "program", may_return=False)
    script.rest()
    del attending.listeners["program"]
    ann = attended(attending, Script(result()), "ann")
    clock.pass_(YIELD_AFTER_S + 0.1)
    script.go_on(1)
    assert list(ann.watching)[-1] == result()
    assert list(run.watching) == []


def test_a_page_that_never_listened_has_no_place_to_keep(queue, clock):
    queue.listeners, script = Counter(), Script(progress(1), result())
    run = start(queue, script, Client("deaf", "1.1.1.1", may_return=True))
    assert not begins(queue)
    clock.pass_(ABANDON_AFTER_S + 1)
    until(lambda: not queue.jobs)
    assert not script.begun.is_set()
    assert run.abandoned


def test_a_run_to_which_nobody_listens_goes_on_where_there_is_another_place(queue, clock):
    queue.listeners = Counter({"gone": 1})
    script = Script(*AT_WORK)
    gone = start(queue, script, Client("gone", "1.1.1.1"))
    script.rest()
    queue.slots = lambda: 2
    del queue.listeners["gone"]
    queue.listeners["ann"] = 1
    start(queue, script, ANN._replace(session="ann"))  # whose thread is still to begin
    clock.pass_(YIELD_AFTER_S + 1)
    assert not queue.should_yield(gone)
    queue.slots = lambda: 1
    assert queue.should_yield(gone)


def test_where_the_line_is_full_who_has_not_been_listened_to_for_longest_makes_room(opened, clock):
    queue = opened(queue=3)
    queue.listeners, script = Counter({"ann": 1}), Script(progress(1), result()).go_on()
    parked = []
    for name in ("a", "b", "c"):
        parked.append(start(queue, script, Client(name, name)))
        clock.pass_(0.1)
    with pytest.raises(Busy, match=r"The queue is full \(3 pictures"):
        start(queue, script, ANN._replace(session="ann"))  # they may be about to listen
    clock.pass_(YIELD_AFTER_S)
    ann = start(queue, script, ANN._replace(session="ann"))
    assert [run.abandoned for run in parked] == [True, False, False]
    assert isinstance(list(ann.watch())[-1], Result)


def test_who_was_parked_in_line_and_then_begins_does_not_let_others_overtake(queue):
    queue.listeners = Counter(dict.fromkeys("abcvx", 1))
    hold, quick = Script(progress(1), result()), Script(result())
    parked = start(queue, quick, Client("parked", "parked"))
    for name in "abc":
        list(start(queue, quick, Client(name, name)).watch())
    queue.stylize = hold
    queue.listeners["parked"] = 1
    hold.rest()
    waits = start(queue, hold, Client("v", "v"))
    comes = start(queue, hold, Client("x", "x"))
    assert queue.line() == [parked, waits, comes]


def test_who_listens_is_not_given_up_for_being_told_late(queue, clock):
    queue.listeners = Counter({"slow": 1, "ann": 1})
    script = Script(progress(1), progress(2), result())
    slow = start(queue, script, Client("slow", "1.1.1.1"))
    script.rest()
    ann = start(queue, Script(result()), ANN._replace(session="ann"))
    clock.pass_(YIELD_AFTER_S + 1)  # in which nobody asks for news of it
    script.go_on(1)
    script.rest()
    assert not slow.abandoned
    script.go_on()
    assert isinstance(list(slow.watch())[-1], Result)
    assert isinstance(list(ann.watch())[-1], Result)


def test_nobody_is_kept_in_line_for_whom_nobody_is_there(strict, clock):
    script = Script(progress(1), result())
    waiting = [start(strict, script) for _ in range(4)]
    script.rest()
    clock.pass_(ABANDON_AFTER_S + 1)
    start(strict, script)
    assert all(run.abandoned for run in waiting)


def test_what_becomes_of_each_run_is_counted_and_logged_in_a_line_that_tells_of_nobody(
    queue, caplog
):
    caplog.set_level(logging.INFO, "styletx.runners.job")
    ends = {
        "finished": [progress(1), result()],
        "refused": [progress(1), StyletxError("Too large: secret.png")],
        "broken": [ZeroDivisionError("secret.png")],
    }
    for told, events in ends.items():
        before = runs_ended(told)
        run = start(queue, Script(*events).go_on(), ANN)
        until(lambda: caplog.records)
        (record,) = caplog.records
        assert f"run {run.id[:8]} {told}: 512 pixels, " in record.getMessage()
        assert not any(
            secret in record.getMessage() for secret in (run.id, "secret", ANN.session, ANN.address)
        )
        assert runs_ended(told) == before + 1
        caplog.clear()


def runs_ended(outcome):
    return metrics.REGISTRY.get_sample_value("styletx_runs_total", {"outcome": outcome}) or 0


def test_closing_waits_for_those_who_are_told_and_says_whether_all_were(queue, clock):
    script = Script(*AT_WORK)
    run = start(queue, script)
    script.rest()
    run.delivered.wait = clock.pass_  # nobody tells of it
    began = clock()
    assert not queue.close(patience=20)
    assert clock() - began == 20
    del run.delivered.wait
    run.delivered.set()
    assert not queue.close()  # something is still at work
    script.go_on()
    assert queue.close(patience=30)


def test_who_comes_when_it_is_closing_is_told_so(queue):
    queue.close()
    with pytest.raises(Busy, match="is shutting down"):
        start(queue, Script(result()))
    assert not queue.jobs
