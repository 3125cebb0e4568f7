"""What entries state is what the makers of events wrote into them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from support.packages import MUNIMENT, SUBMISSION
from support.records import MOMENT, package_named, sha256_of

from preservation.ingest_events import IngestEvents
from preservation.model.decisions import PolicyReference
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import StoreName
from preservation.model.orders import ORDER_WITHDRAWN, Order, ordered_by, stated_terms
from preservation.model.packages import Replica
from preservation.model.paths import BagPath
from preservation.model.submissions import DropKind, Received, Submission
from preservation.model.tag_digests import TagDigest
from preservation.model.verdicts import Verdict
from storage.journal.entries import follow, read_entry
from storage.ports.journal import GENESIS, Entry
from storage.rebuild.statements import (
    Ended,
    EnteredVersion,
    Ordered,
    OrderWithdrawn,
    Replicated,
    Started,
    statement_in,
)

NAME = "a v1 written to store x, submission 5c"
PACKAGE = package_named(f"maps/{NAME}/v12")
SUBMITTED = Submission(SUBMISSION, PACKAGE.object, Path(f"/inbox/{NAME}; submission 00"), MOMENT)
INGEST = IngestEvents(SUBMITTED, MUNIMENT, lambda: MOMENT + timedelta(seconds=9))
DIGESTS = (TagDigest(BagPath("tagmanifest-sha256.txt"), Algorithm.SHA256, sha256_of("tags")),)


def entry_of(event: Event) -> Entry:
    [(_, filed)] = follow(GENESIS, [event])
    return read_entry(filed.line)


def test_an_accession_states_the_version_its_time_and_its_digests():
    event = INGEST.registered(str(PACKAGE), DIGESTS)
    assert statement_in(entry_of(event)) == EnteredVersion(PACKAGE, event.at, DIGESTS)


def test_a_replication_states_when_a_store_gave_everything_back_and_how_much_that_was():
    replica = Replica(StoreName("far-away_2"), "there", MOMENT, 12_345, 1)
    found = statement_in(entry_of(INGEST.replicated(str(PACKAGE), replica)))
    assert found == Replicated(PACKAGE, replica.store, MOMENT, 12_345, 1)


@pytest.mark.parametrize("received", [None, Received(DropKind.SERIALIZED_BAG, Path("/x"))])
def test_a_beginning_states_the_submission_and_when_it_was_received(received: Received | None):
    event = INGEST.started(received)
    found = statement_in(entry_of(event))
    name = f"{NAME}; submission 00"
    assert found == Started(PACKAGE.object, SUBMISSION, event.identifier, MOMENT, name)


def test_an_end_states_its_verdict():
    entry = entry_of(INGEST.ended(Verdict.REJECTED, "No.", MOMENT))
    assert statement_in(entry) == Ended(PACKAGE.object, Verdict.REJECTED, entry)


def test_an_order_states_its_terms_and_a_withdrawal_its_reason():
    order = Order(PACKAGE.object, 12, names=('a "b"; c.tif',), due=date(2026, 12, 31), batch="3")
    entry = entry_of(INGEST.governed(PolicyReference("x", 1, sha256_of("x")), "governs"))
    assert statement_in(entry) is None
    for changed in (False, True):
        ordered = replace(entry, detail=ordered_by("x.csv", changed=changed), note=stated_terms(order))
        assert statement_in(ordered) == Ordered(order, entry.at, is_new=not changed)
        assert statement_in(replace(ordered, note="12 pages")) is None
    withdrawn = replace(entry, detail=ORDER_WITHDRAWN, note="It is lost.")
    assert statement_in(withdrawn) == OrderWithdrawn(PACKAGE.object, entry.at, "It is lost.")


def test_entries_about_other_things_state_nothing():
    entry = entry_of(INGEST.registered(str(PACKAGE), DIGESTS))
    for other in (
        replace(entry, object="_journal"),
        replace(entry, object=".hidden/x", detail=".hidden/x/v1 entered in the catalogue"),
        replace(entry, detail="maps/other/v1 entered in the catalogue"),
        replace(entry, event_type="an event of the future"),
        replace(entry, event_type="ingestion end", detail="a verdict of the future"),
    ):
        assert statement_in(other) is None
