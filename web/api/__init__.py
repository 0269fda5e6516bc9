"""The API's routes, a file a subject; `paging`, `views` and `asking` are what they share."""
