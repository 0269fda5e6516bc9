"""The durable ledger: one writer's transactions, anybody's reads. Entities and rows never leave this room."""
