"""From an order to the scorecard of vendors: it says what the drops were answered."""

from __future__ import annotations

import json
from pathlib import Path

from support.command_runs import NearArchive
from support.images import drawn, encoded

LIST = "object,vendor\nalbum,Maier\nledger,Müller\nletters,Müller\n"


def test_what_was_sent_back_stands_on_the_scorecard_of_its_vendor(fresh: NearArchive, tmp_path: Path):
    policy = fresh.directory / "policies" / "bit-level.toml"
    check = 'check   = "decodable-images"\noutcome = '
    policy.write_text(policy.read_text().replace(f'{check}"warn"', f'{check}"reject"'))
    listed = tmp_path / "orders.csv"
    listed.write_text(LIST, encoding="utf-8")
    assert fresh.run("order", "import", listed, "--collection", "files").returncode == 0
    page = encoded(drawn(), "JPEG", quality=95)
    drops = {name: tmp_path / "drops" / name for name in ("ledger", "letters")}
    for drop in drops.values():
        drop.mkdir(parents=True)
        (drop / "page 1.jpg").write_bytes(page)
    (drops["ledger"] / "page 2.jpg").write_bytes(page[: len(page) // 2])
    told = fresh.preserve(*drops.values(), collection="files")
    assert [one["verdict"] for one in told] == ["rejected", "stored"]
    (drops["ledger"] / "page 2.jpg").write_bytes(page)
    [again] = fresh.preserve(drops["ledger"], collection="files")
    assert again["verdict"] == "stored"

    made = fresh.run("report", "vendor", "--format", "json")
    assert made.returncode == 0, made
    maier, mueller = json.loads(made.stdout)["vendors"]
    assert (maier["vendor"], maier["whole"]["deliveries"]) == ("Maier", 0)
    counted = ("deliveries", "sent_back", "objects", "accepted_at_once")
    assert [mueller["whole"][name] for name in counted] == [3, 1, 2, 1]
    [fault] = mueller["faults"]
    assert (fault["code"], fault["deliveries"], fault["files"], fault["pictures"]) == ("SCR-020", 1, 1, 1)
    assert mueller["rescan_days"] is not None
    assert mueller["unread"] == 0

    said = fresh.run("report", "vendor", "--vendor", "Müller")
    assert "Of 2 objects delivered, 1 (50 %) accepted at the first time" in said.stdout
    [html] = (fresh.directory / "reports").glob("*-vendors-vendor-M*.html")
    text = html.read_text("utf-8")
    assert ("Müller" in text, "Maier" in text, text.count("<img ")) == (True, False, 1)
    assert fresh.run("report", "vendor", "--collection", "no/name").returncode == 2
