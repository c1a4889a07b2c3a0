"""The same lists, histories and purchases over HTTP, for those who do not speak Kafka.

server.py            opens everything, listens, and ends
app.py               the FastAPI application of all that follows; services.py is what its routes share
purchases.py         POST /v1/purchases
recommendations.py   GET /v1/users/{id}/recommendations and /history
what_if.py           GET /v1/items/{id}/recommendations, GET /v1/users/{id}/plan
stream.py            GET /v1/recommendations/stream
email_links.py       GET /v1/emails/click, GET and POST /v1/emails/unsubscribe; email_pages.py is what people see
health.py            /live, /ready, /metrics

topic_reader.py      one reader of all topics, into store.py (RocksDB); views.py reads from there
broadcast.py         the lists that have just come, to everybody who listens
access.py            keys.py and rate_limit.py: who may ask what, and how often
problems.py          every error as application/problem+json; answers.py and openapi.py are all the rest
"""
