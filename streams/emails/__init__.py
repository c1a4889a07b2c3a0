"""From a list that changed for the better to an email, at the right time, once.

rules.py           which change is worth an email, and when: one TOML file
standing.py        what is known of one customer, and how it changes: pure
decision.py        send now, later, never, or withhold from the control group: pure
zones.py           quiet hours in the customer's zone: pure
state.py           all standings in RocksDB, with what waits for a moment, and the places on the topics
reader.py          records from the topics, and
intake.py          what they say, into the state
desk.py            who is due is decided about; what became of an email is noted
message.py         the letter itself, from templates, with
links.py           links that are signed
handover.py        one SMTP connection
telling.py         events to the topic
runner.py          all of this as a process
feedback.py        clicks and unsubscriptions, for whoever serves the links
dry_run.py         what would be sent now, and why not the rest
report.py          what the emails have changed, against the control group
customer_files.py  customers from a file in place of the topic
"""
