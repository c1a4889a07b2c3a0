#!/bin/sh
# Prints the newest list of each customer, then lists as they come: subscribe.sh [broker] [group]
# A record without a value takes a list back; one whose key is the byte 0xFF is a marker of the workers and says nothing.
set -eu
exec kafka-console-consumer.sh --bootstrap-server "${1:-127.0.0.1:9092}" --group "${2:-shop-$$}" \
    --topic recommendations --from-beginning --formatter-property print.key=true
