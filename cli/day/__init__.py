"""`run.py --demo-day`: a whole trading day in a minute, and a report that ties out with the account."""
