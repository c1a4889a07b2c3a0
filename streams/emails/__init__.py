"""From a list that changed for the better to an email, at the right time, once.

rules.py       which change is worth an email, and when: one TOML file
standing.py    what is known of one customer, and how it changes: pure
decision.py    send now, later, never, or withhold from the control group: pure
zones.py       quiet hours in the customer's zone: pure
state.py       all standings in RocksDB, with what waits for a moment, and the places on the topics
intake.py      records of the topics into the state
desk.py        what is due is decided; what was sent or given up is noted
message.py     the email itself, from templates
links.py       signed links, and what a click or an unsubscription becomes
handover.py    one SMTP connection
telling.py     events to the topic
runner.py      all of this as a process
report.py      what the emails have changed, against the control group
"""
