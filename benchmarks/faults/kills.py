# Licensed under the Apache License, Version 2.0.
"""Signals: SIGKILL at any moment and while saving, SIGTERM, Ctrl-C, two at once."""

import pathlib
import signal
import time

from benchmarks.faults.setting import (
    SAME_WEIGHTS,
    SAVE_STEPS,
    STEPS,
    Row,
    Setting,
    finish,
    is_saving,
    message_problems,
    row,
    saved_step,
    went_on_problems,
)
from benchmarks.faults.training_process import WatchedProcess

# A kill that met no saving is tried again so often.
_MISSES = 6
# No signal is sent in these, or the training would have ended before it comes.
_LAST_STEPS = 5
_EXIT_CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}


def kill_at_random(setting: Setting, number: int) -> list[Row]:
    """Kills a training at random moments, its starts included, and lets it end.

    Args:
        setting: the training.
        number: of kills.
    """
    folder = setting.workdir / "killed"
    early = number // 4
    moments: list[int] = sorted(
        setting.rng.randrange(1, STEPS - _LAST_STEPS) for _ in range(number - early)
    )
    for _ in range(early):
        # 0: while it starts.
        moments.insert(setting.rng.randrange(len(moments) + 1), 0)
    tries: list[list[str]] = []
    step = misses = 0
    while len(tries) < number:
        moment = moments[len(tries)]
        with setting.train(folder) as process:
            if moment:
                process.wait_for_step(moment)
                time.sleep(setting.rng.random() / 5)
            else:
                time.sleep(setting.rng.uniform(0.1, setting.start_seconds))
            process.send(signal.SIGKILL)
            if process.end() == 0 and misses < _MISSES:
                # A busy machine: the training was over before the signal came.
                misses += 1
                folder, step = setting.workdir / f"killed_{misses}", 0
                setting.say("a training ended before it was killed, once more")
                continue
            step, problems = _after_kill(process, folder, step=step)
        tries.append(problems)
        where = f"step {process.steps[-1]}" if process.steps else "the start"
        setting.say(f"SIGKILL {len(tries)}/{number} at {where}: {problems or 'right'}")
    with setting.train(folder) as process:
        problems = finish(process, setting=setting, folder=folder, step=step)
    setting.say(f"the run that was killed {number} times ends: {problems or 'right'}")
    return [
        row(
            "SIGKILL at a random moment",
            "the last checkpoint is whole and finite; the next start goes on from it",
            tries,
        ),
        row(f"the same run, after {number} kills", SAME_WEIGHTS, [problems]),
    ]


def kill_while_saving(setting: Setting, number: int) -> list[Row]:
    """Kills a training while the files of a checkpoint are being written.

    Args:
        setting: the training.
        number: of kills that met a saving.
    """
    folder = setting.workdir / "killed_while_saving"
    moments = sorted(setting.rng.randrange(1, STEPS - 20) for _ in range(number))
    tries: list[list[str]] = []
    step = misses = 0
    while len(tries) < number and misses <= _MISSES:
        flags = ("--save_interval_steps=2",)
        with setting.train(folder, *flags) as process:
            process.wait_for_step(moments[len(tries)])
            _wait_for_partial_files(folder, process)
            time.sleep(setting.rng.random() * 0.01)
            process.send(signal.SIGKILL)
            # The files of an unfinished checkpoint show that the kill met a saving.
            met = is_saving(folder)
            step, problems = _after_kill(process, folder, step=step, save_steps=2)
        misses += not met
        if met or problems:
            tries.append(problems)
        note = problems or ("right" if met else "missed the saving, once more")
        setting.say(f"SIGKILL while saving {len(tries)}/{number}: {note}")
    with setting.train(folder) as process:
        problems = finish(process, setting=setting, folder=folder, step=step)
    if any(folder.glob(".partial-*")):
        problems.append("files of an unfinished checkpoint are still there")
    setting.say(f"the run that was killed while saving ends: {problems or 'right'}")
    return [
        row(
            "SIGKILL while a checkpoint is written",
            "the checkpoint before is whole and finite; the next start goes on from it",
            tries,
        ),
        row(f"the same run, after {len(tries)} kills", SAME_WEIGHTS, [problems]),
    ]


def stop_by_signal(setting: Setting, number: int) -> list[Row]:
    """Ends a training by SIGTERM at random steps and by Ctrl-C, and lets it end.

    Args:
        setting: the training.
        number: of SIGTERMs; one SIGINT follows.
    """
    folder = setting.workdir / "stopped"
    moments = sorted(
        setting.rng.randrange(1, STEPS - _LAST_STEPS) for _ in range(number + 1)
    )
    kinds = [signal.SIGTERM] * number + [signal.SIGINT]
    tries, step = [], 0
    for moment, kind in zip(moments, kinds, strict=True):
        with setting.train(folder) as process:
            process.wait_for_step(max(moment, step + 1))
            process.send(kind)
            words = (kind.name, "saved as", "The same command goes on")
            problems = message_problems(process, code=_EXIT_CODES[kind], words=words)
            problems += went_on_problems(process, step=step)
            step, damage = saved_step(folder)
            problems += damage
            if step != process.steps[-1]:
                problems.append(f"saved {step}, not {process.steps[-1]}")
        tries.append(problems)
        setting.say(f"{kind.name} at step {step}: {problems or 'right'}")
    with setting.train(folder) as process:
        second = _start_second(setting, folder, process)
        problems = finish(process, setting=setting, folder=folder, step=step)
    setting.say(f"the run that was stopped ends: {problems or 'right'}")
    meaning = "the step that it had reached is saved; the exit code is that of the "
    return [
        row("SIGTERM", f"{meaning}signal, 143", tries[:number]),
        row("SIGINT (Ctrl-C)", f"{meaning}signal, 130", tries[number:]),
        row(
            "a second training in the same folder",
            "it ends with a message; the first one goes on",
            [second],
        ),
        row(f"the same run, after {number + 1} signals", SAME_WEIGHTS, [problems]),
    ]


def _after_kill(
    process: WatchedProcess,
    folder: pathlib.Path,
    *,
    step: int,
    save_steps: int = SAVE_STEPS,
) -> tuple[int, list[str]]:
    """Returns the step of the last checkpoint and what is wrong.

    Args:
        process: the training that was killed.
        folder: of the run.
        step: of the checkpoint that it had to go on from.
        save_steps: steps between two checkpoints.
    """
    problems = went_on_problems(process, step=step)
    code = process.end()
    if code != -signal.SIGKILL:
        problems.append(f"it was not killed, but ended with exit code {code}")
    found, damage = saved_step(folder)
    # A step is reported before its checkpoint is written.
    reported = process.steps[-1] if process.steps else 0
    needed = max(step, (reported - 1) // save_steps * save_steps)
    if found < needed:
        problems.append(f"the last checkpoint is of step {found}, not {needed}")
    return found, problems + damage


def _wait_for_partial_files(folder: pathlib.Path, process: WatchedProcess) -> None:
    """Waits until a file of an unfinished checkpoint shows."""
    # Without a pause: a saving takes milliseconds.
    while process.is_running and not is_saving(folder):
        pass


def _start_second(
    setting: Setting, folder: pathlib.Path, first: WatchedProcess
) -> list[str]:
    """Starts a second training beside a running one; returns what was wrong."""
    first.wait_until(lambda: bool(first.steps))
    with setting.train(folder) as second:
        words = (str(folder), "another")
        problems = message_problems(second, code=1, words=words)
    if not first.is_running:
        problems.append("the first one had ended before")
    setting.say(f"a second training: {problems or 'right'}")
    return problems
