"""Commands that need no server: help, check, simulate, keys, migrate, backup."""

import hashlib
import json
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.store.connection import connect
from gateway.store.database import Store
from tests.cli.conftest import Run

OVERAGE = '{"plan": "Basic 300", "minutes_over": 120, "charge": "50.00", "currency": "USD"}'
CONTRACT = (
    "run", "demo", "check", "doctor", "fire", "send", "trace", "simulate", "carrier-sim", "migrate", "keys", "users",
    "export", "erase", "audit", "backup", "dead-letters",
)  # fmt: skip


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")


# -- the command line itself


def test_help_lists_every_command(careline: Run) -> None:
    result = careline("--help", env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exit_code == 0
    for command in CONTRACT:
        assert re.search(rf"^\W*{command}\s", result.stdout, re.MULTILINE), command
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_command_line_starts_without_heavy_modules() -> None:
    heavy = ("aiohttp", "sqlalchemy", "pydantic", "jinja2", "smpplib", "babel", "gateway.app")
    code = f"import sys, gateway.cli; print([name for name in {heavy!r} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("check", "--nonsense"), ("keys", "add"), ("keys", "add", "x", "--role", "king")]
)
def test_wrong_use_is_status_2_on_standard_error(careline: Run, arguments: tuple[str, ...]) -> None:
    result = careline(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr


@pytest.mark.parametrize("arguments", [("users", "add", "ana"), ("export", "x"), ("erase", "x"), ("audit", "verify")])
def test_what_is_not_there_yet_says_so(careline: Run, arguments: tuple[str, ...]) -> None:
    result = careline(*arguments)
    assert result.exit_code == 1
    assert "comes with" in result.stderr or "come with" in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("demo", "--port"), ("carrier-sim", "--port"), ("carrier-sim", "--http-port")])
@pytest.mark.parametrize("port", ["65536", "-1", "x"])
def test_a_port_that_is_none(careline: Run, arguments: tuple[str, ...], port: str) -> None:
    result = careline(*arguments, port)
    assert result.exit_code == 2
    assert "port" in result.stderr


# -- check


def test_check_of_the_shipped_configuration(careline: Run, config: Path) -> None:
    result = careline("check", "--config", str(config))
    assert result.exit_code == 0, result.stderr
    assert "ok: 1 brand, 1 carrier, 5 handlers, 2 offers" in result.stdout
    assert not result.stderr


def test_check_names_file_line_key_and_what_was_meant(careline: Run, config: Path) -> None:
    change(config / "gateway.toml", "timezone =", "timezon =")
    result = careline("check", "--config", str(config))
    assert result.exit_code == 2
    assert re.search(r"gateway\.toml:\d+: \S*timezon\S*: .*did you mean 'timezone'", result.stderr)


def test_check_of_texts_in_all_languages(careline: Run, config: Path) -> None:
    own = config / "templates" / "es"
    own.mkdir(parents=True)
    (own / "plan_overage.toml").write_text('kept = "Sigues en {{ plam }}."\nupgarded = "Listo."\n', "utf-8")
    result = careline("check", "--config", str(config))
    assert result.exit_code == 2
    assert re.search(r"plan_overage\.toml:1: plan_overage\.kept: .*'plam'.*did you mean 'plan'", result.stderr)
    assert re.search(r"plan_overage\.toml:2: .*did you mean 'plan_overage.upgraded'", result.stderr)


HANDLER = """
from gateway.triggers import EventData, Handler

class Data(EventData):
    pass

h = Handler("refund.made", schema=Data, message_class="transactional")

@h.start
def tell(talk, event):
    talk.say("plan_overage.nothing").offer("unlimitd").wait("choice")

@h.on("choice")
def ask(talk, reply):
    talk.escalate("biling", why=reply)
"""


def test_check_of_what_handlers_name(careline: Run, config: Path) -> None:
    (config / "handlers").mkdir()
    (config / "handlers" / "refund.py").write_text(HANDLER, "utf-8")
    change(config / "gateway.toml", "folders = []", 'folders = ["handlers"]')
    change(config / "gateway.toml", '"appointment"]', '"appointment", "refund"]')
    result = careline("check", "--config", str(config))
    assert result.exit_code == 2
    assert re.search(r"refund\.py:11: refund\.made: no offer 'unlimitd'.*did you mean 'unlimited'", result.stderr)
    assert re.search(r"refund\.py:15: refund\.made: .*'biling'.*did you mean 'billing'", result.stderr)
    missing = config / "templates" / "es" / "plan_overage.toml"
    assert f"{missing}: nothing: this text is missing" in result.stderr.replace("\n", "")


def test_check_tells_where_a_handler_is_named_that_is_not_there(careline: Run, config: Path) -> None:
    change(config / "gateway.toml", '"flight_delay"', '"flight_dely"')
    change(config / "keywords.toml", 'handler = "balance"', 'handler = "balanse"')
    result = careline("check", "--config", str(config))
    assert result.exit_code == 2
    assert re.search(
        r"gateway\.toml:\d+: handlers\.load\[0\]: no module flight_dely; did you mean flight_delay\?", result.stderr
    )
    told = [line for line in result.stderr.splitlines() if "balanse" in line]
    assert all(re.search(r"keywords\.toml:\d+: keywords\[0\]\.handler: ", line) for line in told), told
    assert "did you mean balance?" in told[0]


def test_check_tells_all_that_is_wrong_in_one_run_and_as_json(careline: Run, config: Path) -> None:
    change(config / "gateway.toml", "timezone =", "timezon =")
    change(config / "rules.toml", "[classes.promotional]", "[classes.promotinal]")
    own = config / "templates" / "en"
    own.mkdir(parents=True)
    (own / "plan_overage.toml").write_text('kept = "{% for x in y %}"\n', "utf-8")
    result = careline("check", "--config", str(config), "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert not told["ok"]
    text = "\n".join(told["problems"])
    assert "timezon" in text
    assert "promotinal" in text
    assert "plan_overage.toml:1" in text


async def test_check_against_live_conversations(careline: Run, config: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "var" / "careline.db")
    await store.open()
    await store.close()
    with closing(connect(store.path)) as database:
        database.execute(
            "INSERT INTO dialogue (id, conversation_id, handler, version, state, step, slots, parked, misses, rank,"
            " data) VALUES (1, 1, 'plan.overage', 1, 'floor', 'chioce', '{}', '[]', 0, 0, '{}')"
        )
    result = careline("check", "--config", str(config))
    assert result.exit_code == 2
    assert "1 conversations wait in step chioce of plan.overage" in result.stderr


def test_check_of_a_folder_that_is_not_there(careline: Run) -> None:
    result = careline("check", "--config", "nowhere")
    assert result.exit_code == 2
    assert "nowhere/gateway.toml: is not there" in result.stderr


# -- simulate


def test_simulate_shows_texts_segments_and_effects(careline: Run, config: Path) -> None:
    result = careline("simulate", "plan.overage", "--data", OVERAGE, "--reply", "yes please", "--config", str(config))
    assert result.exit_code == 0, result.stderr
    said = " ".join(result.stdout.split())
    assert "120 min over Basic 300 cost $50.00" in said
    assert "1 segment" in said
    assert "the back office is called once" in said
    assert "close as offer_accepted" in said


def test_simulate_as_json_with_what_a_back_office_answers(careline: Run, config: Path) -> None:
    times = '"departure": "2026-11-23T16:10:00Z", "new_departure": "2026-11-23T18:40:00Z"'
    data = '{"flight": "AA12", "booking": "B", ' + times + "}"
    result = careline(
        "simulate", "flight.delayed", "--data", data, "--reply", "rebook", "--result", 'rebook={"flight": "AA34"}',
        "--json", "--config", str(config),
    )  # fmt: skip
    turns = json.loads(result.stdout)["turns"]
    assert [turn["moment"] for turn in turns] == ["start", "step choice on REBOOK", "result of rebook"]
    assert "AA34" in turns[-1]["texts"][0]["text"]


def test_simulate_silence_and_what_is_left_over(careline: Run, config: Path) -> None:
    base = ("simulate", "plan.overage", "--data", OVERAGE, "--config", str(config))
    assert "no_reply" in careline(*base, "--silence").stdout
    assert "not played: silence" in " ".join(careline(*base, "--reply", "why?", "--silence").stdout.split())
    assert "not played" not in careline(*base, "--silence", "--reply", "HELP").stdout
    assert "not played: 'and then?'" in " ".join(
        careline(*base, "--reply", "no", "--reply", "and then?").stdout.split()
    )


def test_simulate_leaves_stop_help_and_start_to_the_gateway(careline: Run, config: Path) -> None:
    def played(*replies: str) -> Any:
        told = [word for reply in replies for word in ("--reply", reply)]
        result = careline("simulate", "plan.overage", "--data", OVERAGE, *told, "--json", "--config", str(config))
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)["turns"]

    start, stop = played("Stop. Thank you", "YES")
    assert (stop["moment"], stop["customer"]) == ("STOP, above all handlers", "Stop. Thank you")
    assert "unsubscribed from Acme Mobile" in stop["texts"][0]["text"]
    assert (stop["state"], stop["effects"][-1], stop["note"]) == ("closed", "close as opted_out", "not played: 'YES'")
    _, help_, accepted, _, again = played("HELP", "YES", "start")
    assert "https://acme.example/help" in help_["texts"][0]["text"]
    assert help_["state"] == start["state"] == "waiting in choice"
    assert accepted["moment"] == "step choice on YES"
    assert "you are subscribed" in again["texts"][0]["text"]
    assert (again["state"], again["note"]) == ("closed", None)


def test_simulate_knows_the_operators_own_words_for_stop(careline: Run, config: Path) -> None:
    with (config / "keywords.toml").open("a", encoding="utf-8") as file:
        file.write('\n[compliance.pl]\nstop = ["KONIEC"]\n')
    result = careline("simulate", "plan.overage", "--data", OVERAGE, "--reply", "koniec", "--config", str(config))
    assert "close as opted_out" in result.stdout


def test_simulate_of_wrong_data_and_types(careline: Run, config: Path) -> None:
    unknown = careline("simulate", "plan.overag", "--config", str(config))
    assert unknown.exit_code == 2
    assert "did you mean plan.overage?" in unknown.stderr
    wrong = careline("simulate", "plan.overage", "--data", '{"plan": 1}', "--config", str(config))
    assert wrong.exit_code == 2
    assert "/minutes_over" in wrong.stderr
    assert careline("simulate", "plan.overage", "--data", "{", "--config", str(config)).exit_code == 2


# -- database


async def test_keys_are_made_while_the_gateway_runs(careline: Run, config: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "var" / "careline.db")
    await store.open()
    try:
        result = careline("keys", "add", "crm", "--role", "integrator", "--config", str(config))
        assert result.exit_code == 0, result.stderr
        key = result.stdout.strip()
        assert len(key) > 40
        rows = await store.read(
            lambda connection: connection.execute("SELECT hash, name, role FROM api_key").fetchall()
        )
        assert rows == [(hashlib.sha256(key.encode()).hexdigest(), "crm", "integrator")]
        assert key.encode() not in store.path.read_bytes()
    finally:
        await store.close()
    again = careline("keys", "add", "crm", "--role", "viewer", "--config", str(config))
    assert again.exit_code == 1
    assert "already" in again.stderr
    listed = json.loads(careline("keys", "list", "--json", "--config", str(config)).stdout)
    assert [(row["name"], row["role"]) for row in listed] == [("crm", "integrator")]
    removed = careline("keys", "remove", "crm", "--json", "--config", str(config))
    assert json.loads(removed.stdout) == {"name": "crm", "removed": True}
    assert careline("keys", "remove", "crm", "--config", str(config)).exit_code == 1


def test_keys_where_there_is_no_database(careline: Run, config: Path, tmp_path: Path) -> None:
    result = careline("keys", "list", "--config", str(config))
    assert result.exit_code == 1
    assert "there is no database at var/careline.db yet" in result.stderr
    assert not (tmp_path / "var").exists()


def test_migrate_and_backup(careline: Run, config: Path, tmp_path: Path) -> None:
    assert careline("backup", "copy.db", "--config", str(config)).exit_code == 1
    assert "made" in careline("migrate", "--config", str(config)).stdout
    assert "up to date" in careline("migrate", "--config", str(config)).stdout
    result = careline("backup", "copy.db", "--config", str(config), "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["bytes"] == (tmp_path / "copy.db").stat().st_size
    taken = careline("backup", "copy.db", "--config", str(config))
    assert taken.exit_code == 1
    assert "exists already" in taken.stderr
