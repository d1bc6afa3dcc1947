"""A batch of records from beginning to end. Knows neither Faust nor how Kafka and PostgreSQL are reached.

    decode → claim (events only) → begin, but for what waits for its flow, and advance → answer what tools need, for the
    whole batch at once, and advance again until every run has left → publish everything, return when all of it is
    acknowledged

Only then may the batch's offsets be committed. Done again after a crash, a batch gives the same records, same ids.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pydantic import ValidationError

from contracts.dead_letters import REDRIVEN, REDRIVEN_FLOW, REDRIVEN_OCCURRENCE
from contracts.errors import ErrorCode
from contracts.events import Event
from contracts.faults import first_faults
from contracts.ids import stable_id
from contracts.runs import Outcome, RunMessage
from contracts.triggers.payload import Payload
from services.flows.advance import begin
from services.flows.compiled import CompiledFlow
from services.flows.creations import told
from services.flows.outcomes import Ask
from services.flows.seen_events import OTHER_CONTENT, SEEN, content_of
from services.flows.state.cells import Asked
from services.flows.sync import changed
from services.flows.waiting import WaitMatch, hashes_of
from services.runtime import metrics
from services.runtime.apart import apart
from services.runtime.kafka import ConsumedRecord, OutgoingRecord, history, offset_gaps
from services.runtime.kafka.records import PublishesBatches
from services.runtime.tables.dead_runs import DeadRunMark
from services.tools import metrics as tools_metrics
from services.tools import need_answers, unhandled_errors
from services.tools.claims import ClaimAnswer, EventClaim, Repeat, SubjectOrder
from services.tools.dead_letters import dead_letter
from services.tools.echoes.echoes import Echoes, NoSuppression
from services.tools.event_reading import event_of
from services.tools.held.flow_door import Admission, Door, OpenDoor
from services.tools.run_jobs import RunJob, begun
from services.tools.timers.timer import EndedWait
from services.tools.timers.timers import Timers

SHOWN_FAULTS = 5
DECLARED = frozenset({"hooks", "polls"})
OTHER_SOURCES = "events"
LONGEST_WHY = 300


class RunningFlows(Protocol):
    """The flows that run: `folder_flows.FolderFlows` and `deployed_flows.DeployedFlows`."""

    @property
    def deployment(self) -> str:
        """Which set of flows runs now."""
        ...

    def for_trigger(self, type_: str, deployment: str) -> tuple[CompiledFlow, ...]:
        """The flows of a set that an event of this type starts. Of one that cannot be had: those that run now."""
        ...

    def declared(self, type_: str) -> type[Payload] | None:
        """The model of a trigger that a sources file declares, for the data of other teams' producers."""
        ...

    async def recall(self, deployments: Collection[str]) -> None:
        """Make earlier sets ready. Waits while PostgreSQL is away."""
        ...

    def matches(self, type_: str) -> tuple[WaitMatch, ...]:
        """How waits read the key of an event."""
        ...

    def current(self, name: str) -> str | None:
        """The version in which new runs of a flow begin; None when there is no such flow."""
        ...

    def version(self, name: str, version: str) -> CompiledFlow | None:
        """The flow of a run; None when this version cannot be had."""
        ...

    def why_not(self, name: str, version: str) -> str:
        """Why a version cannot be had, and what to do."""
        ...

    async def fetch(self, wanted: Collection[tuple[str, str]]) -> None:
        """Make versions (name, version) ready to be asked for. Waits while PostgreSQL is away."""
        ...


Claims = Callable[[Sequence[EventClaim]], Awaitable[Sequence[ClaimAnswer]]]
"""For each claim, its note if its claimer is the first, else why not. Waits while PostgreSQL is away."""

Deaths = unhandled_errors.Died
"""Told of runs that end as dead, each with its calls that were done. Waits while PostgreSQL is away."""


class BatchProcessor:
    """What this service does with a batch. Its methods do not raise for what a record or a flow holds.

    What nobody foresaw is found by doing the batch again in halves, as after a crash: the record with which it comes
    even alone becomes a dead letter.
    """

    def __init__(
        self,
        flows: RunningFlows,
        claim: Claims,
        publisher: PublishesBatches,
        timers: Timers,
        *,
        answer: need_answers.Answerers | None = None,
        on_batch: Callable[[], object] = lambda: None,
        died: Deaths = unhandled_errors.nobody,
        echoes: Echoes | None = None,
        door: Door | None = None,
    ) -> None:
        self._flows = flows
        self._claim = claim
        self._publisher = publisher
        self._timers = timers
        self._echoes = echoes or NoSuppression()
        self._answerers = answer or {}
        self._on_batch = on_batch
        self._died = died
        self._door = door or OpenDoor()

    async def events(self, records: Sequence[ConsumedRecord]) -> None:
        """Take a batch of the topic `events`; return when all that follows from it is acknowledged by Kafka."""
        _consumed(records)
        await apart(records, self._events, self._broke)

    async def runs(self, records: Sequence[ConsumedRecord]) -> None:
        """Take a batch of the topic `runs`: as `events`."""
        _consumed(records)
        await apart(records, self._runs, self._broke)

    async def _broke(self, record: ConsumedRecord, error: Exception) -> None:
        await unhandled_errors.bury(record, error, self._publisher.publish, self._died)

    async def _events(self, records: Sequence[ConsumedRecord]) -> list[None]:
        batch = _Batch()
        read: list[tuple[ConsumedRecord, Event]] = []
        for record in _readable(records, batch):
            try:
                read.append((record, _occurred(record, event_of(record.value, record.headers, self._flows.declared))))
            except ValidationError as error:
                _unreadable(batch.slot(), record, ErrorCode.EVENT_INVALID, error)
        arrived = await self._arrived(read)
        ended = await self._end_waits([one.event for one in arrived if one.end is None])
        meant = [
            _meant(one.record, self._flows.for_trigger(one.event.type, one.begins)) if one.end is None else ()
            for one in arrived
        ]
        batch.admission = await self._door.open(
            # What is a duplicate says nothing of what it was made of: the first of them does.
            [
                (one.record, one.event, flows)
                for one, flows in zip(arrived, meant, strict=True)
                if one.end is None or one.end.outcome is not Outcome.DUPLICATE
            ]
        )
        for one, flows in zip(arrived, meant, strict=True):
            for flow in flows:
                if flow.name in one.event.led_by:
                    batch.slot().append(history.end_of_run(begin(flow, one.event), Outcome.SUPPRESSED, reason=one.why))
                elif self._door.admits(batch.admission, one.record, one.event, flow) and (
                    job := begun(one.record, flow, one.event, batch.slot())
                ):
                    batch.jobs.append(job)
            if not flows and one.end is None and one.event.led_by:
                _without_run(batch.slot(), one, _End(Outcome.SUPPRESSED, one.why))
            elif not flows:
                nobody = "it ended a wait" if any(one.event is by.event for by in ended) else "no flow for it"
                _without_run(batch.slot(), one, one.end or _End(Outcome.FILTERED, nobody))
        batch.slot().extend(each.record(_why(each.event)) for each in ended)
        await self._finish(batch)
        await self._timers.delete([each.wait.id for each in ended])
        return [None] * len(records)

    async def _runs(self, records: Sequence[ConsumedRecord]) -> list[None]:
        batch = _Batch()
        read: list[tuple[ConsumedRecord, RunMessage]] = []
        for record in _readable(records, batch):
            try:
                read.append((record, RunMessage.read(record.value)))
            except ValidationError as error:
                _unreadable(batch.slot(), record, ErrorCode.RUN_INVALID, error)
        batch.admission = await self._door.open([])
        await self._flows.fetch({(message.run.flow, message.run.version) for _, message in read})
        for record, message in await self._first_wakes(read):
            run = message.run
            flow = self._flows.version(run.flow, run.version)
            if flow is None:
                cause = self._flows.why_not(run.flow, run.version)
                letter = dead_letter(record, ErrorCode.FLOW_UNKNOWN, cause, run=run)
                end = history.end_of_run(run, Outcome.DEAD, reason=cause, code=ErrorCode.FLOW_UNKNOWN)
                batch.slot().extend((letter, end))
                batch.dead.append(DeadRunMark(run.id, run.done + (message.answer is not None and message.answer.done)))
                continue
            batch.jobs.append(RunJob(record, flow, run, batch.slot(), message.answer, wake=message.wake))
        await self._finish(batch)
        return [None] * len(records)

    async def _arrived(self, read: Sequence[tuple[ConsumedRecord, Event]]) -> list[_Arrived]:
        """The events, without what our own writes caused; with their end, where they have one already."""
        begins = self._flows.deployment
        notes = await self._claim([_claim(record, event, begins) for record, event in read])
        # A replay begins what it began before, whatever was deployed since.
        await self._flows.recall({note for note in notes if isinstance(note, str)})
        first = [isinstance(note, str) for note in notes]
        changes = {
            record.position: (event, change)
            for (record, event), is_first in zip(read, first, strict=True)
            if is_first and (change := told(event) or changed(event)) is not None
        }
        judged = await self._echoes.judge(list(changes.values()))
        verdicts = dict(zip(changes, judged, strict=True))
        arrived = []
        for (record, event), note in zip(read, notes, strict=True):
            verdict = verdicts.get(record.position)
            if not isinstance(note, str):
                arrived.append(_Arrived(record, event, _again(event, note)))
            elif verdict is None:
                arrived.append(_Arrived(record, event, None, note))
            elif verdict.passes:
                arrived.append(_Arrived(record, verdict.event, None, note, verdict.why))
            elif verdict.decision == "suppressed":
                arrived.append(_Arrived(record, event, _End(Outcome.SUPPRESSED, verdict.why)))
            else:
                arrived.append(_Arrived(record, event, _End(Outcome.DEAD, verdict.why, ErrorCode.SYNC_LOOP)))
        return arrived

    async def _end_waits(self, events: Sequence[Event]) -> Sequence[EndedWait]:
        """The waits that these events end."""
        return await self._timers.ended_by(
            [(one, event) for event in events for one in hashes_of(event, self._flows.matches(event.type))]
        )

    async def _first_wakes(
        self, read: Sequence[tuple[ConsumedRecord, RunMessage]]
    ) -> list[tuple[ConsumedRecord, RunMessage]]:
        """Without those that end a wait which another record has ended: by its time, an event, a replica that died."""
        wishes = [
            EventClaim(message.run.event.account, message.wake.timer, record.position)
            for record, message in read
            if message.wake is not None
        ]
        first = iter(await self._timers.first(wishes))
        kept = []
        for record, message in read:
            if message.wake is not None:
                counts = next(first)
                tools_metrics.WAITS_ENDED.labels(message.wake.by.value if counts else "again").inc()
                if not counts:
                    continue
            kept.append((record, message))
        return kept

    async def _finish(self, batch: _Batch) -> None:
        jobs = batch.jobs
        while jobs:
            asking = [(job, ask) for job in jobs if (ask := job.step()) is not None]
            answers = await need_answers.answer(self._answerers, [_asked(ask) for _, ask in asking])
            jobs = []
            for (job, ask), answer in zip(asking, answers, strict=True):
                if isinstance(answer, need_answers.Unanswered):
                    job.broke(answer.error)
                else:
                    job.answered(ask, answer)
                    jobs.append(job)
        batch.dead += [DeadRunMark(job.run.id, job.done) for job in batch.jobs if job.died]
        if batch.dead:
            await self._died(batch.dead)
        await self._echoes.write([job.write for job in batch.jobs if job.write is not None])
        await self._timers.set([job.timer for job in batch.jobs if job.timer is not None])
        await self._door.kept(batch.admission)
        await self._publisher.publish(batch.outputs())
        await self._door.closed(batch.admission, batch.jobs)
        self._on_batch()


@dataclass(frozen=True, slots=True)
class _End:
    """How an event ends that starts no run."""

    outcome: Outcome
    why: str
    code: ErrorCode | None = None


@dataclass(frozen=True, slots=True)
class _Arrived:
    """An event, and how it ended already."""

    record: ConsumedRecord
    event: Event
    end: _End | None
    begins: str = ""  # the set of flows that it begins, or has begun
    why: str = ""  # that it was judged so


class _Batch:
    """The runs of a batch, and what it publishes: in the order of its records, whenever each run has left."""

    def __init__(self) -> None:
        self.jobs: list[RunJob] = []
        self.dead: list[DeadRunMark] = []
        self.admission = Admission()
        self._slots: list[list[OutgoingRecord]] = []

    def slot(self) -> list[OutgoingRecord]:
        """Where the next record, or run of it, leaves its outputs."""
        outputs: list[OutgoingRecord] = []
        self._slots.append(outputs)
        return outputs

    def outputs(self) -> list[OutgoingRecord]:
        """All of them, in order."""
        return [output for outputs in self._slots for output in outputs]


def _readable(records: Sequence[ConsumedRecord], batch: _Batch) -> list[ConsumedRecord]:
    """Those that are records. What nobody can read is told of, and stops no topic: waiting does not make it whole."""
    read = []
    for record in records:
        gap = offset_gaps.unreadable(record.value)
        if gap is None:
            read.append(record)
        else:
            cause, code = gap.cause or "", ErrorCode.RECORD_UNREADABLE
            batch.slot().extend((dead_letter(record, code, cause), history.unreadable(record, cause, code)))
    return read


def _without_run(outputs: list[OutgoingRecord], one: _Arrived, end: _End) -> None:
    if end.code is not None:
        outputs.append(dead_letter(one.record, end.code, end.why))
    outputs.append(history.event_without_run(one.event, one.record, end.outcome, end.why, end.code))


def _again(event: Event, why: Repeat | None) -> _End:
    """A duplicate. One whose content is another is told: its id may name something else than the event."""
    if why is None:
        return _End(Outcome.DUPLICATE, SEEN)
    tools_metrics.SAME_ID.labels(_source_label(event.source)).inc()
    return _End(Outcome.DUPLICATE, OTHER_CONTENT)


def _source_label(source: str) -> str:
    """The name of a declared source, as in metrics of ingest; all others are one, as anybody can make names."""
    _, kind, name = (*source.split("/", 2), "", "")[:3]
    return name if kind in DECLARED else OTHER_SOURCES


def _why(event: Event) -> str:
    """Why a wait is over."""
    return f"{event.type} came: event {event.id!r}"[:LONGEST_WHY]


def _consumed(records: Sequence[ConsumedRecord]) -> None:
    if records:
        metrics.CONSUMED.labels(records[0].topic.name).inc(len(records))


def _asked(ask: Ask) -> Asked:
    run = ask.run
    return Asked(run.event.account, run.flow, run.id, run.at, len(ask.answers), ask.need, run.done)


def _occurred(record: ConsumedRecord, event: Event) -> Event:
    """The event; one without an id of its own under the position of its record, where its like may have been before."""
    if event.contentid is None:
        return event
    before = _header(record, REDRIVEN_OCCURRENCE)
    occurrence = record.position if before is None else before.decode("utf-8", "replace")
    return event.model_copy(update={"occurrence": occurrence})


def _claim(record: ConsumedRecord, event: Event, note: str) -> EventClaim:
    redriven = _header(record, REDRIVEN)
    # A dead letter that comes back is no duplicate of the event that it was, but one of itself when it comes twice.
    # Nor does it say what its subject is by now.
    again = () if redriven is None else (redriven,)
    among = _among(record, event) if redriven is None else None
    keep = None if event.duplicateseconds is None else timedelta(seconds=event.duplicateseconds)
    # A hash: source and id together may be longer than an index row can be.
    key = stable_id(event.source, event.id, *again)
    return EventClaim(event.account, key, record.position, note, keep, among, content_of(event))


def _among(record: ConsumedRecord, event: Event) -> SubjectOrder:
    return SubjectOrder(
        stable_id(event.source, event.subject),
        f"{record.name}/{record.partition}",
        record.offset,
        event.accepted or event.time,
        None if event.contentid is None else stable_id(event.contentid),
    )


def _meant(record: ConsumedRecord, flows: Sequence[CompiledFlow]) -> Sequence[CompiledFlow]:
    """All flows of the trigger; of a dead letter that comes back only the one that it died in."""
    flow = _header(record, REDRIVEN_FLOW)
    return flows if flow is None else [one for one in flows if one.name == flow.decode("utf-8", "replace")]


def _header(record: ConsumedRecord, name: str) -> bytes | None:
    return next((value for header, value in record.headers if header == name), None)


def _unreadable(outputs: list[OutgoingRecord], record: ConsumedRecord, code: ErrorCode, error: ValidationError) -> None:
    # The values stay out of it: they are the sender's, and may be secret.
    faults = [
        f"{'/'.join(str(part) for part in fault['loc']) or 'the record'}: {fault['msg']}"
        for fault in first_faults(error, SHOWN_FAULTS)
    ]
    more = error.error_count() - SHOWN_FAULTS
    cause = "; ".join([*faults, f"and {more} more"] if more > 0 else faults)
    outputs.append(dead_letter(record, code, cause))
    outputs.append(history.unreadable(record, cause, code))
