"""Put a made-up log of so many lines into columns, and tell as JSON what it took:

python -m tests.swaps.log_memory FOLDER LINES

The log is written to the trainer's copy beforehand. Peak memory is what the kernel counted while the columns were
made, the pages of their files included; `own` is without these, once they are there.
"""

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from rocksdict import Options, Rdict, WriteBatch

from streams.contract.messages import log_key
from trainer.log_store import LogStore
from trainer.purchase_history import from_records

LINES_PER_ORDER, ORDERS_PER_USER, ITEMS = 4, 20, 20_000
START = 1_300_000_000
ORDERS_AT_A_TIME = 10_000


def orders(n_lines: int) -> Iterator[tuple[bytes, bytes]]:
    """Log records of users who come every few days."""
    for number in range(n_lines // LINES_PER_ORDER):
        user, visit = divmod(number, ORDERS_PER_USER)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + visit * 600_000 + user * 37 % 600_000))
        lines = (f'{{"item_id":"item-{(number * 31 + line * 977) % ITEMS}","quantity":2}}' for line in range(4))
        event_id, user_id = f"order-{number}", f"user-{user}"
        value = (
            f'{{"type":"purchase","event_id":"{event_id}","user_id":"{user_id}","occurred_at":"{at}",'
            f'"items":[{",".join(lines)}]}}'
        )
        yield log_key(user_id, event_id), value.encode()


def fill(folder: Path, n_lines: int) -> None:
    """Write the copy of the log."""
    database = Rdict(str(folder), Options(raw_mode=True))
    records = orders(n_lines)
    while some := list(itertools.islice(records, ORDERS_AT_A_TIME)):
        batch = WriteBatch(raw_mode=True)
        for key, value in some:
            batch[key] = value
        database.write(batch)
    database.close()


def memory_mib(kind: str) -> float:
    """One of the kernel's figures of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:"))


def main() -> None:
    folder, n_lines = Path(sys.argv[1]), int(sys.argv[2])
    fill(folder / "log", n_lines)
    before = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    began = time.monotonic()
    with LogStore(folder / "log") as store:
        history = from_records(store.records(), folder / "columns")
    seconds = time.monotonic() - began
    told = {
        "lines": len(history.purchases),
        "seconds": round(seconds, 1),
        "records_per_s": round(history.n_events / seconds),
        "before_mib": round(before),
        "peak_mib": round(memory_mib("VmHWM")),
        "own_mib": round(memory_mib("RssAnon")),
    }
    sys.stdout.write(msgspec.json.encode(told).decode() + "\n")


if __name__ == "__main__":
    main()
