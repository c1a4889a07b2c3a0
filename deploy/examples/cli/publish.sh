#!/bin/sh
# Publishes one purchase with Kafka's own tools: publish.sh [broker] [customer]
set -eu
broker=${1:-127.0.0.1:9092}
customer=${2:-customer-7}
order=order-$(date +%s%N)
when=$(date -u +%Y-%m-%dT%H:%M:%SZ)
items='[{"item_id": "22613", "quantity": 12, "price": 0.85}]'

echo "$customer|{\"event_id\": \"$order\", \"user_id\": \"$customer\", \"occurred_at\": \"$when\", \"items\": $items}" |
    kafka-console-producer.sh --bootstrap-server "$broker" --topic purchases \
        --reader-property parse.key=true --reader-property key.separator='|'
