"""The page of a gateway: be a customer, buy, and watch the list change; and watch everything else beside it.

site.py              adds it to the gateway's application; door.py: who may see it
visit.py             one page that is open: what its visitor does; layout.py: where things stand on it
basket.py            a click on *buy*, until its list is there

feed.py              one reader of the topics for all pages, into watch.py
live.py              what is the same on all pages, drawn once and handed to each of them
tally.py, judging.py, catalogue.py, dead_letters.py, condition.py   what watch.py knows, each a part of it
versions.py          the versions, and what may be done with them

customer.py          what is shown of a customer, as plain values; pictures.py and charts.py draw
render.py            all of it as HTML, by templates/ ; wording.py: names, numbers and times
"""
