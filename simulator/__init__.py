"""An Alpaca look-alike, met over HTTP and WebSocket only: it shares no code with the client it judges."""
