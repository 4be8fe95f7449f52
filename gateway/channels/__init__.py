"""Protocol adapters. Each knows `gateway.model` and nothing else of ours; `app` wires their callbacks."""
