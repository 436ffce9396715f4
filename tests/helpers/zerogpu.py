"""A stand-in for ZeroGPU's platform: the work in a process that is forked for it.

python -m tests.helpers.zerogpu

tells in JSON how a run fares there. It is a process of its own, since what forks must not have
painted before.
"""

import json
import pickle
import sys
from contextlib import closing
from multiprocessing import active_children, get_context

told = []  # the steps of all reports of those processes, also of those that nobody waited for


def lend(work):
    """Stand in for the platform: values are pickled, and after each it is seen whether anybody
    still wants the next."""

    def lent(*given, **more):
        context = get_context("fork")
        (here, there), stop = context.Pipe(duplex=False), context.Event()
        pickled = pickle.dumps((given, more))
        process = context.Process(target=run, args=(work, pickled, there, stop))
        process.start()
        there.close()  # so that the end of the process is the end of what it says
        try:
            yield from received(here)
        finally:
            stop.set()
            for _ in received(here):  # what it has said meanwhile
                pass
            process.join()

    return lent


def run(work, pickled, there, stop):
    """Work in the forked process."""
    given, more = pickle.loads(pickled)
    with closing(work(*given, **more)) as events:
        for event in events:
            there.send_bytes(pickle.dumps(event))
            if stop.is_set():
                return


def received(here):
    """The events that a process sends, until it ends."""
    while True:
        try:
            event = pickle.loads(here.recv_bytes())
        except EOFError:
            return
        told.append(event.step)
        yield event


def main():
    import spaces
    import torch
    from PIL import Image

    asked = []
    spaces.GPU = lambda duration: asked.append(duration) or lend
    torch.set_num_threads(1)  # also for the processes that are forked

    from styletx import Settings, Style
    from styletx.runners.registry import get_runner
    from tests.helpers.network import small_weights

    photo = Image.radial_gradient("L").convert("RGB")
    given = {"content": photo, "styles": [Style(photo)], "weights": small_weights()}
    runner = get_runner({"SPACES_ZERO_GPU": "1"})
    events = runner(**given, settings=Settings(size=512, steps=2000))
    first, second = next(events).step, next(events).step
    events.close()
    facts = {"first": first, "second": second, "stopped": told[-1], "left": len(active_children())}
    *_, result = runner(**given, settings=Settings(size=64, steps=3))
    facts |= {"step": result.step, "seconds": asked[0](photo, [], Settings())}
    sys.stdout.write(json.dumps(facts))


if __name__ == "__main__":
    main()
